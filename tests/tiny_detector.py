"""A whole detector in miniature: faces drawn in known colors, their finder, the tiny bundle."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from clips import write_clip

from awarenet.faces import Face
from awarenet.pipeline import Detector, load_detector
from awarenet.settings import Settings

PAPER = (90, 110, 140)
SKINS = ((225, 180, 150), (110, 70, 50))  # of the first and of the second person
TOLERANCE = 28  # of each channel; compression moves colors


class SkinFinder:
    """Takes each patch of a known skin color for a face."""

    name = "retinaface-mobilenet"  # what the tiny bundle says it was trained with

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the drawn faces of a (H, W, 3) uint8 RGB frame."""
        faces = []
        for skin in SKINS:
            near = (np.abs(image.astype(int) - skin) < TOLERANCE).all(axis=2)
            rows, columns = (np.flatnonzero(near.sum(axis) > 2) for axis in (1, 0))
            if len(rows) and len(columns):
                box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
                faces.append(_face(tuple(float(side) for side in box)))
        return faces


def make_detector(folder: Path, **sections: dict[str, object]) -> Detector:
    """Load a bundle with a finder for drawn faces; `sections` as in `with_settings`."""
    sections = {"faces": {"min_face_px": 20}, "sampling": {"frames": 6}, **sections}
    settings = Settings.model_validate(
        {"runtime": {"device": "cpu"}, "explain": {"enabled": False}, **sections}
    )
    loaded = load_detector(folder, settings)
    return Detector(loaded.bundle, settings, SkinFinder())


def draw(image: np.ndarray, center: tuple[int, int], side: int, person: int = 0) -> None:
    """Draw a person's face on (H, W, 3) uint8 RGB."""
    x, y = center
    cv2.ellipse(image, (x, y), (side * 2 // 5, side // 2), 0, 0, 360, SKINS[person], -1)
    for eye in (-1, 1):
        cv2.circle(image, (x + eye * side // 6, y - side // 8), side // 16, (30, 20, 20), -1)
    if person == 0:
        cv2.ellipse(
            image, (x, y + side // 4), (side // 6, side // 16), 0, 0, 180, (170, 40, 50), -1
        )
    else:
        cv2.rectangle(image, (x - side // 4, y - side // 3), (x, y - side // 5), (0, 90, 0), -1)


def frames_of_one(count: int) -> Iterator[np.ndarray]:
    """Draw one person who moves: (120, 160, 3) uint8 RGB frames."""
    for index in range(count):
        image = np.full((120, 160, 3), PAPER, np.uint8)
        draw(image, (70 + index % 12 * 2, 70), 60)
        yield image


def frames_of_two(count: int, leaves: int | None = None) -> Iterator[np.ndarray]:
    """Draw two people, (120, 320, 3) uint8 RGB; the one that `leaves` is gone after 4 frames."""
    for index in range(count):
        image = np.full((120, 320, 3), PAPER, np.uint8)
        for person, (x, side) in enumerate(((70, 60), (240, 64))):
            if person != leaves or index < 4:
                draw(image, (x + index % 3, 72), side, person)
        yield image


def one_person(path: Path, count: int = 12) -> Path:
    """Write a clip of one person."""
    return write_clip(path, frames_of_one(count))


def two_people(path: Path, leaves: int | None = None) -> Path:
    """Write a clip of two people, the first at the left."""
    return write_clip(path, frames_of_two(12, leaves))


def nobody(path: Path) -> Path:
    """Write a clip of a wall, four frames."""
    return write_clip(path, [np.full((120, 160, 3), PAPER, np.uint8)] * 4)


def _face(box: tuple[float, float, float, float]) -> Face:
    x0, y0, x1, y1 = box
    marks = np.array([[0.32, 0.38], [0.68, 0.38], [0.5, 0.58], [0.36, 0.76], [0.64, 0.76]])
    landmarks = (np.array([x0, y0]) + marks * [x1 - x0, y1 - y0]).astype(np.float32)
    return Face(box, 0.99, landmarks)
