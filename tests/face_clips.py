"""Small clips of people who do not exist, and clips that are bad in every way there is.

The faces are those of `tiny_people`, so the detector finds them.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tiny_people import portrait

from trainer.datasets import Clip
from trainer.extraction.extract import ExtractSettings
from trainer.portraits.clips import write_clip

SIDE = 128  # px of one person's picture; the face has half of it
SMALL = ExtractSettings(side=64, min_face_px=32, frames_real=3, frames_fake=2)
PARTS = ("train", "validation", "test")


@functools.lru_cache(maxsize=8)
def person(number: int, side: int = SIDE) -> np.ndarray:
    """(side, side, 3) uint8 RGB picture of somebody."""
    return cv2.resize(portrait(number), (side, side), interpolation=cv2.INTER_AREA)


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Stand people of any size next to each other, on gray: (H, W, 3) uint8 RGB."""
    height = max(len(picture) for picture in pictures)
    image = np.full((height, sum(p.shape[1] for p in pictures), 3), 110, np.uint8)
    left = 0
    for picture in pictures:
        image[: len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1]
    return image


def film(path: Path, image: np.ndarray, count: int = 6) -> Path:
    """Write a clip of a scene that gets brighter: no two of its frames are alike."""
    return show(path, [cv2.add(image, (4.0 * i, 4.0 * i, 4.0 * i, 0)) for i in range(count)])


def show(path: Path, frames: Sequence[np.ndarray]) -> Path:
    """Write frames as a clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_clip(path, frames, 8, crf=16)
    return path


def show_somebody(path: Path) -> None:
    """Write a picture or a clip of somebody of its own; a mask is white all over."""
    face = person(zlib.crc32("/".join(path.parts[-3:]).encode()) % 4000)
    if path.suffix in (".png", ".jpg"):
        cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
    elif "masks" in path.parts:
        show(path, [np.full((SIDE, SIDE, 3), 255, np.uint8)] * 6)
    else:
        film(path, face)


def describe(path: Path, *, label: int = 0, **changes: object) -> Clip:
    """What an index would say of a file."""
    values: dict[str, object] = {
        "path": path,
        "name": f"drawn-{path.stem}",
        "dataset": "drawn",
        "label": label,
        "method": "fake" if label else "real",
        "identities": (f"drawn:{path.stem}",),
        "source_clip": f"drawn-{path.stem}",
    }
    return Clip(**(values | changes))


def write_set(folder: Path, count: int) -> tuple[list[Clip], dict[str, str]]:
    """Write clips of two people, every third a fake; the last three are bad.

    Returns:
        The clips, and the part of each.
    """
    scenes = [film(folder / f"scene-{number}.mp4", person(number)) for number in range(2)]
    clips = []
    for number in range(count - 3):
        path = folder / f"clip-{number:02d}.mp4"
        path.symlink_to(scenes[number % 2])
        clips.append(describe(path, label=int(number % 3 == 2)))
    (folder / "empty.mp4").touch()
    (folder / "broken.mp4").write_bytes(scenes[0].read_bytes()[:700])
    film(folder / "wall.mp4", np.full((64, 64, 3), 90, np.uint8))
    clips += [describe(folder / f"{name}.mp4") for name in ("broken", "empty", "wall")]
    return clips, {clip.name: PARTS[index % 3] for index, clip in enumerate(clips)}
