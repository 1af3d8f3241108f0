"""Watch one person's eyes through a stretch of a clip, many times a second, and read their blinks.

The face is found anew every few frames and followed by its own landmarks in between. Who is who is
taken from the sightings that were scored: a face counts only where it overlaps them. Frames are
let go of at once; what stays of each is one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from awarenet import report as parts
from awarenet.blinks import (
    GAP_S,
    NOT_COUNTED,
    find_blinks,
    indication,
    measure_openness,
    rate_interval,
)
from awarenet.cage import OpenedFile
from awarenet.errors import MediaError
from awarenet.faces import Box, Face, FaceFinder
from awarenet.landmarks import EYES, OVAL, PRESENT, five_points, trace_eyelids, trace_face
from awarenet.settings import Settings
from awarenet.tracks import Sighting, Track
from awarenet.video import Frame, MediaInfo

FIND_EVERY = 6  # frames: at 15 a second a face is found anew 2.5 times a second
OVERLAP = 0.2  # intersection over union, at least, of a face and where it is expected
REMEMBER_S = 0.5  # for so long a lost face is looked for where it was
FULL_FACE = 1.07  # sides of the detector's boxes, of those around the mesh: 1.06-1.10 in two clips
SMALLEST_EYE_PX = 10  # width; below it the opening of an eye is less than 3 px high
MOST_TURNED = 0.4  # nose off the middle of the eyes, of their distance: 36 degrees, about
SHORTEST_S = 5.0  # watched; of less, the rate could be anything
FEWEST_FPS = 10.0  # a blink of 100 ms falls between the frames of slower clips


class EyeWatch:
    """One person's eyes: where the face is now, and how far they were open so far."""

    def __init__(
        self,
        file: OpenedFile,
        info: MediaInfo,
        track: Track,
        finder: FaceFinder,
        settings: Settings,
    ):
        self._file, self._info, self._finder, self._settings = file, info, finder, settings
        self._sightings = track.sightings
        self._start_s, self._end_s = busiest_stretch(track.sightings, settings.blinks.seconds, info)
        self._curve: list[tuple[float, float, float]] = []  # s, openness of either eye
        self._face: Face | None = None  # as last seen
        self._seen: Frame | None = None  # when that was, without its image
        self._since_found = 0  # frames
        self._failure = ""

    @property
    def total(self) -> int:
        """How many frames there will be, about."""
        fps = min(self._settings.blinks.frames_per_second, self._info.fps or np.inf)
        return max(round((self._end_s - self._start_s) * fps), 1)

    def frames(self) -> Iterator[int]:
        """Step through the stretch; gives the number of frames so far.

        A clip that cannot be read a second time ends it: see `reading`.

        Raises:
            Canceled: As asked.
        """
        if self._refusal():
            return
        stretch = self._file.stretch(
            (self._start_s, self._end_s), 1 / self._settings.blinks.frames_per_second
        )
        with closing(stretch):
            try:
                for frame in stretch:
                    self._curve.append((frame.time_s, *self._openness(frame)))
                    yield len(self._curve)
            except MediaError as error:
                self._failure = str(error)

    def reading(self) -> parts.Blinks | parts.Notice:
        """What the frames showed, or why they show nothing."""
        if refusal := self._refusal():
            return refusal
        curve = np.array(self._curve).reshape(-1, 3)
        time_s, openness = curve[:, 0], curve[:, 1:]
        seen = np.isfinite(openness).all(1)
        steps = np.diff(time_s)
        seconds = float(steps[seen[:-1] & seen[1:] & (steps <= GAP_S)].sum())
        if self._failure:
            return _unread("blinks_unread", error=self._failure)
        if seconds < SHORTEST_S:
            return _unread(
                "blinks_too_short", seconds=seconds, limit=SHORTEST_S, eye_px=SMALLEST_EYE_PX
            )
        found = find_blinks(time_s, openness)
        confidence = self._settings.verdict.confidence
        interval = rate_interval(len(found), seconds, confidence)
        return parts.Blinks(
            blinks=[parts.Blink(time_s=each.time_s, duration_s=each.duration_s) for each in found],
            seconds=seconds,
            per_minute=len(found) / seconds * 60,
            interval=interval,
            timeline=[
                parts.EyeMoment(time_s=at, openness=float(eyes.mean()) if known else None)
                for at, eyes, known in zip(time_s, openness, seen, strict=True)
            ],
            indication=indication(len(found), seconds, interval, confidence),
        )

    def _refusal(self) -> parts.Notice | None:
        """Say why there is no point in looking, if there is none."""
        if self._info.kind == "image":
            return _unread("blinks_need_video")
        if 0 < self._info.fps < FEWEST_FPS:
            return _unread("blinks_too_few_frames", fps=self._info.fps, limit=FEWEST_FPS)
        return None

    def _openness(self, frame: Frame) -> tuple[float, float]:
        """How far both eyes are open; NaN where that cannot be told."""
        unknown = (float("nan"), float("nan"))
        if self._seen is None or frame.shot != self._seen.shot:
            self._face = None
        face = self._face
        if face is None or self._since_found >= FIND_EVERY:
            face, self._since_found = self._find(frame), 0
        self._since_found += 1
        if face is None:
            self._face = None
            return unknown
        mesh, presence = trace_face(frame.image, face)
        if presence < PRESENT:
            self._face = None
            return unknown
        self._face = face_around(mesh)
        self._seen = Frame(frame.index, frame.time_s, frame.shot, np.empty((0, 0, 3), np.uint8))
        if not judgeable(mesh):
            return unknown
        left, right = measure_openness(trace_eyelids(frame.image, mesh))
        return float(left), float(right)

    def _find(self, frame: Frame) -> Face | None:
        """The person's face, found anew where it is expected."""
        expected = self._expected(frame)
        if expected is None:
            return None
        faces = self._finder.find(frame.image)
        best = max(faces, key=lambda face: overlap(face.box, expected), default=None)
        return best if best is not None and overlap(best.box, expected) >= OVERLAP else None

    def _expected(self, frame: Frame) -> Box | None:
        """Where the person was a moment ago, else in the nearest sighting of this shot."""
        if self._face is not None and frame.time_s - self._seen.time_s <= REMEMBER_S:
            return self._face.box
        here = [sighting for sighting in self._sightings if sighting.shot == frame.shot]
        nearest = min(here, key=lambda each: abs(each.time_s - frame.time_s), default=None)
        return nearest and nearest.face.box


def busiest_stretch(
    sightings: tuple[Sighting, ...], seconds: float, info: MediaInfo
) -> tuple[float, float]:
    """Choose the stretch of a clip, s, in which a person is sighted most often; the first of those.

    It begins one step of the sampling before the first sighting: the person may be there already.
    """
    times = np.array([sighting.time_s for sighting in sightings])
    counts = np.searchsorted(times, times + seconds, side="right") - np.arange(len(times))
    first = float(times[int(np.argmax(counts))])
    step = float(np.min(np.diff(times))) if len(times) > 1 else seconds
    start = max(first - step, 0.0)
    return start, min(start + seconds, max(info.duration_s, start))


def face_around(mesh: np.ndarray) -> Face:
    """Make of a (468, 2) mesh what the detector would give."""
    low, high = mesh[list(OVAL)].min(0), mesh[list(OVAL)].max(0)
    middle, half = (low + high) / 2, (high - low) / 2 * FULL_FACE
    box = tuple(float(value) for value in (*(middle - half), *(middle + half)))
    return Face(box, 1.0, five_points(mesh).astype(np.float32))


def judgeable(mesh: np.ndarray) -> bool:
    """Tell whether both eyes of a (468, 2) mesh in px are large enough and face the camera."""
    corners = mesh[list(EYES)].reshape(2, 2, 2)
    widths = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    left, right, nose, *_ = five_points(mesh)
    across = right - left
    turned = (nose - (left + right) / 2) @ across / max(float(across @ across), 1e-6)
    return bool(widths.min() >= SMALLEST_EYE_PX and abs(turned) <= MOST_TURNED)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    a, b = np.array(one), np.array(other)
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(sides.prod())
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared
    return shared / union if union > 0 else 0.0


def _unread(code: str, **values: object) -> parts.Notice:
    return parts.Notice(code=code, message=NOT_COUNTED[code].format(**values), values=values)
