"""AWARE-NET's own list of transforms, which it took from the Augmentor package.

Rotation, shear, mirror image and skew, then brightness, contrast and color, each with its own odds.
Every turn ends with the largest part that shows no black corner, enlarged to the old size; here all
four are one projective map, so that a picture is interpolated once and not four times.

The published "30 % augmentation" is not a share of pictures that are changed: the code appends
0.3 n rows, drawn with replacement, to the n rows there are, and all of them go through this list.
So every training crop is augmented, and an epoch is 1.3 times as long as the rows (`LONGER`).

Sources: Salman et al., AWARE-NET, 2025, https://arxiv.org/abs/2505.00312, and its code for odds and
ranges; Bloice et al., Augmentor, 2017, https://arxiv.org/abs/1708.04680, for what each one does.
Augmentor rounds the number that it holds against the odds to one decimal, so that 0.5 was in effect
0.55 there, and 0.3 was 0.35; here odds are what they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from awarenet.faces import Box, crop_face

LONGER = 1.3
ROTATION = 15  # degrees, whole ones, to either side
SHEAR = 10  # degrees, whole ones, to either side
SKEW = 0.3  # of the side: how far a corner is pulled out at most
FACTORS = (0.8, 1.2)  # of brightness, contrast and color
# Corners are counted clockwise from the top left; a skew pulls one of them out along one axis, or
# both ends of an edge apart. (corner, x, y) with the direction in which it goes.
TILTS = (
    ((0, 0, -1), (3, 0, 1)),  # the left edge grows
    ((1, 0, -1), (2, 0, 1)),  # right
    ((0, -1, 0), (1, 1, 0)),  # top
    ((2, 1, 0), (3, -1, 0)),  # bottom
)
CORNERS = tuple(
    ((corner, *step),)
    for corner, (x, y) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1)))
    for step in ((x, 0), (0, y))
)
# Any tilt, one to the left or right, one up or down, a corner: each as likely as the others.
SKEWS = (TILTS, TILTS[:2], TILTS[2:], CORNERS)


@dataclass(frozen=True)
class Transforms:
    """One draw of the list; what does not happen has its neutral value."""

    rotation: int  # degrees, counterclockwise
    shear: int  # degrees
    shear_is_upright: bool  # along y, else along x
    flip: bool
    skew: float  # of the side; 0: none
    pulled: tuple[tuple[int, int, int], ...]  # of TILTS or CORNERS
    brightness: float  # factor
    contrast: float  # factor
    color: float  # factor


def draw_transforms(rng: np.random.Generator) -> Transforms:
    """Draw one set of transforms; as many numbers every time."""
    chances = rng.random(7)
    rotation, shear = (int(rng.integers(-most, most + 1)) for most in (ROTATION, SHEAR))
    upright, skew = bool(rng.random() < 0.5), SKEW * (1 - rng.random())
    kind = SKEWS[rng.integers(len(SKEWS))]
    pulled = kind[int(rng.random() * len(kind))]
    factors = rng.uniform(*FACTORS, 3)
    brightness, contrast, color = np.where(chances[4:] < 0.3, factors, 1.0).tolist()
    return Transforms(
        rotation if chances[0] < 0.5 else 0,
        shear if chances[1] < 0.3 else 0,
        upright,
        bool(chances[2] < 0.5),
        skew if chances[3] < 0.3 else 0.0,
        pulled,
        brightness,
        contrast,
        color,
    )


def transform(
    scene: np.ndarray, conditions: Transforms, *, box: Box, margin: float, side: int
) -> np.ndarray:
    """Cut the face out of its scene and put the crop through the list.

    Args:
        scene: (S, S, 3) uint8 RGB.
        conditions: From `draw_transforms`.
        box: Of the face, px of the scene.
        margin: Of the crop, as in `crop_face`.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    crop = crop_face(scene, box, margin=margin, side=side)
    matrix = projection(conditions, side)
    if not np.array_equal(matrix, np.eye(3)):
        crop = cv2.warpPerspective(
            crop, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    return _recolor(crop, conditions)


def projection(conditions: Transforms, side: int) -> np.ndarray:
    """(3, 3) float64: from a pixel of the crop, x and y, to where it goes.

    In units of half a side around the middle every one of them is a short formula.
    """
    half = side / 2
    to_pixels = np.array([[half, 0, half - 0.5], [0, half, half - 0.5], [0, 0, 1]])
    moves = np.eye(3)
    if conditions.rotation:
        angle = math.radians(conditions.rotation)
        sine, cosine = math.sin(angle), math.cos(angle)
        larger = cosine + abs(sine)  # the square that fits into a turned square has 1 / larger
        turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1 / larger]])
        moves = turn @ moves
    if conditions.shear:
        slope = math.tan(math.radians(conditions.shear))
        sheared = np.diag([1 / (1 - abs(slope)), 1.0, 1.0])  # the part that has no black wedge
        sheared[0, 1] = slope * sheared[0, 0]
        if conditions.shear_is_upright:
            sheared = sheared[[1, 0, 2]][:, [1, 0, 2]]
        moves = sheared @ moves
    if conditions.flip:
        moves = np.diag([-1.0, 1.0, 1.0]) @ moves
    if conditions.skew:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
        pulled = corners.copy()
        for corner, x, y in conditions.pulled:
            pulled[corner] += np.array([x, y]) * 2 * conditions.skew
        moves = cv2.getPerspectiveTransform(corners, pulled) @ moves
    if np.array_equal(moves, np.eye(3)):
        return moves
    return to_pixels @ moves @ np.linalg.inv(to_pixels)


def _recolor(image: np.ndarray, conditions: Transforms) -> np.ndarray:
    """Scale brightness, the distance from the mean gray and the distance from each pixel's gray.

    Source: https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html
    """
    if conditions.brightness != 1:
        image = cv2.convertScaleAbs(image, alpha=conditions.brightness)
    if conditions.contrast != 1:
        mean = round(float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean()))
        levels = np.arange(256) * conditions.contrast + mean * (1 - conditions.contrast)
        image = cv2.LUT(image, np.clip(levels + 0.5, 0, 255).astype(np.uint8))
    if conditions.color != 1:
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, conditions.color, gray, 1 - conditions.color, 0)
    return image
