"""A face shrunk, blurred and warped back to where it was: nothing but resolution tells.

Generators paint faces of one size, upright; fitted into a frame, those have less detail than what
surrounds them, along the grid of another size and angle. The same can be done to a real face
without a generator. Source: Li & Lyu, 2019, https://arxiv.org/abs/1811.00656: aligned, brought to a
scale drawn at random, blurred by a Gaussian of 5x5 px, warped back within the face or a polygon of
its landmarks; light, contrast, color and sharpness vary for real and fake alike. How far scales and
colors go is our choice.
"""

from __future__ import annotations

import cv2
import numpy as np

from awarenet.landmarks import EYES, OVAL
from trainer.portraits.forge.masks import blend, face_mask, soft_mask
from trainer.portraits.forge.scene import Scene

SCALES = (0.4, 1.0)  # of a face, to its size in the scene; coarser ones are a blot to any eye
KERNEL = (5, 5)  # px of the shrunk face
REGIONS = ("oval", "oval", "brows_down", "brows_to_lips", "brows_to_lips")
AROUND = 1.6  # of a face's longer side, what is warped: more than any region's soft rim needs
FACTORS = (0.75, 1.25)  # of light, contrast, color and sharpness
SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13  # what sharpness is against


def warped(target: Scene, donor: Scene | None, rng: np.random.Generator) -> np.ndarray:
    """Give a face less detail than its surroundings have; `donor` is not used."""
    image, landmarks = target
    side, scale = len(image), rng.uniform(*SCALES)
    back = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    hard = face_mask(landmarks, side, str(rng.choice(REGIONS)))
    if rng.random() < 0.5:
        mask = soft_mask(hard, rng)
    else:
        mask = cv2.GaussianBlur(hard, (0, 0), rng.uniform(0.4, 0.4 + side / 128))
    return blend(image, warp_there_and_back(target, scale, back), mask)


def warp_there_and_back(target: Scene, scale: float, interpolation: int) -> np.ndarray:
    """Align and shrink a face, blur it, and warp it back onto the pixels that it came from.

    Args:
        target: Scene of the face.
        scale: Of the shrunk face, at most 1; it gets 8 px a side at least.
        interpolation: OpenCV's, on the way back.

    Returns:
        (S, S, 3) uint8 RGB; around the face and what is next to it, some repeated edge.
    """
    image, landmarks = target
    side, oval = len(image), landmarks[list(OVAL)]
    small = max(round(side * scale), 8)
    ratio = small / side
    # area by area first: a warp alone would leave steps and moire where it shrinks
    shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    eyes = landmarks[list(EYES)].reshape(2, 2, 2).mean(1)
    angle = float(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])))
    center = (oval.min(0) + oval.max(0) + 1) / 2 * ratio - 0.5  # pixels' middles are whole numbers
    length = int(np.ceil(np.ptp(oval, axis=0).max() * ratio * AROUND))
    upright = cv2.getRotationMatrix2D(tuple(map(float, center)), angle, 1.0)
    upright[:, 2] += (length - 1) / 2 - center
    face = cv2.warpAffine(
        shrunk, upright, (length, length), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    face = cv2.GaussianBlur(face, KERNEL, 0)
    matrix = upright.copy()  # from the scene's pixels straight to those of the shrunk face
    matrix[:, 2] += upright[:, :2] @ np.full(2, (ratio - 1) / 2)
    matrix[:, :2] *= ratio
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(face, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def vary_colors(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change light, contrast, color and sharpness of a whole (S, S, 3) uint8 RGB scene."""
    light, contrast, color, sharpness = map(float, rng.uniform(*FACTORS, 4))
    image = cv2.convertScaleAbs(image, alpha=light)
    middle = float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean())
    levels = np.clip((np.arange(256) - middle) * contrast + middle + 0.5, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, levels)
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    image = cv2.addWeighted(image, color, gray, 1 - color, 0)
    soft = cv2.filter2D(image, -1, SMOOTH)
    return cv2.addWeighted(image, sharpness, soft, 1 - sharpness, 0)
