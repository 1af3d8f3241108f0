"""Make fakes out of real faces, so that a detector can be trained without a single real deepfake.

Every maker takes *scenes*: (S, S, 3) uint8 RGB squares around one face, with that face's (468, 2)
landmarks in px, and returns the manipulated scene. In a swap only the region within a soft mask
changes; in a self-blended face either the face or what is around it does.

- `self_blended`: a face blended onto itself after small changes of color, sharpness and place.
  Source of the idea: Shiohara & Yamasaki, 2022, https://arxiv.org/abs/2204.08376.
- `matched_swap`: another person's face, warped along the landmarks, its color matched in Lab.
- `poisson_swap`: the same, but cloned in the gradient domain (Perez et al., 2003,
  https://doi.org/10.1145/882262.882269).
- `pyramid_swap`: aligned by a similarity only, blended band by band (Burt & Adelson, 1983,
  https://doi.org/10.1145/245.247). Kept out of training: it shows what an unseen kind costs.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from trainer.portraits.landmarks import BROWS, EYES, LIPS, OVAL

Scene = tuple[np.ndarray, np.ndarray]  # image (S, S, 3) uint8 RGB, landmarks (468, 2) float32 px
GRID_PX = 8  # spacing at which a warp is computed before it is interpolated to every pixel
LIKELY_MASKS = ("oval", "oval", "inner", "lower", "brows_down", "brows_down")


def face_mask(landmarks: np.ndarray, side: int, region: str) -> np.ndarray:
    """Fill one region of a face.

    Args:
        landmarks: (468, 2) float32 px.
        side: Of the scene, px.
        region: "oval" (whole face), "inner" (brows to chin, cheeks cut), "brows_down" (hull of
            brows and jaw, as swaps by 68 landmarks cut it) or "lower" (nose to chin).

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
    elif region == "lower":
        points = np.vstack([landmarks[[6, 205, 425]], oval[11:26]])
    else:
        raise ValueError(f"no region {region!r}; there are oval, inner, brows_down, lower")
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


def self_blended(target: Scene, donor: Scene | None, rng: np.random.Generator) -> np.ndarray:
    """Blend a face onto itself after changing one of the two copies; `donor` is not used."""
    image, landmarks = target
    side = len(image)
    source, ground = image.copy(), image
    if rng.random() < 0.5:
        source = _change(source, rng)
    else:
        ground = _change(ground, rng)
    angle, scale = rng.uniform(-3, 3), rng.uniform(0.96, 1.04)
    matrix = cv2.getRotationMatrix2D(tuple(map(float, landmarks.mean(0))), angle, scale)
    matrix[:, 2] += rng.uniform(-0.018, 0.018, 2) * side
    source = cv2.warpAffine(source, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
    mask = soft_mask(face_mask(landmarks, side, str(rng.choice(LIKELY_MASKS))), rng)
    return blend(ground, source, mask * rng.choice([0.5, 0.75, 1, 1, 1, 1]))


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


Maker = Callable[[Scene, Scene | None, np.random.Generator], np.ndarray]
MAKERS: dict[str, Maker] = {
    "self_blended": self_blended,
    "matched_swap": matched_swap,
    "poisson_swap": poisson_swap,
    "pyramid_swap": pyramid_swap,
}


def make_fake(kind: str, target: Scene, donor: Scene, rng: np.random.Generator) -> np.ndarray:
    """Make one fake of a kind in `MAKERS`; a target without color stays without.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        ValueError: No such kind.
    """
    if kind not in MAKERS:
        raise ValueError(f"no kind of fake {kind!r}; there are {', '.join(MAKERS)}")
    fake = MAKERS[kind](target, donor, rng)
    if int(np.ptp(target[0].astype(np.int16), axis=2).max()) <= 12:  # JPEG leaves a little chroma
        fake = cv2.cvtColor(cv2.cvtColor(fake, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return fake


def describe(scene: Scene) -> np.ndarray:
    """Color of the skin and pose, so that donors can be chosen who suit a target.

    Returns:
        (5,) float32: mean Lab color / 60, nose tip against the eyes in widths of the face * 4; the
        distance of two people is the mean of the absolute differences.
    """
    image, landmarks = scene
    inside = face_mask(landmarks, len(image), "inner") > 0.5
    color = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[inside].mean(0) / 60
    pose = (landmarks[1] - landmarks[list(EYES)].mean(0)) / max(np.ptp(landmarks[:, 0]), 1.0)
    return np.concatenate([color, pose * 4]).astype(np.float32)


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


def _change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change color, light and sharpness of a scene a little."""
    side, strength = len(image), rng.uniform(0.1, 1)  # often weak: good fakes match in color
    out = image.astype(np.float32)
    out += rng.uniform(-16, 16, 3).astype(np.float32) * strength  # shift of each channel
    out = (out - 128) * (1 + rng.uniform(-0.1, 0.1) * strength) + 128
    out = np.clip(out + rng.uniform(-12, 12) * strength, 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(out, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-4, 4) * strength) % 180
    factors = 1 + rng.uniform(-0.2, 0.2, 2) * strength
    hsv[..., 1:] = np.clip(hsv[..., 1:] * factors, 0, 255)
    out = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    kind = rng.random()
    if kind < 0.45:  # a coarser copy
        small = int(side / rng.uniform(1.5, 4))
        out = cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA)
        out = cv2.resize(out, (side, side), interpolation=cv2.INTER_LINEAR)
    elif kind < 0.75:  # a crisper copy
        blurred = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.8, 2))
        amount = rng.uniform(0.3, 0.9)
        out = cv2.addWeighted(out, 1 + amount, blurred, -amount, 0)
    return out


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
