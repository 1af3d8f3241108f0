"""Follow each person through the sampled frames of a clip.

Samples may lie seconds apart, so overlap alone does not tell who is who. Inside a shot a face is
linked to the nearest one before it, and the further it moved, the more alike the two must look.
Such stretches are then joined, across cuts and gaps, only where the faces look so alike that it
is one person in the same light and pose; otherwise one person counts as two, which costs less
than two people as one. Looks are compared without a network: gradients of the aligned face
(Dalal and Triggs, 2005, https://doi.org/10.1109/CVPR.2005.177) and colors of what surrounds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from awarenet.faces import Box, Face, crop_face, square_box

PATCH = 64  # px, side of the aligned face
CELL = 8  # px
ORIENTATIONS = 8
# Eyes, nose and mouth corners in the aligned face, as shares of its side.
TEMPLATE = np.array([[0.32, 0.38], [0.68, 0.38], [0.5, 0.58], [0.36, 0.76], [0.64, 0.76]])
CROP_MARGIN, CROP_SIDE = 0.6, 128  # of what is looked at: head, hair, some of the shoulders
COLOR_BINS = (4, 8, 8)  # of L, a, b
COLOR_RANGES = [0, 256, 96, 160, 96, 170]  # skin, hair and cloth; a and b are 128 for gray

# Likenesses: 1 is the same picture. Tuned on 24 real clips of 8 people and on portraits of 979.
LINK_AT_REST = 0.4  # likeness for a link inside a shot; 99 % of true pairs have 0.64
LINK_PER_FACE = 0.3  # more, for each face side moved, and each doubling of its size
LINK_COLOR = 0.85  # likeness of the colors; true pairs have at least 0.88
JOIN = 0.895  # to join stretches: one person in two clips has 0.91 or more, two people 0.89 or less
JOIN_COLOR = 0.9  # one person in two clips has 0.96 or more
BEST_PAIRS = 3  # of sightings: the mean of their likenesses is that of two stretches
PART = 0.87  # below it, and below PART_COLOR, a stretch is two: its cut was missed, say a dissolve
PART_COLOR = 0.965  # a head that turns in front of one background has at least 0.967
PART_SIGHTINGS = 3  # that each half must have: a single face may be turned away or covered
JOINED_AT_MOST = 128  # stretches looked at for joining, the most prominent ones


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in one frame."""

    frame: int  # index in the stream
    time_s: float
    shot: int
    face: Face
    crop: np.ndarray  # (side, side, 3) uint8 RGB, by `crop_face`


@dataclass(frozen=True)
class Track:
    """One person through a clip."""

    id: int  # from 1 up, the most prominent person first
    sightings: tuple[Sighting, ...]  # in order of time, at most one a frame

    @property
    def prominence(self) -> float:
        """Sum of the face's sides over all sightings, px: how long and how large it is seen."""
        return sum(sighting.face.side_px for sighting in self.sightings)


class Tracker:
    """Collect the faces of a clip, frame by frame, and sort them by person.

    Keeps a crop of every face instead of the frames. In a crowd only the largest faces of a frame
    are kept, so memory is bounded by samples x `max_faces`.
    """

    def __init__(self, *, margin: float, side: int, max_faces: int = 16):
        """Take the margin and side (px) of the crops as the bundle says."""
        self._margin, self._side, self._max_faces = margin, side, max_faces
        self._shot = 0
        self._live: list[_Stretch] = []  # of the current shot
        self._past: list[_Stretch] = []

    def add(
        self, frame_index: int, time_s: float, shot: int, image: np.ndarray, faces: Sequence[Face]
    ) -> list[Sighting]:
        """Take the faces of the next sampled frame, (H, W, 3) uint8 RGB; give those kept."""
        # late: it takes 0.4 s, and nobody waits for it before there are faces
        from scipy.optimize import linear_sum_assignment

        if shot != self._shot:
            self._past += self._live
            self._live, self._shot = [], shot
        largest = sorted(faces, key=lambda face: -face.side_px)[: self._max_faces]
        seen = []
        for face in largest:
            crop = crop_face(image, face.box, margin=self._margin, side=self._side)
            sighting = Sighting(frame_index, time_s, shot, face, crop)
            looks, colors = describe(image, face)
            seen.append(_Stretch([sighting], looks[None], colors[None]))
        claims = np.array([[old.claim(new) for old in self._live] for new in seen])
        claims = claims.reshape(len(seen), len(self._live))
        linked = set()
        for row, column in zip(*linear_sum_assignment(claims, maximize=True), strict=True):
            if claims[row, column] > 0:
                self._live[column].extend(seen[row])
                linked.add(row)
        kept = [sighting for new in seen for sighting in new.sightings]
        self._live += [new for row, new in enumerate(seen) if row not in linked]
        return kept

    def finish(self) -> list[Track]:
        """Give everybody seen, the most prominent first; take the first n to limit their number."""
        stretches = [part for stretch in self._past + self._live for part in stretch.parts()]
        stretches.sort(key=lambda stretch: -stretch.prominence)
        stretches = _join(stretches[:JOINED_AT_MOST]) + stretches[JOINED_AT_MOST:]
        people = [
            tuple(sorted(stretch.sightings, key=lambda sighting: sighting.frame))
            for stretch in sorted(stretches, key=lambda stretch: -stretch.prominence)
        ]
        return [Track(number, sightings) for number, sightings in enumerate(people, start=1)]


class _Stretch:
    """One person through one shot, or through several once joined."""

    def __init__(self, sightings: list[Sighting], looks: np.ndarray, colors: np.ndarray):
        self.sightings = sightings
        self.looks = looks  # (n, D)
        self.colors = colors  # (n, 256)

    @property
    def prominence(self) -> float:
        return sum(sighting.face.side_px for sighting in self.sightings)

    def extend(self, other: _Stretch) -> None:
        self.sightings = self.sightings + other.sightings
        self.looks = np.vstack([self.looks, other.looks])
        self.colors = np.vstack([self.colors, other.colors])

    def parts(self) -> list[_Stretch]:
        """Cut where neither face nor surroundings before are like any after."""
        looks, colors = self.looks @ self.looks.T, self.colors @ self.colors.T
        for place in range(PART_SIGHTINGS, len(self.sightings) - PART_SIGHTINGS + 1):
            across = slice(None, place), slice(place, None)
            if _best(looks[across]) < PART and _best(colors[across]) < PART_COLOR:
                before = self._slice(slice(None, place))
                return [before, *self._slice(slice(place, None)).parts()]
        return [self]

    def _slice(self, part: slice) -> _Stretch:
        return _Stretch(self.sightings[part], self.looks[part], self.colors[part])

    def claim(self, new: _Stretch) -> float:
        """How much speaks for a new face of this shot being this person; 0 if it cannot be."""
        moved, grown = _motion(self.sightings[-1].face.box, new.sightings[0].face.box)
        alike = float((self.looks @ new.looks[0]).max())
        if (
            alike < LINK_AT_REST + LINK_PER_FACE * (moved + grown)
            or float(self.colors[-1] @ new.colors[0]) < LINK_COLOR
        ):
            return 0.0
        sure = -float(np.log(1.02 - alike))  # near 1 a small difference says much
        return max(1 + sure - moved - grown, 0.01)

    def likeness(self, other: _Stretch) -> float:
        """Mean likeness of the best pairs of sightings; -1 if they cannot be one person."""
        frames = {sighting.frame for sighting in self.sightings}
        if not frames.isdisjoint(sighting.frame for sighting in other.sightings):
            return -1.0
        if (self.colors @ other.colors.T).max() < JOIN_COLOR:
            return -1.0
        return _best(self.looks @ other.looks.T)


def describe(image: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Put the looks of a face into numbers.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: A face in it.

    Returns:
        (D,) float32, gradients of the aligned face, and (256,) float32, colors in and around it.
        Both have length 1 (a blank picture: 0), so that a dot product is a likeness, at most 1.
    """
    crop = crop_face(image, face.box, margin=CROP_MARGIN, side=CROP_SIDE)
    x0, y0, x1, _ = square_box(face.box, CROP_MARGIN)
    landmarks = (face.landmarks - (x0, y0)) * (CROP_SIDE / (x1 - x0))
    patch = cv2.warpAffine(
        cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY),
        _alignment(landmarks, TEMPLATE * PATCH),
        (PATCH, PATCH),
        borderMode=cv2.BORDER_REPLICATE,
    )
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)
    colors = cv2.calcHist([lab], [0, 1, 2], None, list(COLOR_BINS), COLOR_RANGES).ravel()
    return _gradients(patch), _unit(np.sqrt(colors))


def _join(stretches: list[_Stretch]) -> list[_Stretch]:
    """Join the two that are most alike, again and again, while any two are alike enough."""
    count = len(stretches)
    table = np.full((count, count), -1.0)
    for row in range(count):
        for column in range(row):
            table[row, column] = stretches[row].likeness(stretches[column])
    gone: set[int] = set()
    while table.size and table.max() >= JOIN:
        row, column = (int(place) for place in np.unravel_index(table.argmax(), table.shape))
        stretches[column].extend(stretches[row])
        gone.add(row)
        table[row], table[:, row] = -1.0, -1.0
        for other in set(range(count)) - gone - {column}:
            likeness = stretches[column].likeness(stretches[other])
            table[max(other, column), min(other, column)] = likeness
    return [stretch for place, stretch in enumerate(stretches) if place not in gone]


def _best(alike: np.ndarray) -> float:
    """Mean of the largest likenesses in a table."""
    pairs = alike.ravel()
    count = min(BEST_PAIRS, len(pairs))
    return float(np.partition(pairs, len(pairs) - count)[len(pairs) - count :].mean())


def _motion(old: Box, new: Box) -> tuple[float, float]:
    """How far a face moved, in sides of itself, and how many times its size doubled or halved."""
    sides = [max(box[2] - box[0], box[3] - box[1]) for box in (old, new)]
    centers = [np.array([box[0] + box[2], box[1] + box[3]]) / 2 for box in (old, new)]
    moved = float(np.linalg.norm(centers[1] - centers[0])) / (sum(sides) / 2)
    return moved, abs(float(np.log2(sides[1] / sides[0])))


def _alignment(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(2, 3) shift, turn and scale that bring (n, 2) points nearest to their targets."""
    x, y, one, zero = *points.T, np.ones(len(points)), np.zeros(len(points))
    rows = np.vstack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, dx, dy = np.linalg.lstsq(rows, targets.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, dx], [b, a, dy]])


def _gradients(patch: np.ndarray) -> np.ndarray:
    """(D,) float32 histogram of gradients of a (PATCH, PATCH) uint8 face, an oval of its cells."""
    smooth = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), 1)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.hypot(dx, dy)
    angle = np.arctan2(dy, dx) / (2 * np.pi) * ORIENTATIONS  # in bins
    apart = np.abs((angle[..., None] - np.arange(ORIENTATIONS) + ORIENTATIONS / 2) % ORIENTATIONS)
    shares = np.maximum(1 - np.abs(apart - ORIENTATIONS / 2), 0)  # the two nearest bins
    count = PATCH // CELL
    cells = (strength[..., None] * shares).reshape(count, CELL, count, CELL, -1).mean((1, 3))
    energy = np.sqrt(cv2.blur((cells**2).sum(-1), (3, 3)))  # local, against uneven light
    cells = np.sqrt(cells / (energy[..., None] + 0.1 * energy.mean() + 1e-3))
    y, x = (np.indices((count, count)) + 0.5) / count
    oval = ((x - 0.5) / 0.48) ** 2 + ((y - 0.52) / 0.5) ** 2 < 1
    chosen = cells[oval].ravel()
    return _unit(chosen - chosen.mean())


def _unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1, float32; a zero vector as it is."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length > 0 else vector).astype(np.float32)
