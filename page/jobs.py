"""Jobs: what runs or waits, how it is stopped, and the one line that the log says of it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

from awarenet.errors import Canceled
from awarenet.report import Report
from page import logs
from page.line import Refusal

logger = logging.getLogger("awarenet.page.jobs")


@dataclass(eq=False)
class Job:
    """One clip on its way to an answer."""

    session: str | None
    kind: str  # "analyze", "compare" or "batch"
    event: str | None  # by which Gradio cancels it
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    stop: Event = field(default_factory=Event)
    ends: float = float("inf")  # of `monotonic`: when it has taken as long as it may
    began: float = field(default_factory=monotonic)
    waited_s: float = 0.0
    status: str = "failed"  # until it is known
    facts: dict[str, object] = field(default_factory=dict)

    def turn(self, longest_s: float) -> None:
        """Note that its turn has come, and how long it may take from now on, s."""
        now = monotonic()
        self.waited_s, self.ends = now - self.began, now + longest_s

    def late(self) -> bool:
        """Tell whether it has taken as long as it may."""
        return monotonic() > self.ends

    def should_stop(self) -> bool:
        """Tell whether it is to end: it was stopped, or has taken as long as it may."""
        return self.stop.is_set() or self.late()

    def answered(self, report: Report, kept: bool = False) -> None:
        """Note what came of it: counts, but nothing of the content."""
        self.status = report.status
        frames, people = report.input.frames_analyzed, len(report.people)
        self.facts = {"frames": frames, "people": people, "kept": kept}


class Jobs:
    """All jobs that are on; several threads may use it."""

    def __init__(self):
        self._all: dict[str, Job] = {}

    @contextmanager
    def begin(self, session: str | None, kind: str, event: str | None, name: str) -> Iterator[Job]:
        """Make a job for as long as the block; then it is in the log, without the file's name."""
        job = Job(session, kind, event)
        self._all[job.id] = job
        logs.hide(name)
        try:
            yield job
        except (Canceled, GeneratorExit):
            job.status = "stopped" if job.status == "failed" else job.status
            raise
        except Refusal as refusal:
            job.status = refusal.status
            raise
        finally:
            job.stop.set()  # so that nothing goes on that nobody waits for
            del self._all[job.id]
            seconds = round(monotonic() - job.began, 3)
            said = {"id": job.id, "kind": job.kind, "status": job.status, "seconds": seconds}
            said |= {"waited": round(job.waited_s, 3), **job.facts}
            logger.info("job", extra={logs.FACTS: said})

    def halt(
        self, session: str | None = None, kind: str | None = None, event: str | None = None
    ) -> bool:
        """Stop jobs within a frame: those of a session, of a kind, of an event; without any, all.

        Gives whether there were some.
        """
        wanted = [
            job
            for job in list(self._all.values())
            if session in (None, job.session)
            and kind in (None, job.kind)
            and event in (None, job.event)
        ]
        for job in wanted:
            job.stop.set()
        return bool(wanted)

    def cancel(self, event: str) -> bool:
        """Stop the job of an event; gives whether its session has others of its kind."""
        jobs = list(self._all.values())
        job = next((job for job in jobs if job.event == event), None)
        if job is None:
            return False
        job.stop.set()
        return sum((each.session, each.kind) == (job.session, job.kind) for each in jobs) > 1

    def __len__(self) -> int:
        return len(self._all)
