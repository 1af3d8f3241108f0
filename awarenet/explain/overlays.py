"""A heat map laid over the frame that its crop was cut from, and the small frames kept for that.

Shapes: S side of a crop in px, H and W of a frame in px.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from awarenet.faces import Box, square_box

PREVIEW_PX = 1280  # longer side of the picture under a heat map
JPEG_QUALITY = 90  # of that picture while it waits; nothing is measured on it


@dataclass(frozen=True)
class Preview:
    """A frame kept for later, small and compressed: dozens of raw 4K frames would fill memory."""

    jpeg: bytes
    scale: float  # px of the preview a px of the frame, at most 1

    @classmethod
    def of(cls, image: np.ndarray) -> Preview:
        """Keep a (H, W, 3) uint8 RGB frame."""
        picture, buffer = Image.fromarray(image), io.BytesIO()
        scale = min(PREVIEW_PX / max(picture.size), 1.0)
        if scale < 1:
            size = tuple(max(round(side * scale), 1) for side in picture.size)
            picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return cls(buffer.getvalue(), scale)

    def image(self) -> np.ndarray:
        """Give it back, (h, w, 3) uint8 RGB, its longer side at most `PREVIEW_PX`."""
        with Image.open(io.BytesIO(self.jpeg), formats=["JPEG"]) as picture:
            return np.array(picture)

    def scaled(self, box: Box) -> Box:
        """Turn a box in px of the frame into px of the preview."""
        x0, y0, x1, y1 = (side * self.scale for side in box)
        return x0, y0, x1, y1


def overlay(
    image: np.ndarray,
    box: Box,
    margin: float,
    heat: np.ndarray,
    strength: float,
    alpha: float,
) -> np.ndarray:
    """Lay a crop's heat map over the frame that the crop was cut from.

    Heat runs from clear through yellow to red. It is multiplied by `strength` first, so that a
    face held for genuine hardly glows.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: The face in px of `image`, as it was given to `faces.crop_face`.
        margin: As it was given to `faces.crop_face`.
        heat: (S, S) float32 in 0..1.
        strength: The probability that goes with this map, 0..1.
        alpha: Opacity where heat times strength is 1, 0..1.

    Returns:
        (H, W, 3) uint8 RGB, a copy; the same as `image` outside the square of the crop.
    """
    result = image.copy()
    height, width = image.shape[:2]
    x0, y0, x1, y1 = square_box(box, margin)
    left, right = max(math.floor(x0), 0), min(math.ceil(x1), width)
    top, bottom = max(math.floor(y0), 0), min(math.ceil(y1), height)
    if left >= right or top >= bottom:
        return result
    scale = len(heat) / (x1 - x0)  # px of the map a px of the frame
    shift = np.array([left + 0.5 - x0, top + 0.5 - y0]) * scale - 0.5  # pixel centers on centers
    to_map = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    placed = cv2.warpAffine(
        np.ascontiguousarray(heat, np.float32),
        to_map,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    value = np.clip(placed * strength, 0, 1)[:, :, None]
    color = np.concatenate(
        [np.full_like(value, 255), 230 * (1 - value), np.zeros_like(value)], axis=2
    )
    part = result[top:bottom, left:right]
    part[:] = np.round(part + (color - part) * (alpha * value)).astype(np.uint8)
    return result
