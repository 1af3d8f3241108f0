"""Another person's face, put where the target's was.

- `matched_swap`: warped along the landmarks, its color matched in Lab.
- `poisson_swap`: the same, but cloned in the gradient domain (Perez et al., 2003,
  https://doi.org/10.1145/882262.882269).
- `pyramid_swap`: aligned by a similarity only, blended band by band (Burt & Adelson, 1983,
  https://doi.org/10.1145/245.247). Kept out of training: it shows what an unseen kind costs.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from awarenet.landmarks import EYES, LIPS
from trainer.portraits.forge.masks import blend, face_mask, soft_mask
from trainer.portraits.forge.scene import Scene

GRID_PX = 8  # spacing at which a warp is computed before it is interpolated to every pixel


def matched_swap(target: Scene, donor: Scene | None, rng: np.random.Generator) -> np.ndarray:
    """Put the donor's face on, warped to the target's landmarks, its color matched in Lab."""
    warped, mask = _warp_onto(target, donor, rng)
    if rng.random() < 0.85:
        warped = _match_lab(warped, target[0], mask, share=rng.uniform(0.5, 1))
    return blend(target[0], warped, soft_mask(mask, rng))


def poisson_swap(target: Scene, donor: Scene | None, rng: np.random.Generator) -> np.ndarray:
    """Clone the donor's face in the gradient domain: the seam is gone, the color bleeds in."""
    warped, mask = _warp_onto(target, donor, rng)
    warped = _match_lab(warped, target[0], mask, share=rng.uniform(0, 1))
    inside = np.zeros_like(mask, np.uint8)
    inside[4:-4, 4:-4] = (mask[4:-4, 4:-4] > 0.5) * np.uint8(255)
    ys, xs = np.nonzero(inside)
    if len(xs) < 64:
        return blend(target[0], warped, soft_mask(mask, rng))
    center = (int(xs.min() + xs.max() + 1) // 2, int(ys.min() + ys.max() + 1) // 2)
    return cv2.seamlessClone(warped, target[0], inside, center, cv2.NORMAL_CLONE)


def pyramid_swap(target: Scene, donor: Scene | None, rng: np.random.Generator) -> np.ndarray:
    """Lay the donor's face over the target's by a similarity, and blend band by band."""
    image, landmarks = target
    donor_image, donor_landmarks = donor
    side, anchors = len(image), [*EYES, *LIPS, 1]
    matrix, _ = cv2.estimateAffinePartial2D(donor_landmarks[anchors], landmarks[anchors])
    warped = cv2.warpAffine(donor_image, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
    mask = face_mask(landmarks, side, "inner")
    warped = _match_histogram(warped, image, mask)
    levels = int(rng.integers(2, 5))
    return _blend_bands(image, warped, cv2.GaussianBlur(mask, (0, 0), 1.0), levels)


def warp_face(donor: Scene, landmarks: np.ndarray, side: int) -> np.ndarray:
    """Bend the donor's face so that its landmarks fall on `landmarks`.

    Piecewise linear over the landmarks' triangles, computed on a coarse grid and interpolated;
    beyond the face an affine fit takes over.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    image, points = donor
    ticks = np.arange(0, side + GRID_PX, GRID_PX, dtype=np.float32)
    xs, ys = np.meshgrid(ticks, ticks)
    grid = np.stack([xs.ravel(), ys.ravel()], 1)
    mapped = LinearNDInterpolator(landmarks, points)(grid).astype(np.float32)
    ones = np.ones((len(landmarks), 1), np.float32)
    affine, *_ = np.linalg.lstsq(np.hstack([landmarks, ones]), points, rcond=None)
    outside = np.isnan(mapped[:, 0])
    mapped[outside] = np.hstack([grid, np.ones((len(grid), 1), np.float32)])[outside] @ affine
    coarse = mapped.reshape(len(ticks), len(ticks), 2)
    position = np.arange(side, dtype=np.float32) / GRID_PX
    at_x, at_y = np.meshgrid(position, position)
    dense = cv2.remap(coarse, at_x, at_y, cv2.INTER_LINEAR)
    return cv2.remap(image, dense, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def _warp_onto(
    target: Scene, donor: Scene, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Donor's face at the target's landmarks (some of its own shape kept), and the hard mask."""
    image, landmarks = target
    side = len(image)
    warped = warp_face(donor, landmarks, side)
    if rng.random() < 0.75:  # generators paint small faces, which are then enlarged
        small = int(rng.integers(64, 176) * side / 256)
        warped = cv2.resize(warped, (small, small), interpolation=cv2.INTER_AREA)
        method = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        warped = cv2.resize(warped, (side, side), interpolation=method)
    region = str(rng.choice(["oval", "inner", "brows_down", "brows_down"]))
    return warped, face_mask(landmarks, side, region)


def _match_lab(
    image: np.ndarray, reference: np.ndarray, mask: np.ndarray, share: float
) -> np.ndarray:
    """Move mean and spread of each Lab channel within `mask` toward those of the reference.

    Source: Reinhard et al., 2001, https://doi.org/10.1109/38.946629.
    """
    inside = mask > 0.5
    if not inside.any():
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    goal = cv2.cvtColor(reference, cv2.COLOR_RGB2LAB).astype(np.float32)
    mean, spread = lab[inside].mean(0), lab[inside].std(0) + 1e-3
    goal_mean, goal_spread = goal[inside].mean(0), goal[inside].std(0) + 1e-3
    ratio = np.clip(goal_spread / spread, 0.5, 2.0)
    moved = (lab - mean) * ratio + goal_mean
    mixed = np.clip(lab + (moved - lab) * share, 0, 255).astype(np.uint8)
    return cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB)


def _match_histogram(image: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give each channel within `mask` the reference's distribution of values."""
    inside, out = mask > 0.5, image.copy()
    levels = np.linspace(0, 1, 256)
    for channel in range(3):
        values = np.quantile(image[..., channel][inside], levels)
        goals = np.quantile(reference[..., channel][inside], levels)
        values = values + np.arange(256) * 1e-6  # strictly rising, as interp wants
        out[..., channel] = np.interp(image[..., channel], values, goals).astype(np.uint8)
    return out


def _blend_bands(
    background: np.ndarray, foreground: np.ndarray, mask: np.ndarray, levels: int
) -> np.ndarray:
    """Laplacian-pyramid blend of two (S, S, 3) uint8 scenes by a (S, S) float32 mask."""
    low, high = background.astype(np.float32), foreground.astype(np.float32)
    bands = []
    for _ in range(levels):
        sizes = (low.shape[1], low.shape[0])
        next_low, next_high = cv2.pyrDown(low), cv2.pyrDown(high)
        weight = mask[..., None]
        bands.append(
            (low - cv2.pyrUp(next_low, dstsize=sizes)) * (1 - weight)
            + (high - cv2.pyrUp(next_high, dstsize=sizes)) * weight
        )
        low, high, mask = next_low, next_high, cv2.pyrDown(mask)
    out = low * (1 - mask[..., None]) + high * mask[..., None]
    for band in reversed(bands):
        out = cv2.pyrUp(out, dstsize=(band.shape[1], band.shape[0])) + band
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)
