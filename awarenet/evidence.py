"""What one file holds: faces gathered, people scored, the most suspicious moments explained.

Nothing is written to disk. Memory does not grow with the length of the clip: of each sampled frame
only the face crops are kept, and a small JPEG where a heat map may be laid over it later.

Shapes: T frames of one person, F families, K members a family, S side of a crop in px.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from awarenet import report as parts
from awarenet.bundle import Bundle
from awarenet.ensemble import judge
from awarenet.errors import Canceled, MediaError
from awarenet.explain import ENSEMBLE, Preview, heat_maps, overlay
from awarenet.eyes import EyeWatch
from awarenet.faces import FaceFinder
from awarenet.quality import sharpness
from awarenet.runtime import Runtime
from awarenet.scoring import Calibration, TrackScore, track_score, verdict
from awarenet.settings import Settings
from awarenet.tracks import Sighting, Track, Tracker
from awarenet.video import MediaInfo, probe, sample_frames

BATCH_ON_CPU = 8  # crops between two looks at the stop button; larger batches are hardly faster

StopCheck = Callable[[], bool]


@dataclass(frozen=True)
class Progress:
    """How far an analysis has come."""

    stage: str  # "decode", "detect", "score", "explain" or "blinks"
    done: int
    total: int
    message: str  # for people


@dataclass(frozen=True)
class Overlay:
    """A heat map on its frame."""

    person: int
    frame: int
    time_s: float
    family: str  # or explain.ENSEMBLE
    image: np.ndarray  # (H, W, 3) uint8 RGB, no larger than explain.PREVIEW_PX


class Evidence:
    """What is known of one file so far: gather, score, then explain and watch_eyes, if asked for.

    Attributes:
        info: What the file is; None until it could be read.
        frames: Looked at.
        too_small: Sides, px, of the faces that were skipped for their size.
        tracks: By person, those that are judged, the most prominent first.
        left_out: People found beyond those.
        scores: By person.
        people: Most suspicious first.
        notices: What could not be done of what was asked for.
        explained: Frames with heat maps.
        overlays: The heat maps, in the same order, each family's and the ensemble's.
        spent: Seconds by stage.
        started: When, by `time.perf_counter()`.
    """

    def __init__(
        self,
        path: Path,
        bundle: Bundle,
        runtime: Runtime,
        finder: FaceFinder,
        settings: Settings,
        should_stop: StopCheck = lambda: False,
    ):
        self.info: MediaInfo | None = None
        self.frames = 0
        self.too_small: list[float] = []
        self.tracks: dict[int, Track] = {}
        self.left_out = 0
        self.scores: dict[int, TrackScore] = {}
        self.people: list[parts.Person] = []
        self.notices: list[parts.Notice] = []
        self.explained: list[parts.ExplainedFrame] = []
        self.overlays: list[Overlay] = []
        self.spent = dict.fromkeys(("decode", "detect", "score", "explain", "blinks"), 0.0)
        self.started = time.perf_counter()
        self._path, self._config, self._runtime = path, bundle.config, runtime
        self._finder, self._settings, self._should_stop = finder, settings, should_stop
        self._previews: dict[int, Preview] = {}  # by frame

    @property
    def threshold(self) -> float:
        """Where "fake" begins, 0..1: the settings' own, or the bundle's."""
        chosen = self._settings.verdict.threshold
        return round(chosen if chosen >= 0 else self._config.thresholds.default, 6)

    def gather(self) -> Iterator[Progress]:
        """Decode, find faces, sort them by person.

        Raises:
            MediaError: The file cannot be used.
            Canceled: As asked.
        """
        chosen, crop, limits = self._settings, self._config.crop, self._settings.limits
        yield Progress("decode", 0, 1, "Opening the file")
        with self._clock("decode"), _readable(self._path):
            self.info = probe(self._path, limits)
        count = chosen.sampling.frames
        total = max(min(count, self.info.frame_count), 1)
        tracker = Tracker(margin=crop.margin, side=crop.side)
        sampled = sample_frames(self._path, self.info, count, limits, self._should_stop)
        with closing(sampled):
            while True:
                with self._clock("decode"), _readable(self._path):
                    frame = next(sampled, None)
                if frame is None:
                    break
                with self._clock("detect"):
                    faces = self._finder.find(frame.image)
                    large = [face for face in faces if face.side_px >= chosen.faces.min_face_px]
                    sides = [face.side_px for face in faces]
                    self.too_small += [side for side in sides if side < chosen.faces.min_face_px]
                    tracker.add(frame.index, frame.time_s, frame.shot, frame.image, large)
                    if large and chosen.explain.enabled:
                        self._previews[frame.index] = Preview.of(frame.image)
                self.frames += 1
                yield Progress("detect", self.frames, max(total, self.frames), "Finding faces")
                self._check_stop()
        found = tracker.finish()
        self.tracks = {track.id: track for track in found[: chosen.faces.max_people]}
        self.left_out = len(found) - len(self.tracks)

    def score(self) -> Iterator[Progress]:
        """Let every network judge every face, and make each person's verdict of that.

        Raises:
            MediaError: A network gave no number.
            Canceled: As asked.
        """
        total = sum(len(track.sightings) for track in self.tracks.values())
        done, batch = 0, self._runtime.batch_size
        if self._runtime.device.type == "cpu":
            batch = min(batch, BATCH_ON_CPU)
        yield Progress("score", done, total, "Judging faces")
        for track in self.tracks.values():
            logits = []
            for start in range(0, len(track.sightings), batch):
                crops = np.stack([each.crop for each in track.sightings[start : start + batch]])
                with self._clock("score"):
                    logits.append(self._runtime.logits(crops, self._should_stop))
                done += len(crops)
                yield Progress("score", done, total, "Judging faces")
            self.scores[track.id] = self._track_score(np.concatenate(logits))
            self.people.append(self._person(track, self.scores[track.id]))
        self.people.sort(key=lambda person: (-person.probability, person.id))

    def explain(self) -> Iterator[Progress]:
        """Draw heat maps on the most suspicious frames of each person; raises Canceled."""
        chosen, margin = self._settings.explain, self._config.crop.margin
        wanted = [
            (person, place)
            for person in self.people
            for place in np.argsort(-self.scores[person.id].frames, kind="stable")[: chosen.frames]
        ]
        for done, (person, place) in enumerate(wanted):
            yield Progress("explain", done, len(wanted), "Drawing heat maps")
            self._check_stop()
            sighting, moment = self.tracks[person.id].sightings[place], person.timeline[place]
            strength = {ENSEMBLE: moment.probability, **moment.families}
            with self._clock("explain"):
                preview = self._previews[sighting.frame]
                image, box = preview.image(), preview.scaled(sighting.face.box)
                for family, heat in heat_maps(self._runtime, sighting.crop[None]).items():
                    drawn = overlay(image, box, margin, heat[0], strength[family], chosen.alpha)
                    self.overlays.append(
                        Overlay(person.id, sighting.frame, sighting.time_s, family, drawn)
                    )
            self.explained.append(
                parts.ExplainedFrame(
                    person=person.id,
                    frame=sighting.frame,
                    time_s=sighting.time_s,
                    strength=strength,
                )
            )
        yield Progress("explain", len(wanted), len(wanted), "Drawing heat maps")

    def watch_eyes(self, person: int) -> Iterator[Progress]:
        """Read one person's blinks in a second, denser pass; raises Canceled."""
        watch = EyeWatch(
            self._path, self.info, self.tracks[person], self._finder, self._settings,
            self._should_stop,
        )  # fmt: skip
        with closing(watch.frames()) as frames:
            while True:
                with self._clock("blinks"):
                    done = next(frames, None)
                if done is None:
                    break
                yield Progress("blinks", done, max(watch.total, done), "Watching the eyes")
                self._check_stop()
        reading = watch.reading()
        if isinstance(reading, parts.Notice):
            self.notices.append(reading)
            return
        place = [each.id for each in self.people].index(person)
        self.people[place] = self.people[place].model_copy(update={"blinks": reading})

    def best(self, person: int) -> Sighting:
        """Give the sighting in which a person's face is largest, the earliest of those."""
        return max(self.tracks[person].sightings, key=lambda sighting: sighting.face.side_px)

    def sharpness(self, person: int) -> float:
        """Measure a typical crop of a person, see `quality.sharpness`."""
        crops = [sighting.crop for sighting in self.tracks[person].sightings]
        return float(np.median([sharpness(crop) for crop in crops]))

    def _track_score(self, logits: np.ndarray) -> TrackScore:
        """Score one person by (T, F, K) float32 logits."""
        if not np.isfinite(logits).all():
            raise MediaError(
                "error",
                f"a network gave no number for a face of {self._path.name}; try "
                "--set runtime.dtype=float32",
            )
        chosen, fitted = self._settings.verdict, self._config.calibration
        combiner = self._runtime.ensemble.combiner
        return track_score(
            logits,
            partial(judge, combiner),
            Calibration(fitted.scale, fitted.offset) if fitted else Calibration(),
            pooling=combiner.pooling,
            confidence=chosen.confidence,
            resamples=chosen.resamples,
            seed=chosen.seed,
        )

    def _person(self, track: Track, score: TrackScore) -> parts.Person:
        """Put one person's score into the report's words."""
        names = [family.name for family in self._config.families]
        timeline = [
            parts.Moment(
                time_s=max(sighting.time_s, 0.0),
                frame=sighting.frame,
                box=sighting.face.box,
                face_px=sighting.face.side_px,
                probability=score.frames[place],
                families=dict(zip(names, score.frame_families[place], strict=True)),
                members=score.frame_members[place].tolist(),
            )
            for place, sighting in enumerate(track.sightings)
        ]
        # rounded first, so that the verdict is the one that the report's own numbers give
        probability, low, high = (round(p, 6) for p in (score.probability, *score.interval))
        return parts.Person(
            id=track.id,
            verdict=verdict(probability, (low, high), self.threshold),
            probability=probability,
            interval=(low, high),
            frames_seen=len(timeline),
            first_s=timeline[0].time_s,
            last_s=timeline[-1].time_s,
            families=dict(zip(names, score.families, strict=True)),
            box_of_best=self.best(track.id).face.box,
            timeline=timeline,
        )

    def _check_stop(self) -> None:
        if self._should_stop():
            raise Canceled(f"stopped analyzing {self._path.name}, as asked")

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] += time.perf_counter() - start


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of what the system refuses (rights, a lost network drive) that the file is unreadable."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MediaError("unreadable", f"cannot read {path.name}: {reason}") from error
