"""How coarsely a file was compressed: the steps in which its brightness was stored.

JPEG and the older video codecs store a block of pixels as frequencies, each rounded to a multiple
of some step. That step, in levels of 0..255, is one scale for all of them, and the file states it.
Looking at the pixels instead fails: H.264 smooths the edges of its blocks away. On 60 portraits
steps on the grid of 8 px stand out by a factor of 1.4 after JPEG 50, but by 1.0 after CRF 18 and
CRF 36 alike. Bits per pixel say more about how much moves than about what is left.

Only the last compression shows: a coarse file that was stored again finely passes for a fine one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from awarenet.media import IMAGE_SUFFIXES, Clip, Deadline
from awarenet.photograph import opened
from awarenet.settings import LimitSettings

FRAMES = 48  # from the first on, of which the median is taken; about two seconds
# FFmpeg's AVVideoEncParams, https://ffmpeg.org/doxygen/trunk/structAVVideoEncParams.html: number of
# blocks, where they begin, bytes of each, kind of codec, quantizer of the frame; of each block its
# place and size, four int32, then what its quantizer adds to the frame's
HEADER, BLOCK_QUANTIZER = struct.Struct("@INNii"), 16
H264, MPEG = 1, 2  # kinds of codec
# Places in a JPEG's table of 8x8, row by row, whose row and column sum to 3 or less: the coarse
# structure. Of the standard's own table (ITU-T T.81, K.1; quality 50) their mean is 13.2.
COARSE = (0, 1, 2, 3, 8, 9, 10, 16, 17, 24)


class _Coded(Clip):
    """A clip whose frames carry their quantizers; costs a seventh of the time to decode."""

    def __init__(self, path: Path, limits: LimitSettings, deadline: Deadline):
        # with frame threads FFmpeg (8.1) hands quantizers out before all of them are written
        super().__init__(path, limits, deadline, threads=1)
        self._stream.codec_context.options = {"export_side_data": "venc_params"}


def read_quantization(
    path: str | Path, limits: LimitSettings, should_stop: Callable[[], bool] = lambda: False
) -> float | None:
    """Read in what steps the brightness of a clip or photograph is stored.

    Args:
        path: A file that `video.probe` has accepted.
        limits: Held against every frame, as everywhere.
        should_stop: Asked at every packet.

    Returns:
        The step in levels of 0..255: 4 for JPEG of quality 85, 8 at 70, 13 at 50; 6 for H.264 at a
        quantizer of 20, 20 at 30, 64 at 40. None where the file does not say (PNG, GIF, WebP) or
        its decoder keeps it (HEVC, VP8, VP9, AV1).

    Raises:
        MediaError: The file cannot be read any more.
        Canceled: As asked.
    """
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _of_picture(path)
    with _Coded(path, limits, Deadline(path.name, limits.deadline_s, should_stop)) as clip:
        steps = [of_frame(frame) for frame in islice(clip.frames(), FRAMES)]
    known = [step for step in steps if step is not None]
    return float(np.median(known)) if known else None


def of_frame(frame: VideoFrame) -> float | None:
    """Step of a frame of H.264 or MPEG-1, -2 or -4 that was decoded with its quantizers.

    H.264's step is 0.625 at a quantizer of 0 and doubles every 6 (Richardson, The H.264 Advanced
    Video Compression Standard, 2010, section 7.2.3); that of MPEG is twice its quantizer, which is
    how FFmpeg gives it.
    """
    for data in frame.side_data:
        if data.type.name == "VIDEO_ENC_PARAMS":
            return _step(bytes(data))
    return None


def _step(data: bytes) -> float | None:
    """Read the mean quantizer of all blocks; None where it is of another kind of codec."""
    count, begin, size, kind, quantizer = HEADER.unpack_from(data)
    if kind not in (H264, MPEG) or count == 0 or begin + count * size > len(data):
        return None
    added = np.ndarray(count, np.int32, data, begin + BLOCK_QUANTIZER, (size,))
    mean = quantizer + float(added.mean())
    return 0.625 * 2 ** (mean / 6) if kind == H264 else mean


def _of_picture(path: Path) -> float | None:
    """Step of a JPEG, None of any other picture."""
    with opened(path, "unreadable_again") as picture:
        tables = getattr(picture, "quantization", None)
        if not tables:
            return None
        brightness = tables[min(tables)]
        return float(np.mean([brightness[place] for place in COARSE]))
