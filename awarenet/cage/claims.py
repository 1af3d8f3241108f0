"""What a child says, taken for no more than it can be: it may have been taken over.

Whatever does not fit is as if the child had crashed.
"""

from __future__ import annotations

import dataclasses
import math
import mmap
from itertools import islice
from typing import get_args

import numpy as np
from pydantic import TypeAdapter, ValidationError

from awarenet.cage import wire
from awarenet.errors import MediaError, MediaStatus
from awarenet.printable import shown
from awarenet.provenance.container import MOST_ENTRIES
from awarenet.quality.refusals import refused
from awarenet.settings import LimitSettings
from awarenet.video import Frame, MediaInfo

STATUSES = get_args(MediaStatus)
LARGEST_STEP = 1e6  # of brightness, in levels of 0..255: far beyond any that a codec has
LARGEST_NUMBER = 1e12  # of frames, px or s
MOST_OF_NAME = 60  # characters
_INFO = TypeAdapter(MediaInfo)


def as_info(found: object, name: str) -> MediaInfo:
    """Read what a file is; raises Broken."""
    try:
        info = _INFO.validate_python(found)
    except (ValidationError, OverflowError) as error:
        raise wire.Broken("what is no description of a file") from error
    numbers = (info.duration_s, info.fps, info.width, info.height, info.frame_count)
    if not all(0 <= each < LARGEST_NUMBER for each in numbers):
        raise wire.Broken("a file that cannot be")
    return dataclasses.replace(info, name=name, codec=shown(info.codec, MOST_OF_NAME))


def as_step(found: object) -> float | None:
    """Read in what steps brightness is stored; None where it is no such number."""
    known = isinstance(found, int | float) and 0 <= found < LARGEST_STEP
    return float(found) if known else None


def as_notes(found: object) -> dict[str, str]:
    """Read what a header notes, by name; raises Broken."""
    if not isinstance(found, dict):
        raise wire.Broken(f"metadata of type {type(found).__name__}; expected an object")
    # two: of a place and of what was left out there is a note too
    kept = islice(found.items(), MOST_ENTRIES + 2)
    return {shown(name, MOST_OF_NAME): shown(value) for name, value in kept}


def as_frame(found: object, memory: mmap.mmap, limits: LimitSettings, before: int) -> Frame:
    """Check what is said of a picture, and copy it out of the shared memory; raises Broken."""
    try:
        height, width, channels = (int(side) for side in found["shape"])
        index, time_s, shot = int(found["index"]), float(found["time_s"]), int(found["shot"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise wire.Broken("a frame without number, time or size") from error
    most = max(limits.max_pixels, limits.max_photo_pixels)
    fits = height > 0 and width > 0 and channels == 3 and height * width <= most
    if not (fits and math.isfinite(time_s) and index > before and 0 <= shot <= index):
        raise wire.Broken("a frame that cannot be")
    pixels = np.frombuffer(memory, np.uint8, height * width * 3).reshape(height, width, 3)
    return Frame(index, time_s, shot, pixels.copy())


def as_refusal(found: object, name: str) -> MediaError:
    """Say in our words what is said to be wrong with a file; raises Broken."""
    try:
        values = {
            key: shown(value) if isinstance(value, str) else value
            for key, value in found["values"].items()
            if isinstance(value, str | int | float)
        }
        reason = values.pop("reason")
        if found["status"] not in STATUSES:
            raise ValueError(f"status {found['status']!r:.40}")
        return refused(found["status"], reason, **{**values, "name": name})
    except Exception as error:
        raise wire.Broken("a refusal without a reason") from error
