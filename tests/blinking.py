"""A photograph that blinks: lids are painted over the astronaut's eyes in some of its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from clips import write_clip

from awarenet.faces import create_face_finder
from awarenet.landmarks import find_landmarks, trace_eyelids

PHOTO = Path(__file__).parent / "photos" / "astronaut.jpg"
FPS = 15


def portrait() -> np.ndarray:
    """Give the astronaut's head, (256, 240, 3) uint8 RGB; the face has about 155 px."""
    image = cv2.imread(str(PHOTO), cv2.IMREAD_COLOR_RGB)[20:217, 130:315]
    return cv2.resize(image, (240, 256), interpolation=cv2.INTER_CUBIC)


def close_eyes(image: np.ndarray, lids: np.ndarray) -> np.ndarray:
    """Paint skin over both eyes, and lashes where they meet; `lids` (2, 15, 2) px."""
    image = image.copy()
    for eye in lids:
        middle, width = eye[[0, 8]].mean(0), float(np.linalg.norm(eye[8] - eye[0]))
        x, y = middle[0], eye[:, 1].min() - 0.18 * width  # skin above the eye
        skin = image[round(y) - 2 : round(y) + 3, round(x) - 5 : round(x) + 6].mean((0, 1))
        hull = cv2.convexHull(((eye - middle) * (1.12, 1.25) + middle).astype(np.int32))
        cv2.fillConvexPoly(image, hull, skin.tolist(), cv2.LINE_AA)
        lashes = [eye[:9].astype(np.int32)]
        cv2.polylines(image, lashes, False, (skin * 0.35).tolist(), 2, cv2.LINE_AA)
    return image


def film(path: Path, blinks: Sequence[float], *, seconds: float, fps: int = FPS) -> Path:
    """Write a clip of somebody whose eyes are closed for 0.2 s from each of `blinks` (s) on.

    The camera adds noise to every frame: without a blink, it is a photograph shown as a clip.
    """
    return write_clip(path, frames(blinks, seconds, fps), fps=fps)


def frames(blinks: Sequence[float], seconds: float, fps: int = FPS) -> Iterator[np.ndarray]:
    """Give the frames of `film`, (256, 240, 3) uint8 RGB."""
    image, rng = portrait(), np.random.default_rng(0)
    (face,) = create_face_finder().find(image)
    closed = close_eyes(image, trace_eyelids(image, find_landmarks(image, face)))
    for index in range(round(seconds * fps)):
        blinking = any(0 <= index / fps - at < 0.2 for at in blinks)
        noisy = (closed if blinking else image) + rng.normal(0, 4, image.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8)
