"""Decode, find faces, sort them by person; and judge some on the way, so that an answer forms.

Faces are judged as soon as there are enough for a batch, while the next frames are decoded: so
nothing waits for what it does not need, and a person in front of the page sees where it is going.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from awarenet.ahead import ahead
from awarenet.errors import SettingsError
from awarenet.evidence import Evidence, Partial, Progress
from awarenet.explain import Preview
from awarenet.provenance import read as read_provenance
from awarenet.quality.refusals import refused
from awarenet.settings import ProvenanceSettings
from awarenet.stages.asking import ask, knowing, opinion, promising, steps
from awarenet.tracks import Sighting, Tracker
from awarenet.video import Frame

FRAMES_AHEAD = 8  # whose faces may wait to be judged
FIRST_BATCH = 4  # crops, before there is anything to show


def gather(evidence: Evidence) -> Iterator[Progress]:
    """Find out who is in the file, and form a first opinion.

    Raises:
        MediaError: The file cannot be used.
        Canceled: As asked.
    """
    chosen, crop = evidence.settings, evidence.bundle.config.crop
    count = chosen.sampling.frames
    yield Progress("decode", 0, 1, "Opening the file")
    with evidence.clock("decode"), _readable(evidence.path):
        evidence.info = evidence.file.probe()
    total = max(min(count, evidence.info.frame_count), 1)
    tracker = Tracker(margin=crop.margin, side=crop.side)
    first = _FirstOpinion(evidence)
    # frames are decoded and searched while the networks judge the faces found so far
    with closing(ahead(_found(evidence, tracker), FRAMES_AHEAD)) as found:
        for seen in found:
            if seen is None:
                first.finish()
                continue
            evidence.frames += 1
            partial = first.form(seen)
            total = max(total, evidence.frames)
            yield Progress("detect", evidence.frames, total, "Finding faces", partial)
            evidence.check_stop()
    people = tracker.finish()
    evidence.tracks = {track.id: track for track in people[: chosen.faces.max_people]}
    evidence.left_out = len(people) - len(evidence.tracks)


def _found(evidence: Evidence, tracker: Tracker) -> Iterator[list[Sighting] | None]:
    """Decode the clip's samples and find the faces in each, then read what nothing waits for.

    Gives None when all faces are there, before it reads that. Raises as `gather`.
    """
    sampled = evidence.file.sample(evidence.info, evidence.settings.sampling.frames)
    shot = 0
    with closing(sampled):
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
            yield seen
    yield None
    _look_aside(evidence)  # while the last faces are judged


def _look_aside(evidence: Evidence) -> None:
    """Read how coarsely the file is compressed, and what it says of its origin."""
    chosen = evidence.settings.provenance
    with evidence.clock("decode"), _readable(evidence.path):
        evidence.quantization = evidence.file.quantization()
    if chosen.enabled:
        with evidence.clock("decode"):
            evidence.provenance = read_provenance(
                evidence.file, evidence.info, _trusted(chosen), evidence.should_stop
            )


class _FirstOpinion:
    """Score faces while others are still looked for: the largest of each frame, as many as people.

    Batches are of the same faces every time, however fast frames come: to the last digit, a score
    may depend on what it is computed beside.
    """

    def __init__(self, evidence: Evidence):
        self._evidence, self._waiting, self._largest = evidence, [], []
        self._needed = min(FIRST_BATCH, evidence.runtime.at_once)
        self._wanted, self._knowing = steps(evidence)[0], knowing(evidence)
        self._asked = 0  # faces

    def form(self, seen: list[Sighting]) -> Partial | None:
        """Take the faces of the next frame; give an opinion each time a batch is full."""
        evidence = self._evidence
        by_size = sorted(seen, key=lambda sighting: -sighting.face.side_px)
        self._largest += by_size[:1]
        self._waiting += by_size[: evidence.settings.faces.max_people]
        if len(self._waiting) < self._needed:
            return None
        while len(self._waiting) >= self._needed:
            self._judge(self._waiting[: self._needed])
            self._waiting = self._waiting[self._needed :]
            self._needed = evidence.runtime.at_once
        judged = [each for each in self._largest if each in evidence.logits]
        if not promising(evidence, judged, self._wanted):
            # all will be needed: better now, beside decoding, than family by family at the end
            self._wanted, self._knowing = steps(evidence)[-1], None
        return Partial(opinion(evidence, judged), len(judged))

    def finish(self) -> None:
        """Judge the faces that are left: no more will come to fill their batch."""
        self._judge(self._waiting)
        self._waiting = []

    def _judge(self, faces: list[Sighting]) -> None:
        """Ask the networks that are asked first; of half the faces, whether they know them too.

        With an early exit that is needed of one more than half (`asking.settled`), and there is
        time for it while the next frames are decoded.
        """
        numbers = range(self._asked, self._asked + len(faces))
        self._asked += len(faces)
        for _ in ask(self._evidence, faces, self._wanted):
            self._evidence.check_stop()
        if self._knowing is not None:
            half = [face for face, number in zip(faces, numbers, strict=True) if number % 2]
            half += faces[:1] if numbers.start == 0 else []
            for _ in ask(self._evidence, half, self._knowing):
                self._evidence.check_stop()


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
        raise refused("unreadable", "system", name=path.name, error=reason) from error
