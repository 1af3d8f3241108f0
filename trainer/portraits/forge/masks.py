"""Which part of a face is changed, and how what was changed is laid over what was not."""

from __future__ import annotations

import cv2
import numpy as np

from awarenet.landmarks import BROWS, LIPS, OVAL


def face_mask(landmarks: np.ndarray, side: int, region: str) -> np.ndarray:
    """Fill one region of a face.

    Args:
        landmarks: (468, 2) float32 px.
        side: Of the scene, px.
        region: "oval" (whole face), "inner" (brows to chin, cheeks cut), "brows_down" (hull of
            brows and jaw, as swaps by 68 landmarks cut it), "brows_to_lips" (hull of brows and
            mouth) or "lower" (nose to chin).

    Returns:
        (side, side) float32, 1 inside, 0 outside.
    """
    oval = landmarks[list(OVAL)]
    if region == "oval":
        points = oval
    elif region == "inner":
        points = oval.mean(0) + (oval - oval.mean(0)) * 0.82
    elif region == "brows_down":
        points = np.vstack([landmarks[list(BROWS)], oval[7:30]])
    elif region == "brows_to_lips":
        points = landmarks[[*BROWS, *LIPS]]
    elif region == "lower":
        points = np.vstack([landmarks[[6, 205, 425]], oval[11:26]])
    else:
        raise ValueError(
            f"no region {region!r}; there are oval, inner, brows_down, brows_to_lips, lower"
        )
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    mask = np.zeros((side, side), np.float32)
    cv2.fillConvexPoly(mask, hull, 1.0)
    return mask


def soft_mask(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deform and feather a (S, S) mask at random; the rim is what a detector has to find.

    Returns:
        (S, S) float32 in 0..1; below 0.1 at the border of the scene.
    """
    side = len(mask)
    if rng.random() < 0.7:  # elastic: no two rims have the same shape
        field = rng.normal(0, 1, (2, side // 4, side // 4)).astype(np.float32)
        dx, dy = (cv2.resize(cv2.GaussianBlur(f, (0, 0), side / 48), (side, side)) for f in field)
        strength = rng.uniform(2, 7) / max(float(np.abs(dx).std()), 1e-6)
        ys, xs = np.mgrid[:side, :side].astype(np.float32)
        mask = cv2.remap(mask, xs + dx * strength * 0.5, ys + dy * strength * 0.5, cv2.INTER_LINEAR)
    size = int(rng.integers(1, max(side // 16, 2)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size // 2 + 1,) * 2)
    mask = cv2.erode(mask, kernel) if rng.random() < 0.6 else cv2.dilate(mask, kernel)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, side / 32))
    border = np.zeros_like(mask)
    border[4:-4, 4:-4] = 1
    return np.clip(mask * cv2.GaussianBlur(border, (0, 0), 2), 0, 1)


def blend(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mix two (S, S, 3) uint8 scenes by a (S, S) mask in 0..1."""
    weight = mask[:, :, None]
    mixed = background * (1 - weight) + foreground.astype(np.float32) * weight
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
