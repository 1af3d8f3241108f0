"""Work through a list with many processes, and survive the death of any of them.

A process that dies, because the system ran out of memory or a decoder crashed, takes nothing with
it but the job that it was at, which is known here (`ProcessPoolExecutor` gives up everything).
Every process is handed one job at a time, so memory does not grow with the number of jobs.
"""

from __future__ import annotations

import contextlib
import gc
import math
import multiprocessing
import pickle
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

import cv2

from awarenet.errors import AwareNetError

Job = TypeVar("Job")
Result = TypeVar("Result")

TRIES = 2  # of a job whose process died: the first death may have been another process's fault
GOODBYE_S = 5.0  # for a process whose pipe has ended to end itself
AHEAD = 4  # jobs a process that may be finished before their turn, where order is asked for


@dataclass(frozen=True)
class Died:
    """What comes of a job that no process survived."""

    reason: str  # killed or timeout
    detail: str  # one line


class Turns:
    """Gives results out as they come, or in the order of their jobs."""

    def __init__(self, ordered: bool):
        self.given = 0
        self._ordered, self._early = ordered, {}

    def may_start(self, number: int, ahead: int) -> bool:
        """Whether a job is near enough to its turn to be done now; else results would pile up."""
        return not self._ordered or number < self.given + ahead

    def give(self, number: int, outcome: object) -> Iterator[tuple[int, object]]:
        """Take a result in; give out what is due."""
        if not self._ordered:
            self.given += 1
            yield number, outcome
            return
        self._early[number] = outcome
        while self.given in self._early:
            self.given += 1
            yield self.given - 1, self._early.pop(self.given - 1)


def run_here(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
    """Work through jobs in this process, in their order: (number of the job, result)."""
    gc.freeze()  # as `become_worker`, for as long as it is at work
    try:
        for number, job in enumerate(jobs):
            yield number, work(job)
    finally:
        gc.unfreeze()


def run_in_pool(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int,
    ordered: bool = False,
    patience_s: float | None = None,
    method: str = "spawn",
) -> Iterator[tuple[int, Result | Died]]:
    """Work through jobs in processes of one thread each.

    Args:
        work: What is done with a job; it is sent to every process once.
        jobs: Sent to one process each.
        workers: Processes.
        ordered: Whether results come in the order of the jobs, or as they are finished.
        patience_s: A process that is at one job for longer is killed.
        method: How processes are started, as `multiprocessing` calls it.

    Yields:
        Number of the job, and its result; or how its process ended, twice.

    Raises:
        AwareNetError: A process did not start.
        Exception: What `work` raises.
    """
    context = multiprocessing.get_context(method)
    todo, turns, tries = deque(range(len(jobs))), Turns(ordered), [0] * len(jobs)
    crew = [_Worker(context, work) for _ in range(min(workers, len(jobs)))]
    try:
        while turns.given < len(jobs):
            for place, worker in enumerate(crew):
                if not todo or not turns.may_start(todo[0], AHEAD * len(crew)):
                    break
                if worker.gone:
                    crew[place] = _Worker(context, work)
                elif worker.ready and worker.job is None:
                    worker.hand(todo.popleft(), jobs)
            for worker in _answering(crew, patience_s):
                number, outcome = worker.take(patience_s)
                if number is None:
                    continue
                if isinstance(outcome, Died):
                    tries[number] += 1
                    if tries[number] < TRIES and outcome.reason == "killed":
                        todo.appendleft(number)
                        continue
                yield from turns.give(number, outcome)
    finally:
        for worker in crew:
            worker.stop()


def become_worker() -> None:
    """Fit this process for work beside others like it.

    One thread, as there is a process for every core already: small matrices on many spinning
    threads cost six times the work. What is loaded by now is no longer searched for garbage, which
    makes it cheap to look for some after every few frames.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    cv2.setNumThreads(1)
    gc.freeze()


class _Worker(Generic[Job, Result]):
    """A process, the pipe to it and the job that it is at."""

    def __init__(self, context, work: Callable[[Job], Result]):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()  # so that its death ends the pipe
        self.ready = self.gone = False
        self.job: int | None = None
        self.since = 0.0

    def hand(self, number: int, jobs: Sequence[Job]) -> None:
        """Give it a job."""
        self.job, self.since = number, time.monotonic()
        with contextlib.suppress(OSError):  # it just died; take() will say so
            self.pipe.send(jobs[number])

    def take(self, patience_s: float | None) -> tuple[int | None, object]:
        """Number of a job and what came of it; no number when it only became ready."""
        number, self.job = self.job, None
        if not self.pipe.poll():
            self.stop()
            return number, Died("timeout", f"no answer in {patience_s:g} s; its process was killed")
        try:
            message = self.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            self.process.join(GOODBYE_S)  # its own exit code says more than our killing it
            self.stop()
            code = self.process.exitcode
            if not self.ready:
                raise AwareNetError(
                    f"a process did not start ({_words(code)}); is there memory for that many?"
                ) from None
            return number, Died("killed", f"its process died, {TRIES} times ({_words(code)})")
        if isinstance(message, BaseException):
            raise message
        if not self.ready:
            self.ready = True
            return None, None
        return number, message[0]

    def stop(self) -> None:
        """End the process, whatever it is at."""
        self.gone = True
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _answering(crew: Sequence[_Worker], patience_s: float | None) -> list[_Worker]:
    """Wait until a worker has something to say, is dead, or has been silent for too long."""
    waiting = [worker for worker in crew if not worker.gone]
    starts = [worker.since for worker in waiting if worker.job is not None]
    limit = None
    if patience_s is not None and starts:
        limit = max(min(starts) + patience_s - time.monotonic(), 0)
    heard = wait([worker.pipe for worker in waiting], limit)
    overdue = time.monotonic() - (math.inf if patience_s is None else patience_s)
    return [
        worker
        for worker in waiting
        if worker.pipe in heard or (worker.job is not None and worker.since <= overdue)
    ]


def _serve(pipe: Connection, work: Callable[[Job], Result]) -> None:
    """Do one job after the other until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    become_worker()
    try:
        pipe.send("ready")
        while True:
            job = pipe.recv()
            try:
                answer = (work(job),)
            except Exception as error:
                answer = _sendable(error)
            pipe.send(answer)
    except (EOFError, OSError):
        return  # the parent is gone


def _sendable(error: Exception) -> Exception:
    """The error itself if it survives the way to the parent, with its traceback as its cause."""
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(Exception):
        if isinstance(error, AwareNetError) and pickle.loads(pickle.dumps(error)):
            return error
    return RuntimeError(f"a job failed in its process:\n{text}")


def _words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", which also ends what takes too much memory" if name == "SIGKILL" else ""
    return f"{name}{hint}"
