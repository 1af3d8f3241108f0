"""Runs analyses for the page: one model, a stop for each session, answers that are kept a while."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from awarenet.errors import Canceled

try:
    import spaces  # on ZeroGPU it has to come before torch, which nothing above imports
except ImportError:
    spaces = None

if TYPE_CHECKING:
    from awarenet.analyses import Analyses
    from awarenet.pipeline import Analysis, Detector, Interim, Overlay, Progress
    from awarenet.report import Report

Chosen = dict[str, dict[str, object]]  # settings that a request changes, by section


@dataclass(frozen=True)
class Answer:
    """A finished analysis, and the key by which more can be asked of it."""

    key: str
    analysis: Analysis
    at_once: bool = False  # whether it was kept from an earlier run


def seconds_wanted(path: str, chosen: str, session: str | None = None) -> int:
    """Estimate how long a GPU is needed, s: ZeroGPU counts it against the visitor's quota."""
    wish = json.loads(chosen)
    frames = int(wish.get("sampling", {}).get("frames", 32))
    extra = 2 if wish.get("stability", {}).get("enabled") else 0
    return min(20 + frames * (1 + extra) // 2, 120)


class Runner:
    """What all tabs of the page share."""

    def __init__(
        self,
        detector: Detector | Callable[[], Detector],
        folder: Path,
        max_bytes: int,
        ahead: Path | None = None,
    ):
        """Take a model, or a function that loads one when it is first needed.

        Args:
            detector: Either.
            folder: Where answers are kept.
            max_bytes: Of all of them together.
            ahead: Folder of answers that were worked out ahead; None: there are none.
        """
        self._ahead = ahead
        self._load = cache(detector if callable(detector) else lambda: detector)
        self._loading = Lock()
        self._folder, self._max_bytes, self._kept = folder, max_bytes, None
        self._stops: dict[str | None, Event] = {}  # of each browser session that has a run going
        self._run = self._events
        if spaces is not None:  # the same function where there is no ZeroGPU
            self._run = spaces.GPU(self._events, duration=seconds_wanted)

    def detector(self) -> Detector:
        """Give the model; loads it once."""
        with self._loading:
            return self._load()

    def analyze(
        self, path: str, chosen: Chosen, session: str | None
    ) -> Iterator[Progress | Interim | Answer]:
        """Analyze a file, or give the answer that is kept; raises as `Detector.run`."""
        from awarenet.analyses import analysis_key
        from awarenet.answers import find_answer
        from awarenet.pipeline import Analysis

        stopping = self._stops[session] = Event()
        try:
            # here, and not in a process of ZeroGPU's that ends with the clip
            tuned = self.detector().with_settings(**chosen)
            key = analysis_key(path, tuned)
            if kept := self.kept().get(key):
                yield Answer(key, kept, at_once=True)
                return
            if self._ahead and (found := find_answer(self._ahead, path, tuned)):
                self.kept().put(key, found)  # the tabs ask for more of it
                yield Answer(key, found, at_once=True)
                return
            for event in self._run(path, json.dumps(chosen), session):
                if isinstance(event, Analysis):
                    self.kept().put(key, event)
                    yield Answer(key, event)
                else:
                    yield event
        finally:
            stopping.set()
            if self._stops.get(session) is stopping:
                del self._stops[session]

    def judge(
        self, path: str, chosen: Chosen, session: str | None
    ) -> Iterator[Progress | Interim | Report]:
        """Analyze a file as one of many: a failure is its report too; raises Canceled alone."""
        try:
            for event in self.analyze(path, chosen, session):
                yield event.analysis.report if isinstance(event, Answer) else event
        except Canceled:
            raise
        except Exception as error:
            yield self.detector().failed(path, error)

    def halt(self, session: str | None) -> bool:
        """Stop a session's run within a frame; False where there is none."""
        if session not in self._stops:
            return False
        self._stops[session].set()
        return True

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

    def _events(
        self, path: str, chosen: str, session: str | None
    ) -> Iterator[Progress | Interim | Analysis]:
        stop = self._stops.get(session)
        tuned = self.detector().with_settings(**json.loads(chosen))
        yield from tuned.run(path, stop.is_set if stop else None)
