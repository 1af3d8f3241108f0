"""Runs analyses for the page: one model, a line to wait in, answers that are kept a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from gradio.context import LocalContext

from awarenet.errors import Canceled
from awarenet.settings import AppSettings
from page.jobs import Job, Jobs
from page.line import LOOK_S, Line, Refusal, TookTooLong, Waiting
from page.uploads import Uploads

if TYPE_CHECKING:
    from awarenet.analyses import Analyses
    from awarenet.pipeline import Analysis, Detector, Interim, Overlay, Progress
    from awarenet.report import Report

TELL_S = 0.25  # how often progress is told at most; each time takes Gradio some 20 ms
Chosen = dict[str, dict[str, object]]  # settings that a request changes, by section


@dataclass(frozen=True)
class Answer:
    """A finished analysis, and the key by which more can be asked of it."""

    key: str
    analysis: Analysis
    at_once: bool = False  # whether it was kept from an earlier run


class Runner:
    """What all tabs of the page share."""

    def __init__(
        self,
        detector: Detector | Callable[[], Detector],
        folder: Path,
        max_bytes: int,
        ahead: Path | None = None,
        app: AppSettings | None = None,
    ):
        """Take a model, or a function that loads one when it is first needed.

        Args:
            detector: Either.
            folder: Where answers are kept.
            max_bytes: Of all of them together.
            ahead: Folder of answers that were worked out ahead; None: there are none.
            app: How many may wait, and for how long one may run; None: the defaults.
        """
        app = app or AppSettings()
        self.line, self.jobs, self.uploads = Line(app.max_queue), Jobs(), Uploads()
        self._longest_s = app.deadline_s
        self._loaded: Detector | None = None if callable(detector) else detector
        self._ahead = ahead
        self._load = cache(detector if callable(detector) else lambda: detector)
        self._loading = Lock()
        self._folder, self._max_bytes, self._kept = folder, max_bytes, None

    def detector(self, stopped: Callable[[], bool] = lambda: False) -> Detector:
        """Give the model; loads it once.

        Raises:
            Canceled: `stopped` said so while somebody else had it loaded.
        """
        while not self._loading.acquire(timeout=LOOK_S):
            if stopped():
                raise Canceled("stopped while the model was loaded")
        try:
            self._loaded = self._load()
            return self._loaded
        finally:
            self._loading.release()

    @property
    def loaded(self) -> Detector | None:
        """Give the model if it has been loaded; never waits."""
        return self._loaded

    def analyze(
        self,
        path: str,
        chosen: Chosen,
        session: str | None,
        kind: str = "analyze",
        promised: bool = False,
    ) -> Iterator[Waiting | Progress | Interim | Answer]:
        """Analyze a file when its turn has come, or give the answer that is kept.

        Args:
            path: Of the file.
            chosen: What is changed in the settings.
            session: Of the visitor.
            kind: "analyze", "compare" or "batch", for the log and to be stopped by.
            promised: One of many, the first of which was taken: it is not refused any more.

        Raises:
            Refusal: Too many wait, the server is about to stop, or it took too long.
            Canceled: It was stopped.
        """
        from awarenet.analyses import analysis_key
        from awarenet.answers import find_answer
        from awarenet.pipeline import Analysis

        known_as = LocalContext.event_id.get(None)  # by which a client cancels it
        with self.jobs.begin(session, kind, known_as, Path(path).name) as job:
            with self.line.place(promised) as place:
                tuned = self.detector(job.stop.is_set).with_settings(**chosen)
                key = analysis_key(path, tuned)
                found = self.kept().get(key)
                if found is None and self._ahead:
                    found = find_answer(self._ahead, path, tuned)
                    if found is not None:
                        self.kept().put(key, found)  # the tabs ask for more of it
                at_once = found is not None
                if not at_once:
                    yield from self.line.until_turn(place, job.stop.is_set)
                    for event in self._timed(path, tuned, job):
                        if isinstance(event, Analysis):
                            found = event
                        else:
                            yield event
                    self.kept().put(key, found)
            job.answered(found.report, at_once)
            yield Answer(key, found, at_once)  # the next clip begins while this is shown

    def _timed(
        self, path: str, tuned: Detector, job: Job
    ) -> Iterator[Progress | Interim | Analysis]:
        """Run an analysis for as long as one may take; progress is told now and then."""
        from awarenet.pipeline import Progress

        job.turn(self._longest_s)
        began, told = monotonic(), 0.0
        try:
            for event in tuned.run(path, job.should_stop):
                if isinstance(event, Progress) and monotonic() - told < TELL_S:
                    continue
                told = monotonic()
                yield event
        except Canceled:
            if job.late() and not job.stop.is_set():
                raise TookTooLong(self._longest_s) from None
            raise
        self.line.took(monotonic() - began)

    def judge(
        self, path: str, chosen: Chosen, session: str | None, promised: bool = False
    ) -> Iterator[Waiting | Progress | Interim | Report]:
        """Analyze a file as one of many: a failure is its report too.

        Raises:
            Canceled: It was stopped.
            Refusal: It was not taken; one that took too long gets a report.
        """
        try:
            for event in self.analyze(path, chosen, session, "batch", promised):
                yield event.analysis.report if isinstance(event, Answer) else event
        except TookTooLong as error:
            yield self.detector().failure(path, "timeout", str(error))
        except (Canceled, Refusal):
            raise
        except Exception as error:
            yield self.detector().failed(path, error)

    def halt(self, session: str | None, kind: str | None = None) -> bool:
        """Stop a session's runs, or those of a kind, within a frame; False where there is none."""
        return session is not None and self.jobs.halt(session, kind)

    def leave(self, session: str) -> None:
        """Stop what a session runs, and remove what it uploaded: its page was closed."""
        self.halt(session)
        self.uploads.leave(session)

    def kept(self) -> Analyses:
        """Give the store of answers."""
        from awarenet.analyses import Analyses

        if self._kept is None:
            self._kept = Analyses(self._folder, max_bytes=self._max_bytes)
        return self._kept

    def draw(
        self, analysis: Analysis, person: int, frames: list[int], method: str
    ) -> list[Overlay]:
        """Draw heat maps of one person on frames that were analyzed, by any method.

        Gives those of the ensemble and of each family, frame by frame.
        """
        from awarenet.explain import ENSEMBLE, heat_maps, overlay
        from awarenet.pipeline import Overlay

        who = next(each for each in analysis.report.people if each.id == person)
        places = [n for n, moment in enumerate(who.timeline) if moment.frame in frames]
        detector = self.detector()
        margin, alpha = detector.bundle.config.crop.margin, detector.settings.explain.alpha
        maps = heat_maps(
            detector.runtime, np.ascontiguousarray(analysis.faces[person][places]), method
        )
        drawn = []
        for row, place in enumerate(places):
            moment = who.timeline[place]
            preview = analysis.previews[moment.frame]
            strength = {ENSEMBLE: moment.probability, **moment.families}
            for family in (ENSEMBLE, *moment.families):
                image = overlay(
                    preview.image(), preview.scaled(moment.box), margin, maps[family][row],
                    strength[family], alpha,
                )  # fmt: skip
                drawn.append(Overlay(person, moment.frame, moment.time_s, family, image))
        return drawn
