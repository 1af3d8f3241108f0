"""The frames of a clip that are cut up for training, and the mask that belongs to each.

So many of a clip are those that `awarenet.video.sample_frames` would give. It also looks at every
frame on the way for cuts and hashes the file, which no crop needs and which costs as much as the
decoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from awarenet.errors import MediaError
from awarenet.media import IMAGE_SUFFIXES, Clip, Deadline, check_file
from awarenet.settings import LimitSettings
from awarenet.video import pace, pick_frames, spread

ONE_THREAD = 1  # decodes a clip: there is a process for every core already
STILL_SUFFIXES = {*IMAGE_SUFFIXES, ".pgm", ".ppm", ".tif", ".tiff"}


class Sample(NamedTuple):
    """One frame: its number among those that can be decoded, seconds, (H, W, 3) uint8 RGB."""

    index: int
    time_s: float
    image: np.ndarray


def read_frames(
    path: Path, count: int, limits: LimitSettings, *, every_s: float = 0.0
) -> Iterator[Sample]:
    """Give frames that lie evenly over a clip; a photograph gives itself.

    Args:
        path: A video or a photograph.
        count: How many, where `every_s` is 0; a clip that has fewer gives each of its frames once.
        limits: Held against file and frames; `deadline_s` is the time spent here, not that of the
            caller between two frames.
        every_s: s from one frame to the next, from the first one on; 0: `count` frames.

    Raises:
        MediaError: As `sample_frames`, or the file is missing, empty or too large.
    """
    check_file(path, limits)
    if path.suffix.lower() in STILL_SUFFIXES:
        yield Sample(0, 0.0, read_still(path, limits))
        return
    deadline = Deadline(path.name, limits.deadline_s)
    with Clip(path, limits, deadline) as clip:
        times, stamped = clip.timestamps()
    with Clip(path, limits, deadline, ONE_THREAD) as clip:
        wanted = pace(times, every_s) if every_s else spread(times, count)
        for index, time_s, frame, _ in pick_frames(clip, times, stamped, wanted):
            image = clip.upright(frame)
            with deadline.paused():
                yield Sample(index, time_s, image)


def read_still(path: Path, limits: LimitSettings) -> np.ndarray:
    """Read a photograph upright: (H, W, 3) uint8 RGB.

    Raises:
        MediaError: It is broken, or over the limits.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise MediaError("unreadable", f"cannot read {path.name}: no complete image in it")
    if image.shape[0] * image.shape[1] > limits.max_photo_pixels:
        raise MediaError(
            "too_large",
            f"{path.name} is {image.shape[1]}x{image.shape[0]} px, at most "
            f"{limits.max_photo_pixels:,} px are read; raise limits.max_photo_pixels",
        )
    return image


class Mask:
    """A clip of what was manipulated, white on black, read alongside the clip that it belongs to.

    Frames are matched by number: masks are often stored at another rate than their clip.
    """

    def __init__(self, path: Path, limits: LimitSettings):
        check_file(path, limits)
        # no clock: most of the time between two frames is the caller's; each packet has its own
        self._clip = Clip(path, limits, Deadline(path.name, math.inf), ONE_THREAD)
        self._frames = enumerate(self._clip.frames())

    def __enter__(self) -> Mask:
        return self

    def __exit__(self, *_: object) -> None:
        self._clip.__exit__()

    def at(self, index: int) -> np.ndarray | None:
        """Frame of a number as (H, W) float32, 0 to 1; numbers ascend; None past the end."""
        for number, frame in self._frames:
            if number == index:
                return self._clip.upright(frame).mean(axis=2, dtype=np.float32) / 255
        return None
