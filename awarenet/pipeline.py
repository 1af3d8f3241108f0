"""From a file to a report; the one code path under page, command line, Python and trainer."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from awarenet import report as parts
from awarenet.bundle import Bundle, load_bundle
from awarenet.bundle_report import limits_at, model_of
from awarenet.errors import MediaError, SettingsError
from awarenet.evidence import Evidence, Overlay, Progress, StopCheck
from awarenet.explain import cam_layers
from awarenet.faces import FaceFinder, create_face_finder
from awarenet.quality import Facts, assess
from awarenet.report import Report
from awarenet.runtime import Runtime
from awarenet.scoring import decide_clip
from awarenet.settings import Settings, load_settings

__all__ = ["Analysis", "Detector", "Event", "Overlay", "Progress", "load_detector"]


@dataclass(frozen=True)
class Analysis:
    """The end of an analysis: the report, and the pictures that go with it."""

    report: Report
    overlays: tuple[Overlay, ...] = ()
    thumbnails: dict[int, np.ndarray] = field(default_factory=dict)  # person: (S, S, 3) uint8 RGB


Event = Progress | Analysis


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
        self.runtime = Runtime(
            bundle.ensemble, chosen.device, chosen.dtype, chosen.batch_size, chosen.threads
        )
        self._brought = finder is not None
        self.finder = finder or create_face_finder(self.settings.faces)

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
            other.finder = create_face_finder(settings.faces)
        return other

    def run(self, path: str | Path, should_stop: StopCheck | None = None) -> Iterator[Event]:
        """Analyze one file step by step.

        What is wrong with a file becomes a report with its status; what is wrong with us is
        raised.

        Args:
            path: A video or an image.
            should_stop: Asked between frames and batches.

        Yields:
            `Progress`, and last of all one `Analysis`.

        Raises:
            Canceled: `should_stop` said so.
        """
        path = Path(path)
        evidence = self._evidence(path, should_stop or (lambda: False))
        try:
            yield from evidence.gather()
            if evidence.tracks:
                yield from evidence.score()
                if self.settings.explain.enabled:
                    yield from evidence.explain()
                if self.settings.blinks.enabled:
                    yield from evidence.watch_eyes(self._decides(evidence)[0].id)
        except MediaError as error:
            yield Analysis(self._without_verdict(path, evidence, error.status, str(error)))
            return
        if not evidence.tracks:
            yield Analysis(self._without_verdict(path, evidence, *self._nobody(path, evidence)))
            return
        faces = {person: evidence.best(person).crop for person in evidence.tracks}
        yield Analysis(self._with_verdict(path, evidence), tuple(evidence.overlays), faces)

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
            if on_progress is not None:
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

    def failure(self, path: str | Path, status: parts.Status, message: str) -> Report:
        """Make the report of a file that could not be analyzed, for callers that met a bug."""
        return self._without_verdict(Path(path), self._evidence(Path(path)), status, message)

    def _evidence(self, path: Path, should_stop: StopCheck = lambda: False) -> Evidence:
        return Evidence(path, self.bundle, self.runtime, self.finder, self.settings, should_stop)

    def _nobody(self, path: Path, evidence: Evidence) -> tuple[parts.Status, str]:
        """Say why there is nobody to judge: a status and a sentence."""
        where = f"{path.name} ({evidence.frames} frames looked at)"
        if evidence.too_small:
            least = self.settings.faces.min_face_px
            return "faces_too_small", (
                f"the largest face in {where} is {max(evidence.too_small):.0f} px, at least "
                f"{least} px are needed; look for a larger copy, or lower faces.min_face_px"
            )
        return "no_face", (
            f"no face in {where}; try a part where one is seen well, or lower faces.min_score"
        )

    def _decides(self, evidence: Evidence) -> tuple[parts.Person, int]:
        """Say who decides the clip, and how many were seen too briefly for that."""
        needed = self.settings.faces.min_track_frames if evidence.info.kind == "video" else 1
        scores = [person.probability for person in evidence.people]
        seen = [person.frames_seen for person in evidence.people]
        brief = sum(count < min(needed, max(seen)) for count in seen)
        return evidence.people[decide_clip(scores, seen, needed)], brief

    def _with_verdict(self, path: Path, evidence: Evidence) -> Report:
        """Put together a report whose score is the deciding person's."""
        people, ensemble = evidence.people, self.bundle.ensemble
        decides, too_brief = self._decides(evidence)
        score = evidence.scores[decides.id]
        explanation = None
        if self.settings.explain.enabled:
            explanation = parts.Explanation(
                method=self.settings.explain.method,
                layers=cam_layers(ensemble),
                frames=evidence.explained,
            )
        facts = Facts(
            kind=evidence.info.kind,
            face_px=float(np.median([moment.face_px for moment in decides.timeline])),
            frames_seen=decides.frames_seen,
            sharpness=evidence.sharpness(decides.id),
            people=len(people),
            people_left_out=evidence.left_out,
            people_too_brief=too_brief,
            faces_too_small=len(evidence.too_small),
            members=ensemble.members_per_family,
            calibrated=self.bundle.config.calibration is not None,
            trained_finder=self.finder.name == self.bundle.config.crop.detector,
        )
        families = {
            name: parts.Family(
                weight=weight,
                probability=score.families[index],
                members=score.members[index].tolist(),
            )
            for index, (name, weight) in enumerate(ensemble.weights.items())
        }
        return self._report(
            path,
            evidence,
            status="ok",
            verdict=decides.verdict,
            probability=decides.probability,
            interval=decides.interval,
            decided_by=decides.id,
            people=people,
            families=families,
            explanation=explanation,
            warnings=[parts.Notice(code=c, message=t) for c, t in assess(facts)] + evidence.notices,
        )

    def _without_verdict(
        self, path: Path, evidence: Evidence, status: parts.Status, message: str
    ) -> Report:
        """Put together a report that says why there is no score, and leaves out what there was."""
        weights = self.bundle.ensemble.weights
        return self._report(
            path,
            evidence,
            status=status,
            families={name: parts.Family(weight=weight) for name, weight in weights.items()},
            warnings=[parts.Notice(code=status, message=message)],
        )

    def _report(self, path: Path, evidence: Evidence, **content: object) -> Report:
        """Add what every report has: the input, the model, the settings, times, versions."""
        known = {}
        if evidence.info is not None:
            known = dataclasses.asdict(evidence.info)
            del known["frame_count"]
        return Report(
            threshold=evidence.threshold,
            calibrated=self.bundle.config.calibration is not None,
            input=parts.Input(**known | {"name": path.name, "frames_analyzed": evidence.frames}),
            limits=limits_at(self.bundle, evidence.threshold),
            model=model_of(self.bundle),
            settings=self.settings.model_dump(mode="json", exclude={"app"}),
            timing_s=parts.Timing(**evidence.spent, total=time.perf_counter() - evidence.started),
            versions=parts.package_versions(),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **content,
        )


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
