"""What is known of one file so far: what the stages of an analysis add to, and look things up in.

Nothing is written to disk. Memory does not grow with the length of the clip: of each sampled frame
only the face crops are kept, and a small JPEG where a heat map may be laid over it later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from awarenet import report as parts
from awarenet.bundle import Bundle
from awarenet.cage import OpenedFile
from awarenet.ensemble import judge
from awarenet.errors import Canceled
from awarenet.explain import Preview
from awarenet.faces import FaceFinder
from awarenet.quality import Measured
from awarenet.quality.refusals import refused
from awarenet.runtime import Runtime
from awarenet.scoring import Calibration, TrackScore, decide_known, track_score
from awarenet.settings import Settings
from awarenet.tracks import Sighting, Track
from awarenet.video import MediaInfo

StopCheck = Callable[[], bool]


@dataclass(frozen=True)
class Partial:
    """What can be said before all frames were seen; it is not the answer."""

    probability: float  # calibrated, of the largest face of each frame so far
    faces: int  # that it rests on


@dataclass(frozen=True)
class Progress:
    """How far an analysis has come."""

    stage: str  # "decode", "detect", "score", "stability", "explain" or "blinks"
    done: int
    total: int
    message: str  # for people
    partial: Partial | None = None


@dataclass(frozen=True)
class Overlay:
    """A heat map on its frame."""

    person: int
    frame: int
    time_s: float
    family: str  # or explain.ENSEMBLE
    image: np.ndarray  # (H, W, 3) uint8 RGB, no larger than explain.PREVIEW_PX


@dataclass(eq=False)
class Evidence:
    """All that the stages share; by person means by the id of a track."""

    path: Path
    bundle: Bundle
    runtime: Runtime
    finder: FaceFinder
    settings: Settings
    should_stop: StopCheck = lambda: False

    file: OpenedFile = field(init=False)  # closed by who made the evidence
    info: MediaInfo | None = None  # None until the file could be read
    quantization: float | None = None  # see `quantization.read_quantization`
    provenance: parts.Provenance | None = None
    frames: int = 0  # looked at
    cuts_s: list[float] = field(default_factory=list)  # when each shot but the first was first seen
    too_small: list[float] = field(default_factory=list)  # px, sides of faces that were skipped
    tracks: dict[int, Track] = field(default_factory=dict)  # those judged, most prominent first
    left_out: int = 0  # people found beyond those
    # (F, K) float32 each, NaN where a network was not asked
    logits: dict[Sighting, np.ndarray] = field(default_factory=dict)
    asked: np.ndarray | None = None  # (F, K) bool, networks that judged every face
    passes: int = 0  # of a face through a network
    # what families saw in a face, until all of them have; see `Runtime.observe`
    features: dict[Sighting, dict[str, np.ndarray]] = field(default_factory=dict)
    distances: dict[Sighting, float] = field(default_factory=dict)  # from the training data
    scores: dict[int, TrackScore] = field(default_factory=dict)
    measured: dict[int, Measured] = field(default_factory=dict)  # what a person's faces are worth
    other_votes: list[parts.OtherVote] = field(default_factory=list)  # on the person who decides
    people: list[parts.Person] = field(default_factory=list)  # most suspicious first
    stability: parts.Stability | None = None
    explained: list[parts.ExplainedFrame] = field(default_factory=list)
    overlays: list[Overlay] = field(default_factory=list)  # by family and ensemble, in that order
    notices: list[parts.Notice] = field(default_factory=list)  # what could not be done
    previews: dict[int, Preview] = field(default_factory=dict)  # by frame
    spent: dict[str, float] = field(default_factory=dict)  # seconds by stage
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        """Name the file to be read; nothing is opened yet."""
        self.file = OpenedFile(self.path, self.settings.limits, self.should_stop)

    @property
    def threshold(self) -> float:
        """Where "fake" begins, 0..1: the settings' own, or the bundle's."""
        chosen = self.settings.verdict.threshold
        return round(chosen if chosen >= 0 else self.bundle.config.thresholds.default, 6)

    @property
    def shape(self) -> tuple[int, int]:
        """F, K: families, and members of each."""
        return len(self.bundle.ensemble.families), self.bundle.ensemble.members_per_family

    @property
    def frames_needed(self) -> int:
        """Frames that somebody must be seen in to decide the clip."""
        return self.settings.faces.min_track_frames if self.info.kind == "video" else 1

    def known(self, sighting: Sighting) -> np.ndarray:
        """(F, K) bool: networks that have judged a face."""
        found = self.logits.get(sighting)
        return np.zeros(self.shape, bool) if found is None else ~np.isnan(found)

    def best(self, person: int) -> Sighting:
        """Give the sighting in which a person's face is largest, the earliest of those."""
        return max(self.tracks[person].sightings, key=lambda sighting: sighting.face.side_px)

    def crops(self, person: int) -> np.ndarray:
        """Give a person's faces, (T, S, S, 3) uint8 RGB, in order of time."""
        return np.stack([sighting.crop for sighting in self.tracks[person].sightings])

    def check_numbers(self, logits: np.ndarray) -> None:
        """Raise MediaError where a network gave no number."""
        if not np.isfinite(logits).all():
            raise refused("error", "no_number", name=self.path.name)

    def judge(self, logits: np.ndarray) -> TrackScore:
        """Score one person.

        Args:
            logits: (T, F, K) float32.

        Raises:
            MediaError: A network gave no number.
        """
        self.check_numbers(logits)
        return track_score(logits, **self.scoring)

    @property
    def scoring(self) -> dict[str, Any]:
        """How logits become a person's score: what `track_score` and `possible` both take."""
        chosen, fitted = self.settings.verdict, self.bundle.config.calibration
        combiner = self.bundle.ensemble.combiner
        return {
            "combine": partial(judge, combiner),
            "calibration": Calibration(fitted.scale, fitted.offset) if fitted else Calibration(),
            "pooling": combiner.pooling,
            "confidence": chosen.confidence,
            "resamples": chosen.resamples,
            "seed": chosen.seed,
        }

    def decides(self) -> tuple[parts.Person, int]:
        """Say who decides the clip, and how many were seen too briefly for that."""
        needed = self.frames_needed
        seen = [person.frames_seen for person in self.people]
        brief = sum(count < min(needed, max(seen)) for count in seen)
        first = decide_known(
            [person.probability for person in self.people],
            seen,
            needed,
            [is_outside(person) for person in self.people],
            [person.verdict for person in self.people],
        )
        return self.people[first], brief

    def update(self, person: int, **changes: object) -> None:
        """Add to what is known of a person."""
        place = [each.id for each in self.people].index(person)
        self.people[place] = self.people[place].model_copy(update=changes)

    def check_stop(self) -> None:
        """Raise Canceled where that was asked for."""
        if self.should_stop():
            raise Canceled(f"stopped analyzing {self.path.name}, as asked")

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Add the time of a block to a stage's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + time.perf_counter() - start


def is_outside(person: parts.Person) -> bool:
    """Whether a person lies outside of what the networks know, so that no verdict holds."""
    return person.competence is not None and person.competence.outside
