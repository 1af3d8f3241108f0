"""A face blended onto itself after small changes of color, sharpness and place.

Source of the idea: Shiohara & Yamasaki, 2022, https://arxiv.org/abs/2204.08376.
"""

from __future__ import annotations

import cv2
import numpy as np

from trainer.portraits.forge.masks import blend, face_mask, soft_mask
from trainer.portraits.forge.scene import Scene

LIKELY_MASKS = ("oval", "oval", "inner", "lower", "brows_down", "brows_down")


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
