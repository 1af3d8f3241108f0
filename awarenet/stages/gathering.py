"""Decode, find faces, sort them by person; and judge some on the way, so that an answer forms.

The largest face of every frame is scored as soon as there are enough for a batch: that costs
nothing, as it would be scored anyway, and a person in front of the page sees where it is going.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from awarenet.errors import MediaError, SettingsError
from awarenet.evidence import Evidence, Partial, Progress
from awarenet.explain import Preview
from awarenet.provenance import read as read_provenance
from awarenet.quantization import read_quantization
from awarenet.settings import ProvenanceSettings
from awarenet.tracks import Sighting, Tracker
from awarenet.video import Frame, probe, sample_frames

BATCH_ON_CPU = 8  # crops between two looks at the stop button; larger batches are hardly faster
FIRST_BATCH = 4  # crops, before there is anything to show


def gather(evidence: Evidence) -> Iterator[Progress]:
    """Find out who is in the file, and form a first opinion.

    Raises:
        MediaError: The file cannot be used.
        Canceled: As asked.
    """
    chosen, crop = evidence.settings, evidence.bundle.config.crop
    limits, count = chosen.limits, chosen.sampling.frames
    yield Progress("decode", 0, 1, "Opening the file")
    with evidence.clock("decode"), _readable(evidence.path):
        evidence.info = probe(evidence.path, limits)
        evidence.quantization = read_quantization(evidence.path, limits, evidence.should_stop)
    if chosen.provenance.enabled:
        with evidence.clock("decode"):
            evidence.provenance = read_provenance(
                evidence.path, evidence.info, _trusted(chosen.provenance), evidence.should_stop
            )
    total = max(min(count, evidence.info.frame_count), 1)
    tracker = Tracker(margin=crop.margin, side=crop.side)
    first = _FirstOpinion(evidence)
    sampled = sample_frames(evidence.path, evidence.info, count, limits, evidence.should_stop)
    with closing(sampled):
        shot = 0
        while True:
            with evidence.clock("decode"), _readable(evidence.path):
                frame = next(sampled, None)
            if frame is None:
                break
            if frame.shot != shot:
                shot = frame.shot
                evidence.cuts_s.append(max(frame.time_s, 0.0))
            with evidence.clock("detect"):
                seen = _find(evidence, frame, tracker)
            evidence.frames += 1
            partial = first.form(seen)
            total = max(total, evidence.frames)
            yield Progress("detect", evidence.frames, total, "Finding faces", partial)
            evidence.check_stop()
    found = tracker.finish()
    evidence.tracks = {track.id: track for track in found[: chosen.faces.max_people]}
    evidence.left_out = len(found) - len(evidence.tracks)


def batch_size(evidence: Evidence) -> int:
    """Crops that are scored at once."""
    own = evidence.runtime.batch_size
    return min(own, BATCH_ON_CPU) if evidence.runtime.device.type == "cpu" else own


def score_crops(evidence: Evidence, sightings: list[Sighting]) -> None:
    """Let every network judge some faces."""
    with evidence.clock("score"):
        crops = np.stack([each.crop for each in sightings])
        competence = evidence.bundle.competence
        if competence is None:
            logits = evidence.runtime.logits(crops, evidence.should_stop)
        else:
            observed = evidence.runtime.observe(crops, evidence.should_stop)
            logits, distances = observed.logits, competence.distances(observed.features)
            evidence.distances.update(zip(sightings, distances.tolist(), strict=True))
    evidence.logits.update(zip(sightings, logits, strict=True))


class _FirstOpinion:
    """Score the largest faces while others are still looked for."""

    def __init__(self, evidence: Evidence):
        self._evidence, self._waiting = evidence, []
        self._needed = min(FIRST_BATCH, batch_size(evidence))

    def form(self, seen: list[Sighting]) -> Partial | None:
        """Take the faces of the next frame; give an opinion each time a batch is full."""
        if seen:
            self._waiting.append(max(seen, key=lambda sighting: sighting.face.side_px))
        if len(self._waiting) < self._needed:
            return None
        score_crops(self._evidence, self._waiting)
        self._waiting, self._needed = [], batch_size(self._evidence)
        logits = np.stack(list(self._evidence.logits.values()))
        return Partial(self._evidence.judge(logits).probability, len(logits))


def _find(evidence: Evidence, frame: Frame, tracker: Tracker) -> list[Sighting]:
    """Find the faces of a frame that are large enough, and hand them to the tracker."""
    least = evidence.settings.faces.min_face_px
    faces = evidence.finder.find(frame.image)
    large = [face for face in faces if face.side_px >= least]
    evidence.too_small += [face.side_px for face in faces if face.side_px < least]
    if large and evidence.settings.explain.enabled:
        evidence.previews[frame.index] = Preview.of(frame.image)
    return tracker.add(frame.index, frame.time_s, frame.shot, frame.image, large)


def _trusted(chosen: ProvenanceSettings) -> str:
    """Read the list of signers that are trusted; raises SettingsError where it is not there."""
    if not chosen.trust_list:
        return ""
    try:
        return Path(chosen.trust_list).expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"provenance.trust_list = {chosen.trust_list}: {error}; expected a PEM file"
        ) from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of what the system refuses (rights, a lost network drive) that the file is unreadable."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MediaError("unreadable", f"cannot read {path.name}: {reason}") from error
