"""Ask whether an answer stands when the picture gets worse: the same faces, damaged as copies are.

Who posts a clip again has it compressed and shrunk on the way. An answer that turns around under
such harmless damage says little, whichever way it was.

The damage happens at the size that the face has in the frame. Only crops are kept, of side S px: of
one that was enlarged to S the frame's own pixels are worked out again, damaged, and cut as before.
One that was shrunk to S is damaged as it is, since what was lost cannot be put back; there the
damage is harder than a copy of the whole frame would suffer. H.264 codes each crop as a frame of
its own, as the first one of a scene is coded, for the frames looked at lie seconds apart.

Shapes: T frames of one person, S side of a crop in px, N side of its part of the frame in px.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from awarenet.damage import blur, h264_of_any_size, jpeg, rescale
from awarenet.faces import Box, crop_face, square_box
from awarenet.report import DamagedScore, Stability
from awarenet.scoring import TrackScore, verdict

# Of the squared error, against that of pixels that the crop hardly shows. With portraits of 60 to
# 190 px enlarged to 192, the frame's pixels come back to 0.5 of 255 and the crop to 0.03; ten times
# as much is no closer, a tenth of it no sharper.
DAMPING = 0.01

Score = Callable[[np.ndarray], TrackScore]  # (T, S, S, 3) uint8 RGB crops to what they amount to


@dataclass(frozen=True)
class Damage:
    """One thing that happens to copies."""

    words: str  # for people, to stand after "under"
    apply: Callable[[np.ndarray], np.ndarray]  # (n, n, 3) uint8 RGB to (m, m, 3)


# Mildest first within a kind. The codecs' strengths lie inside what the trainer's camera recipe
# does (JPEG 50 and up, CRF 16-34) or, the last one, just beyond.
DAMAGES: dict[str, Damage] = {
    "jpeg_70": Damage("JPEG of quality 70", partial(jpeg, quality=70)),
    "jpeg_50": Damage("JPEG of quality 50", partial(jpeg, quality=50)),
    "half_size": Damage("half the size", partial(rescale, percent=50)),
    "blur": Damage("slight blur", partial(blur, sigma=1.0)),
    "h264_28": Damage("H.264 at CRF 28", partial(h264_of_any_size, crf=28)),
    "h264_35": Damage("H.264 at CRF 35", partial(h264_of_any_size, crf=35)),
}


def pick(count: int, frames: int) -> np.ndarray:
    """Choose at most `frames` of `count` frames, evenly: their places, ascending int64.

    The middle of each of as many equal stretches, so that the first and the last frame, which are
    often faded, weigh no more than others.
    """
    if count < 1 or frames < 1:
        raise ValueError(f"{frames} of {count} frames; expected at least 1 of at least 1")
    wanted = min(frames, count)
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(np.int64)


def restore(crop: np.ndarray, square: Box) -> tuple[np.ndarray, Box]:
    """Work out the frame's own pixels from a crop that `faces.crop_face` enlarged.

    What enlarged it, linear interpolation at known places, is a known matrix along each side; the
    pixels are its damped least squares (Hoerl and Kennard, Ridge regression, 1970), starting from
    the crop sampled where they lie.

    Args:
        crop: (S, S, 3) uint8 RGB.
        square: What it was cut from, px of the frame; see `faces.square_box`.

    Returns:
        (N, N, 3) uint8 RGB, a pixel or two more than the square on every side, and the square in px
        of that. A crop that was not enlarged comes back as it is, all of it the square.
    """
    x0, y0, x1, y1 = square
    side = len(crop)
    scale = side / (x1 - x0)
    if scale <= 1:
        return crop, (0.0, 0.0, float(side), float(side))
    count = math.ceil(x1 - x0) + 3
    left, top = math.floor(x0) - 1, math.floor(y0) - 1
    across, down = (_enlarging(start, scale, side, count) for start in (x0 - left, y0 - top))
    places = [
        [scale, 0, (left + 0.5 - x0) * scale - 0.5],
        [0, scale, (top + 0.5 - y0) * scale - 0.5],
    ]
    pixels = cv2.warpAffine(
        crop.astype(np.float64),
        np.array(places),
        (count, count),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    missed = crop - _along_both(down, pixels, across)
    pixels += _along_both(_undoing(down), missed, _undoing(across))
    inside = (x0 - left, y0 - top, x1 - left, y1 - top)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8), inside


def harm(native: np.ndarray, square: Box, damage: Damage, side: int) -> np.ndarray:
    """Damage a part of a frame and cut the face out of it anew.

    Args:
        native: (N, N, 3) uint8 RGB, as `restore` gives it.
        square: The crop in px of that.
        damage: One of `DAMAGES`.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB, a copy.
    """
    copy = damage.apply(native)
    factor = len(copy) / len(native)
    x0, y0, x1, y1 = (place * factor for place in square)
    return crop_face(copy, (x0, y0, x1, y1), margin=0.0, side=side)


def check(
    crops: np.ndarray,
    boxes: Sequence[Box],
    score: Score,
    *,
    margin: float,
    person: int,
    threshold: float,
    frames: int = 8,
    untouched: TrackScore | None = None,
) -> Iterator[tuple[int, int] | Stability]:
    """Score one person again after each kind of damage.

    Args:
        crops: (T, S, S, 3) uint8 RGB in the order of time, T 1 or more.
        boxes: T, of the face that each was cut for, px of the frame.
        score: Called with the crops that were picked, once for each kind of damage, and for none.
        margin: That they were cut with, as in `faces.crop_face`.
        person: Id of whose crops these are.
        threshold: Where "fake" begins, 0..1.
        frames: At most so many are looked at, those of `pick`.
        untouched: The score of the picked frames as they are, where it is known already; None
            asks `score` for it.

    Yields:
        (done, total) before each call of `score`, so that a caller can show and stop it, and last
        of all the result.

    Raises:
        ValueError: No crops, or not as many boxes.
    """
    if len(crops) != len(boxes):
        raise ValueError(f"{len(crops)} crops, {len(boxes)} boxes; expected as many")
    places = pick(len(crops), frames)
    total, done = len(DAMAGES) + (untouched is None), 0
    if untouched is None:
        yield done, total
        untouched, done = score(crops[places]), 1
    before = _judge(untouched, threshold)
    natives = [restore(crops[place], square_box(boxes[place], margin)) for place in places]
    scores = []
    for name, damage in DAMAGES.items():
        yield done, total
        copies = np.stack([harm(*native, damage, side=crops.shape[1]) for native in natives])
        probability, said = _judge(score(copies), threshold)
        scores.append(DamagedScore(damage=name, probability=probability, verdict=said))
        done += 1
    yield done, total
    seen = [before[0], *(each.probability for each in scores)]
    yield Stability(
        person=person,
        frames=len(places),
        untouched=before[0],
        scores=scores,
        low=min(seen),
        high=max(seen),
        flips_under=[
            each.damage for each in scores if {before[1], each.verdict} == {"real", "fake"}
        ],
    )


def _enlarging(start: float, scale: float, side: int, count: int) -> np.ndarray:
    """(side, count) shares that each of `count` pixels has in each of `side` enlarged ones.

    `start` is where the first of those begins, in px; as `crop_face` interpolates.
    """
    places = (np.arange(side) + 0.5) / scale + start - 0.5
    return np.maximum(1 - np.abs(places[:, None] - np.arange(count)), 0)


def _undoing(enlarging: np.ndarray) -> np.ndarray:
    """(count, side) damped inverse of a (side, count) matrix."""
    squares = enlarging.T @ enlarging
    return np.linalg.solve(squares + DAMPING * np.eye(len(squares)), enlarging.T)


def _along_both(down: np.ndarray, image: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Apply one matrix to the rows and one to the columns of an (H, W, 3) image."""
    return np.tensordot(np.tensordot(down, image, 1), across, (1, 1)).swapaxes(1, 2)


def _judge(score: TrackScore, threshold: float) -> tuple[float, str]:
    """Say probability and verdict as the report does: the verdict that its rounded numbers give."""
    probability, low, high = (round(p, 6) for p in (score.probability, *score.interval))
    return probability, verdict(probability, (low, high), threshold)
