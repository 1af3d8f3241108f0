"""Open photographs that nobody vouches for, within limits, the way up that they were taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from awarenet.errors import MediaError
from awarenet.quality.refusals import refused
from awarenet.settings import LimitSettings

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")  # that Pillow may take a file for
ORIENTATION = 0x0112  # the Exif standard's tag: 1 to 8, 1 is upright
_TURN = Image.Transpose
UPRIGHT = {  # by orientation: what makes a picture upright, and how many degrees clockwise that is
    2: (_TURN.FLIP_LEFT_RIGHT, 0),
    3: (_TURN.ROTATE_180, 180),
    4: (_TURN.FLIP_TOP_BOTTOM, 180),
    5: (_TURN.TRANSPOSE, 90),
    6: (_TURN.ROTATE_270, 90),  # Pillow turns the other way
    7: (_TURN.TRANSVERSE, 270),
    8: (_TURN.ROTATE_90, 270),
}


def read_image(path: Path, limits: LimitSettings) -> tuple[np.ndarray, str, int]:
    """Read a photograph upright: (H, W, 3) uint8 RGB, its format, the degrees it was turned.

    Raises:
        MediaError: `too_large` when it is over the limits, `unreadable` when it is broken.
    """
    with opened(path, "incomplete_image") as picture:
        width, height = picture.size
        if width * height > limits.max_photo_pixels:
            side = {"width": width, "height": height, "limit": limits.max_photo_pixels}
            raise refused("too_large", "large_image", name=path.name, **side)
        codec = (picture.format or "").lower()
        how, degrees = UPRIGHT.get(_orientation(picture), (None, 0))
        if how is not None:  # not by Pillow's own function, which writes Exif data anew
            picture = picture.transpose(how)
        if picture.mode.startswith("I"):  # 16-bit gray, which convert() would clip to white
            picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
        return np.array(picture.convert("RGB")), codec, degrees


@contextmanager
def opened(path: Path, reason: str) -> Iterator[Image.Image]:
    """Open a photograph; whatever goes wrong with it inside is an error of the file.

    Args:
        path: Of the file.
        reason: Of `quality.refusals`, why it is unreadable if it is.

    Raises:
        MediaError: `unreadable` when it is broken, `too_large` when it is so in Pillow's view.
    """
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as picture:
            yield picture
    except (MediaError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        values = {"name": path.name, "error": str(error)}
        raise refused("too_large", "decompression_bomb", **values) from error
    except Exception as error:  # for broken files Pillow raises nearly all that Python has
        values = {"name": path.name, "error": type(error).__name__}
        raise refused("unreadable", reason, **values) from error


def _orientation(picture: Image.Image) -> int:
    """How the camera was held; 1 where that cannot be read."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # Exif data can be broken in more ways than Pillow names
        return 1
