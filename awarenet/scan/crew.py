"""Deal files out to workers, and give their reports in the order of the files.

A worker that dies, because memory ran out or a decoder crashed, takes nothing with it but the file
that it was at: that one is tried once more by another, and a file that nobody survives gets a
report that says so. Every worker is handed one file at a time, and only so many files are begun
before their turn as there is work for, so memory does not grow with the number of files.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from awarenet.errors import AwareNetError, Canceled
from awarenet.journal import difference
from awarenet.quality.refusals import refused
from awarenet.report import Notice, Report, Status, Timing

logger = logging.getLogger(__name__)

TRIES = 2  # of a file: the first death may have been another program's fault
AHEAD = 2  # files a worker that may be under way, waiting for their turn among them
MISSES = 3  # workers in a row that die before they can begin
POLL_S = 0.2  # between two looks at whether to stop


@dataclass(frozen=True)
class Died:
    """A worker is gone."""

    reason: str  # a few words


class Worker(Protocol):
    """Judges one file at a time; hashable."""

    def hand(self, path: Path) -> None:
        """Let it begin with a file."""

    def stop(self) -> None:
        """End it, whatever it is at; it may be gone already."""


class Workplace(Protocol):
    """Where workers run."""

    def open(self) -> None:
        """Make it ready."""

    def hire(self) -> Worker:
        """Start a worker; its first answer says that it is ready."""

    def wait(
        self, workers: Iterable[Worker], seconds: float | None
    ) -> list[tuple[Worker, Report | Died]]:
        """Wait until somebody answers or is gone; raises what a worker could not begin for."""

    def close(self) -> None:
        """Leave nothing behind."""


class Crew:
    """Several workers, in a `with` block; `examine` may be called again and again."""

    def __init__(self, workplace: Workplace, workers: int):
        """Note where they work and how many of them are wanted; nobody is hired yet."""
        self.workers = workers
        self._workplace = workplace
        self._starting: set[Worker] = set()
        self._idle: list[Worker] = []
        self._busy: dict[Worker, int] = {}  # number of the file that each is at
        self._misses, self._ended = 0, ""
        self._now: Report | None = None

    def __enter__(self) -> Crew:
        """Hire all of them; they begin side by side."""
        try:
            self._workplace.open()
            self._hire(self.workers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all of them."""
        for worker in self._everybody():
            self._dismiss(worker)
        self._workplace.close()

    def failure(
        self,
        path: Path,
        status: Status,
        message: str,
        values: Mapping[str, object] | None = None,
    ) -> Report:
        """Make the report of a file that could not be analyzed, as `Detector.failure` does.

        Raises:
            AwareNetError: The bundle or a setting is wrong, or no worker starts.
        """
        while self._now is None:
            self._hire(1)
            for worker, outcome in self._listen(None):
                self._hear(worker, outcome)
        return self._now.model_copy(
            update={
                "status": status,
                "input": self._now.input.model_copy(update={"name": path.name}),
                "warnings": [Notice(code=status, message=message, values=dict(values or {}))],
                "timing_s": Timing(),
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
        )

    def examine(
        self,
        files: Iterable[tuple[Path, bool]],
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[tuple[Path, Report | None]]:
        """Judge files.

        Args:
            files: Each with whether it is to be judged; taken from here as there is room.
            should_stop: Asked several times a second.

        Yields:
            Every file in its order, with its report if it was to be judged.

        Raises:
            Canceled: `should_stop` said so.
            AwareNetError: As `failure`.
        """
        coming, more, given = enumerate(files), True, 0
        under_way: dict[int, Path] = {}
        early: dict[int, Report | None] = {}
        todo: deque[int] = deque()
        deaths: Counter[int] = Counter()
        try:
            while True:
                while more and len(under_way) < AHEAD * self.workers:
                    more = False
                    for number, (path, wanted) in coming:
                        more, under_way[number] = True, path
                        if wanted:
                            todo.append(number)
                        else:
                            early[number] = None
                        break
                    self._hand_out(todo, under_way)
                if given in early:
                    yield under_way.pop(given), early.pop(given)
                    given += 1
                    continue
                if not under_way:
                    return
                self._hand_out(todo, under_way)
                seconds = None if should_stop is None else POLL_S
                for worker, outcome in self._listen(seconds):
                    number = self._hear(worker, outcome)
                    if number is None:
                        continue
                    if isinstance(outcome, Report):
                        early[number] = outcome
                        continue
                    deaths[number] += 1
                    if deaths[number] < TRIES:
                        todo.appendleft(number)
                        continue
                    early[number] = self._lost(under_way[number], outcome)
                if should_stop is not None and should_stop():
                    raise Canceled("the scan was stopped, as asked")
        finally:
            for worker in list(self._busy):  # their answers are of no use to the next call
                self._dismiss(worker)

    def _lost(self, path: Path, end: Died) -> Report:
        why = refused("error", "worker_died", name=path.name, times=TRIES, how=end.reason)
        return self.failure(path, why.status, str(why), why.values)

    def _listen(self, seconds: float | None) -> list[tuple[Worker, Report | Died]]:
        """Wait until somebody answers or is gone, or time is up."""
        if not self._everybody():
            raise AwareNetError(
                f"no worker starts ({self._ended}); is there memory for {self.workers}, and is "
                "awarenet installed wherever they start?"
            )
        return self._workplace.wait(self._everybody(), seconds)

    def _hear(self, worker: Worker, outcome: Report | Died) -> int | None:
        """Take what a worker says; give the number of the file that it is about, if it is."""
        number = self._busy.pop(worker, None)
        if isinstance(outcome, Died):
            if worker in self._starting:
                self._misses += 1
            logger.warning("a worker died (%s)", outcome.reason)
            self._dismiss(worker)
            self._ended = outcome.reason
            return number
        if worker in self._starting:
            self._starting.discard(worker)
            self._misses = 0
            self._now = self._now or outcome
            if differs := difference(outcome, self._now):
                key, found, wanted = differs
                raise AwareNetError(
                    f"one worker has {key} = {found}, another {wanted}; make their machines alike"
                )
        self._idle.append(worker)
        return number

    def _hand_out(self, todo: deque[int], under_way: dict[int, Path]) -> None:
        """Give whoever is idle something to do, and hire for what is left."""
        while todo and self._idle:
            worker, number = self._idle.pop(0), todo.popleft()
            self._busy[worker] = number
            # a path may be read on another machine, from another folder
            worker.hand(under_way[number].absolute())
        self._hire(len(todo))

    def _hire(self, wanted: int) -> None:
        """Start workers until so many are on their way, all are there, or it is in vain."""
        while (
            len(self._starting) < wanted
            and len(self._everybody()) < self.workers
            and self._misses < MISSES
        ):
            self._starting.add(self._workplace.hire())

    def _dismiss(self, worker: Worker) -> None:
        self._starting.discard(worker)
        self._busy.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.stop()

    def _everybody(self) -> list[Worker]:
        return [*self._starting, *self._idle, *self._busy]
