"""Measure the faces of one person: size, sharpness, light, contrast, pose.

Shapes: T frames of one person, S side of a crop in px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NOSE_DEPTH = 1.13  # see `turned_deg`
_LUMA = np.array([0.299, 0.587, 0.114])  # of RGB, ITU-R BT.601


@dataclass(frozen=True)
class Measured:
    """What the faces of one person are worth: medians over the frames."""

    face_px: float  # longer side of the box, px of the frame
    sharpness: float  # see `sharpness`
    light: float  # mean luma of the face, 0 black to 1 white
    contrast: float  # standard deviation of that luma
    turned_deg: float  # to a side, see `turned_deg`


def sharpness(crop: np.ndarray) -> float:
    """Measure how much fine detail a face crop holds.

    The variance of the 4-neighbor Laplacian of the luma, after averaging down to about 128 px, so
    that crops of all sides compare.

    Args:
        crop: (S, S, 3) uint8 RGB, S at least 3 px.

    Returns:
        0 for a flat picture, some hundreds for a sharp portrait.

    Source:
        Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000.
    """
    luma = crop @ _LUMA
    step = max(len(luma) // 128, 1)
    side = len(luma) // step
    luma = luma[: side * step, : side * step].reshape(side, step, side, step).mean(axis=(1, 3))
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float((around - 4 * luma[1:-1, 1:-1]).var())


def turned_deg(landmarks: np.ndarray) -> np.ndarray:
    """Tell how far a head is turned to a side, by where the nose is between the eyes.

    A nose tip stands out from the plane of eyes and mouth. Where a head is turned by an angle,
    half the distance of the eyes shows as e cos(angle) and the tip is off their middle by
    d sin(angle), both measured across the line from the middle of the eyes to that of the mouth,
    so that neither a tilted nor a nodding head matters much. d / e is 1.13 on the canonical face of
    MediaPipe (eyes 3.15 cm off the middle; tip 4.01 cm before the eyes, of which 0.44 cm is lost as
    the mouth's middle stands out too). From afar that face is told to 2 degrees, nodding by up to
    20; at 60 cm from a camera up to 7 too many. On 802 photographs and frames it differs by 2.6
    from the depth that FaceMesh finds at the temples (95 %: 7).

    Source: of the face, canonical_face_model.obj, https://github.com/google-ai-edge/mediapipe.

    Args:
        landmarks: (..., 5, 2) px, as `faces.Face` has them.

    Returns:
        (...) float64 degrees, 0 from the front to 90; the side is left out.
    """
    points = np.asarray(landmarks, np.float64)
    first, second, nose = (points[..., place, :] for place in range(3))
    middle = (first + second) / 2
    line = points[..., 3:, :].mean(axis=-2) - middle
    across = np.stack([-line[..., 1], line[..., 0]], axis=-1)
    off = np.abs(((nose - middle) * across).sum(axis=-1))
    half = np.abs(((second - first) * across).sum(axis=-1)) / 2
    return np.degrees(np.arctan2(off, NOSE_DEPTH * half))


def measure(
    crops: np.ndarray, boxes: np.ndarray, landmarks: np.ndarray, *, margin: float
) -> Measured:
    """Measure what the faces of one person are worth.

    Args:
        crops: (T, S, S, 3) uint8 RGB, T 1 or more.
        boxes: (T, 4) x0, y0, x1, y1 of the face that each was cut for, px of the frame.
        landmarks: (T, 5, 2) px of the frame.
        margin: That the crops were cut with, as in `faces.crop_face`.
    """
    boxes = np.asarray(boxes, np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1)
    lumas = [
        _face_of(crop, shares) @ _LUMA / 255
        for crop, shares in zip(crops, sides / longest[:, None] / (1 + 2 * margin), strict=True)
    ]
    return Measured(
        face_px=float(np.median(longest)),
        sharpness=float(np.median([sharpness(crop) for crop in crops])),
        light=float(np.median([luma.mean() for luma in lumas])),
        contrast=float(np.median([luma.std() for luma in lumas])),
        turned_deg=float(np.median(turned_deg(landmarks))),
    )


def _face_of(crop: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Cut the face's box, of these shares (x, y) of the crop's side, out of the middle."""
    side = len(crop)
    width, height = np.clip(np.rint(shares * side).astype(int), 1, side)
    left, top = (side - width) // 2, (side - height) // 2
    return crop[top : top + height, left : left + width]
