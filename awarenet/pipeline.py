"""From a file to a report; the one code path under page, command line, Python and trainer."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from awarenet import report as parts
from awarenet import stages
from awarenet.bundle import Bundle, load_bundle
from awarenet.errors import AwareNetError, MediaError, SettingsError
from awarenet.evidence import Evidence, Overlay, Partial, Progress, StopCheck
from awarenet.explain import Preview
from awarenet.faces import FaceFinder, create_face_finder
from awarenet.quality.refusals import REFUSALS
from awarenet.report import Report
from awarenet.runtime import make_runtime
from awarenet.settings import Settings, load_settings
from awarenet.summary import nobody, with_verdict, without_verdict

__all__ = [
    "Analysis",
    "Detector",
    "Event",
    "Interim",
    "Overlay",
    "Partial",
    "Progress",
    "load_detector",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Analysis:
    """The end of an analysis: the report, and the pictures that go with it."""

    report: Report
    overlays: tuple[Overlay, ...] = ()
    # by person: (T, S, S, 3) uint8 RGB, every face that was judged, in order of time
    faces: dict[int, np.ndarray] = field(default_factory=dict)
    previews: dict[int, Preview] = field(default_factory=dict)  # by frame, where maps were drawn

    @property
    def thumbnails(self) -> dict[int, np.ndarray]:
        """By person: the face where it is largest, (S, S, 3) uint8 RGB."""
        best = {
            person.id: max(range(person.frames_seen), key=lambda n: person.timeline[n].face_px)
            for person in self.report.people
        }
        return {person: self.faces[person][place] for person, place in best.items()}


@dataclass(frozen=True)
class Interim:
    """The verdict, before the checks that take longer; more is to come."""

    analysis: Analysis


Event = Progress | Interim | Analysis


class Detector:
    """A loaded ensemble with a face finder: give it files, get reports.

    Several threads may use one: each run keeps its own evidence, and the networks take turns.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: Settings | None = None,
        finder: FaceFinder | None = None,
    ):
        """Put the networks where they will run.

        Args:
            bundle: Its ensemble is moved, not copied.
            settings: None takes the defaults.
            finder: None builds the one that the settings name.

        Raises:
            SettingsError: The device or the face detector is not to be had.
        """
        self.bundle = bundle
        self.settings = settings or Settings()
        chosen = self.settings.runtime
        self.runtime = make_runtime(
            bundle.ensemble,
            chosen.device,
            chosen.dtype,
            chosen.batch_size,
            chosen.threads,
            chosen.engine,
            bundle.golden,
        )
        self._brought = finder is not None
        self.finder = finder or create_face_finder(self.settings.faces, str(self.runtime.device))

    def with_settings(self, **sections: dict[str, object]) -> Detector:
        """Make a detector with some settings changed, as in `sampling={"frames": 8}`.

        It shares the networks, and the face finder if that was brought or [faces] stays the same.
        [model] and [runtime] stay as they were when the networks were loaded.

        Raises:
            SettingsError: No such setting, a value out of range, or one that cannot change.
        """
        values = self.settings.model_dump()
        for section, changes in sections.items():
            values[section] = {**values.get(section, {}), **changes}
        try:
            settings = type(self.settings).model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"{name} = {first['input']!r}: {first['msg']}") from error
        kept = ("model", "runtime")
        if any(getattr(settings, name) != getattr(self.settings, name) for name in kept):
            raise SettingsError("[model] and [runtime] cannot change now; load a new detector")
        other = copy.copy(self)
        other.settings = settings
        if settings.faces != self.settings.faces and not self._brought:
            other.finder = create_face_finder(settings.faces, str(self.runtime.device))
        return other

    def warm_up(self) -> None:
        """Do what the first file need not wait for; what is not done here is done when it comes."""
        self.runtime.warm_up()
        if self.settings.explain.enabled:
            importlib.import_module("pytorch_grad_cam")  # a second

    def run(self, path: str | Path, should_stop: StopCheck | None = None) -> Iterator[Event]:
        """Analyze one file step by step.

        What is wrong with a file becomes a report with its status; what is wrong with us is
        raised.

        Args:
            path: A video or an image.
            should_stop: Asked between frames and batches.

        Yields:
            `Progress`; an `Interim` once there is a verdict, if more was asked for; and last of
            all one `Analysis`.

        Raises:
            Canceled: `should_stop` said so.
        """
        evidence = self._evidence(Path(path), should_stop or (lambda: False))
        with evidence.file:
            yield from self._stages(evidence)

    def _stages(self, evidence: Evidence) -> Iterator[Event]:
        """Do what `run` says."""
        chosen = self.settings
        try:
            yield from stages.gather(evidence)
            if evidence.tracks:
                yield from stages.score(evidence)
                if chosen.explain.enabled or chosen.stability.enabled or chosen.blinks.enabled:
                    yield Interim(self._analysis(evidence))
                if chosen.stability.enabled:
                    yield from stages.damage(evidence)
                if chosen.explain.enabled:
                    yield from stages.explain(evidence)
                if chosen.blinks.enabled:
                    yield from stages.watch_eyes(evidence)
        except MediaError as error:
            yield Analysis(without_verdict(evidence, error.status, str(error), error.values))
            return
        if not evidence.tracks:
            yield Analysis(without_verdict(evidence, *nobody(evidence)))
            return
        yield self._analysis(evidence)

    def examine(
        self,
        path: str | Path,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: StopCheck | None = None,
    ) -> Analysis:
        """Analyze one file; give the report and its pictures. Raises as `run`."""
        for event in self.run(path, should_stop):
            if isinstance(event, Analysis):
                return event
            if on_progress is not None and isinstance(event, Progress):
                on_progress(event)
        raise AssertionError("run ended without an analysis")

    def analyze(
        self,
        path: str | Path,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: StopCheck | None = None,
    ) -> Report:
        """Analyze one file; give the report alone. Raises as `run`."""
        return self.examine(path, on_progress, should_stop).report

    def failed(self, path: str | Path, error: Exception) -> Report:
        """Make the report of a file on which `run` raised, so that others can still be done.

        What is wrong with us is logged; the report says no more than that.
        """
        if isinstance(error, AwareNetError):
            return self.failure(path, "error", str(error), getattr(error, "values", None))
        logger.error("cannot analyze %s", ascii(str(path)), exc_info=error)
        values = {"reason": "our_fault", "error": type(error).__name__}
        return self.failure(path, "error", REFUSALS["our_fault"].format(**values), values)

    def failure(
        self,
        path: str | Path,
        status: parts.Status,
        message: str,
        values: Mapping[str, object] | None = None,
    ) -> Report:
        """Make the report of a file that could not be analyzed; `values` as `without_verdict`."""
        return without_verdict(self._evidence(Path(path)), status, message, values)

    def _analysis(self, evidence: Evidence) -> Analysis:
        return Analysis(
            with_verdict(evidence),
            tuple(evidence.overlays),
            {person: evidence.crops(person) for person in evidence.tracks},
            dict(evidence.previews),
        )

    def _evidence(self, path: Path, should_stop: StopCheck = lambda: False) -> Evidence:
        return Evidence(path, self.bundle, self.runtime, self.finder, self.settings, should_stop)


def load_detector(source: str | Path | None = None, settings: Settings | None = None) -> Detector:
    """Load a bundle and make it ready to judge.

    Args:
        source: A folder or `hf-hub:owner/name[@commit]`; None takes the settings' own.
        settings: None reads settings.toml and the environment.

    Raises:
        BundleError: The bundle cannot be had or is not what it says.
        SettingsError: A setting has no meaning here.
    """
    settings = settings or load_settings()
    if source is not None:
        model = settings.model.model_copy(update={"source": str(source)})
        settings = settings.model_copy(update={"model": model})
    # the report names the bundle as it was asked for, not where this machine keeps it
    bundle = load_bundle(settings.model.location)
    return Detector(dataclasses.replace(bundle, source=settings.model.source), settings)
