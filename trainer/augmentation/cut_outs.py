"""Blank a part of a face, so that no network leans on one part alone.

Eyes, nose or mouth, half of the face, or a patch anywhere on it. The first three are a thick line
through the detector's points, as the winner of the Deepfake Detection Challenge drew it; the half
is one of the face's outline. Where a point is not known, it is taken where faces have it.
Source of the thicknesses: Seferbekov, 2020, https://github.com/selimsef/dfdc_deepfake_challenge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from awarenet.faces import Box
from awarenet.landmarks import OVAL, five_points
from trainer.manifest import Row

KINDS = ("eyes", "nose", "mouth", "half", "patch")
# Share of a box at which the detector's points lie, mean of 1,433 portraits of [data] photos.
USUAL = np.array([[0.26, 0.40], [0.72, 0.39], [0.49, 0.59], [0.29, 0.73], [0.70, 0.72]])
THICKNESS = {"eyes": 0.5, "nose": 0.5, "mouth": 0.67}  # of the distance of eyes, or mouth's corners


@dataclass(frozen=True)
class CutOut:
    """One draw: which part goes."""

    kind: str  # of KINDS
    side: int  # 0 to 3: half that goes, of left, right, upper and lower
    center: tuple[float, float]  # of the patch, share of the box
    size: tuple[float, float]  # of the patch, share of the box's longer side


def known_points(row: Row) -> np.ndarray | None:
    """(468, 2) mesh of a row, or its (5, 2) landmarks, px of its crop, or None."""
    if row.mesh is not None or not row.landmarks:
        return row.mesh
    return np.array(row.landmarks).reshape(-1, 2)


def draw_cut_out(rng: np.random.Generator) -> CutOut:
    """Draw a part; as many numbers every time."""
    kind, side = KINDS[rng.integers(len(KINDS))], int(rng.integers(4))
    center, size = rng.uniform(0, 1, 2), rng.uniform(0.15, 0.5, 2)
    return CutOut(kind, side, tuple(center.tolist()), tuple(size.tolist()))


def cut_out(
    scene: np.ndarray, conditions: CutOut, box: Box, landmarks: np.ndarray | None
) -> np.ndarray:
    """Blank a part of the face.

    Args:
        scene: (S, S, 3) uint8 RGB.
        conditions: From `draw_cut_out`.
        box: Of the face, px of the scene.
        landmarks: (5, 2) of the detector or (468, 2) of FaceMesh, px of the scene; None: unknown.

    Returns:
        (S, S, 3) uint8 RGB copy, black where the part was.
    """
    mask = np.zeros(scene.shape[:2], np.uint8)
    x0, y0, x1, y1 = box
    corner, size = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
    if conditions.kind == "patch":
        middle = corner + size * conditions.center
        half = np.array(conditions.size) * size.max() / 2
        low, high = np.round(middle - half).astype(int), np.round(middle + half).astype(int)
        cv2.rectangle(mask, tuple(map(int, low)), tuple(map(int, high)), 1, -1)
    elif conditions.kind == "half":
        _draw_half(mask, conditions.side, corner + size / 2, size, landmarks)
    else:
        _draw_line(mask, conditions.kind, _five_points(corner, size, landmarks))
    return np.where(mask[..., None] > 0, np.uint8(0), scene)


def _five_points(corner: np.ndarray, size: np.ndarray, landmarks: np.ndarray | None) -> np.ndarray:
    """(5, 2) Eyes, nose tip and corners of the mouth, whatever is known of the face."""
    if landmarks is None or not len(landmarks):
        return corner + size * USUAL
    if len(landmarks) == 5:
        return landmarks
    return five_points(landmarks)


def _draw_line(mask: np.ndarray, kind: str, points: np.ndarray) -> None:
    """Draw a thick line through a part into a (S, S) uint8 mask."""
    left, right, nose, mouth_left, mouth_right = points
    start, end = {
        "eyes": (left, right),
        "nose": ((left + right) / 2, nose),
        "mouth": (mouth_left, mouth_right),
    }[kind]
    across = (mouth_left, mouth_right) if kind == "mouth" else (left, right)
    thickness = max(round(THICKNESS[kind] * float(np.linalg.norm(across[1] - across[0]))), 1)
    start, end = (tuple(map(int, np.round(point))) for point in (start, end))
    cv2.line(mask, start, end, 1, min(thickness, len(mask)))


def _draw_half(
    mask: np.ndarray, side: int, middle: np.ndarray, size: np.ndarray, landmarks: np.ndarray | None
) -> None:
    """Draw half of the face's outline into a (S, S) uint8 mask; without a mesh an ellipse is it."""
    if landmarks is not None and len(landmarks) > 5:
        outline = cv2.convexHull(np.round(landmarks[list(OVAL)]).astype(np.int32))
        middle = landmarks[list(OVAL)].mean(0)
        cv2.fillConvexPoly(mask, outline, 1)
    else:
        x, y = map(int, np.round(middle))
        axes = tuple(max(int(length / 2), 1) for length in size)
        cv2.ellipse(mask, (x, y), axes, 0, 0, 360, 1, -1)
    x, y = (int(np.clip(np.round(value), 0, len(mask))) for value in middle)
    kept = (np.s_[:, x:], np.s_[:, :x], np.s_[y:], np.s_[:y])[side]
    mask[kept] = 0
