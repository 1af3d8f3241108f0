"""As strong as the winner of the Deepfake Detection Challenge augmented.

JPEG, noise, blur and a mirror image at the face's own resolution; then the size of the network's
input, by one of three pairs of interpolation; then light or color, now and then no color at all,
and a shift, zoom and turn that leaves black behind.

Source of odds and ranges: Seferbekov, 2020, https://github.com/selimsef/dfdc_deepfake_challenge
(`create_train_transforms`), where Albumentations 0.4 fills in what is not said. Its FancyPCA finds
the axes of color in each picture; here they are those of ImageNet, which are the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from awarenet.damage import jpeg
from awarenet.faces import Box, square_box

# Interpolation that shrinks and that enlarges, each pair as likely as the others.
INTERPOLATIONS = (
    (cv2.INTER_AREA, cv2.INTER_CUBIC),
    (cv2.INTER_AREA, cv2.INTER_LINEAR),
    (cv2.INTER_LINEAR, cv2.INTER_LINEAR),
)
BLUR_DEVIATION = 0.8  # px: what OpenCV takes for a kernel of 3
# Standard deviation of ImageNet's pixels along their three axes of color, times those axes, levels
# in 0..1. Source: Krizhevsky et al., 2012, section 4.1; figures as in fb.resnet.torch,
# https://github.com/facebookarchive/fb.resnet.torch/blob/master/datasets/imagenet.lua
COLOR_AXES = np.array([0.2175, 0.0188, 0.0045]) * np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)


@dataclass(frozen=True)
class Changes:
    """One draw; what does not happen has its neutral value."""

    jpeg: int  # quality; 0: none
    noise: float  # standard deviation in 0..255; 0: none
    seed: int  # of the noise
    blur: bool
    flip: bool
    interpolation: tuple[int, int]
    contrast: float  # factor
    brightness: float  # added, in 0..255
    color: tuple[float, float, float]  # added to red, green and blue, in 0..255
    hue: tuple[int, int, int]  # added to hue in 0..179, saturation and value in 0..255
    gray: bool
    shift: tuple[float, float]  # of the side; with zoom and angle
    zoom: float
    angle: float  # degrees


def draw_changes(rng: np.random.Generator) -> Changes:
    """Draw one set of changes; as many numbers every time."""
    chances, kind = rng.random(7), int(rng.integers(3))
    light = chances[4] < 0.7
    moved = chances[6] < 0.5
    quality, noise = int(rng.integers(60, 101)), float(np.sqrt(rng.uniform(10, 50)))
    seed, method = int(rng.integers(2**31)), INTERPOLATIONS[rng.integers(3)]
    contrast, brightness = rng.uniform(-0.2, 0.2, 2)
    color = COLOR_AXES @ rng.normal(0, 0.1, 3) * 255
    hue = rng.integers((-20, -30, -20), (21, 31, 21))
    shift, zoom, angle = rng.uniform(-0.1, 0.1, 2), rng.uniform(0.8, 1.2), rng.uniform(-10, 10)
    return Changes(
        jpeg=quality if chances[0] < 0.5 else 0,
        noise=noise if chances[1] < 0.1 else 0.0,
        seed=seed,
        blur=bool(chances[2] < 0.05),
        flip=bool(chances[3] < 0.5),
        interpolation=method,
        contrast=1 + float(contrast) if light and kind == 0 else 1.0,
        brightness=255 * float(brightness) if light and kind == 0 else 0.0,
        color=tuple(color.tolist()) if light and kind == 1 else (0.0, 0.0, 0.0),
        hue=tuple(hue.tolist()) if light and kind == 2 else (0, 0, 0),
        gray=bool(chances[5] < 0.2),
        shift=tuple(shift.tolist()) if moved else (0.0, 0.0),
        zoom=float(zoom) if moved else 1.0,
        angle=float(angle) if moved else 0.0,
    )


def make_changes(
    scene: np.ndarray, conditions: Changes, *, box: Box, margin: float, side: int
) -> np.ndarray:
    """Cut the face out of its scene and change it.

    Args:
        scene: (S, S, 3) uint8 RGB.
        conditions: From `draw_changes`.
        box: Of the face, px of the scene.
        margin: Of the crop around the box, of the longer side of it.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    crop = _cut(scene, box, margin)
    if conditions.jpeg:
        crop = jpeg(crop, conditions.jpeg)
    if conditions.noise:
        noise = np.empty(crop.shape, np.float32)
        cv2.setRNGSeed(conditions.seed)
        cv2.randn(noise, (0.0,) * 3, (conditions.noise,) * 3)
        crop = np.clip(crop + noise + 0.5, 0, 255).astype(np.uint8)
    if conditions.blur:
        crop = cv2.GaussianBlur(crop, (3, 3), BLUR_DEVIATION)
    if conditions.flip:
        crop = cv2.flip(crop, 1)
    smaller, larger = conditions.interpolation
    method = smaller if side < len(crop) else larger
    return _place(_color(cv2.resize(crop, (side, side), interpolation=method), conditions),
                  conditions)  # fmt: skip


def _cut(scene: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """Cut whole pixels out, so that nothing is interpolated yet; beyond the edge it is repeated."""
    x0, y0, x1, _ = square_box(box, margin)
    left, top, length = round(x0), round(y0), max(round(x1 - x0), 1)
    height, width = scene.shape[:2]
    rows = np.clip(np.arange(top, top + length), 0, height - 1)
    columns = np.clip(np.arange(left, left + length), 0, width - 1)
    return scene[np.ix_(rows, columns)]


def _color(image: np.ndarray, conditions: Changes) -> np.ndarray:
    """Change light, color or hue, at most one of them, and take the color away."""
    if conditions.hue != (0, 0, 0):
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16) + conditions.hue
        hsv[..., 0] %= 180
        image = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    elif conditions.contrast != 1 or any(conditions.color):
        levels = np.arange(256)[:, None] * conditions.contrast + conditions.brightness
        table = np.clip(levels + conditions.color + 0.5, 0, 255).astype(np.uint8)
        image = cv2.LUT(image, np.ascontiguousarray(table[None]))
    if conditions.gray:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return image


def _place(image: np.ndarray, conditions: Changes) -> np.ndarray:
    """Shift, zoom and turn; where nothing was, it is black."""
    if not conditions.angle:
        return image
    side = len(image)
    center = (side / 2 - 0.5, side / 2 - 0.5)
    matrix = cv2.getRotationMatrix2D(center, conditions.angle, conditions.zoom)
    matrix[:, 2] += np.array(conditions.shift) * side
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR)
