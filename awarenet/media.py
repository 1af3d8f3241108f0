"""Open files that nobody vouches for and step through them, within limits.

The lower half of `video.py`. Containers and protocols are allow-lists, because a playlist can
name other files of this machine, and FFmpeg would read them. A file that breaks off is read up to
there, and what cannot be decoded is passed over: only a file without any frame is an error.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from awarenet.errors import Canceled, MediaError
from awarenet.quality.refusals import refused
from awarenet.settings import LimitSettings

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".avi", ".gif")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
# how files of a kind begin: where, with what; and the endings of their names
_MP4 = (".mp4", ".m4v", ".mov", ".3gp")
SIGNATURES = (
    *((4, atom, "MP4", _MP4) for atom in (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", (".webm", ".mkv")),
    (8, b"AVI ", "AVI", (".avi",)),
    (0, b"GIF8", "GIF", (".gif",)),
    (0, b"\x89PNG\r\n\x1a\n", "PNG", (".png",)),
    (0, b"\xff\xd8\xff", "JPEG", (".jpg", ".jpeg")),
    (8, b"WEBP", "WebP", (".webp",)),
    (0, b"BM", "BMP", (".bmp",)),
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": "mov,matroska,webm,avi,gif"}
IO_TIMEOUT_S = 20.0  # for opening, and for each packet; a local disk needs milliseconds
ASSUMED_FPS = 25.0  # of a clip that has neither timestamps nor a frame rate


class Deadline:
    """Wall clock of one pass over a file, and the caller's wish to stop."""

    def __init__(self, name: str, seconds: float, should_stop: Callable[[], bool] = lambda: False):
        self._name, self._seconds, self._should_stop = name, seconds, should_stop
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise Canceled if the caller wants to stop, MediaError if the time is up."""
        if self._should_stop():
            raise Canceled(f"stopped reading {self._name}, as asked")
        if time.monotonic() > self._end:
            raise refused("timeout", "slow", name=self._name, limit=self._seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the time that passes inside."""
        start = time.monotonic()
        yield
        self._end += time.monotonic() - start


class Clip:
    """A video file, opened for one pass from start to end: over its packets or its frames."""

    def __init__(self, path: Path, limits: LimitSettings, deadline: Deadline, threads: int = 0):
        """Open a file; `threads` decode it, 0 leaves their number to FFmpeg."""
        self.name, self._limits, self._deadline = path.name, limits, deadline
        self._matrix: np.ndarray | None = None
        self._reformatter = VideoReformatter()  # keeps its tables from frame to frame
        self._container = open_container(path)
        try:
            self._stream = _video_stream(self._container, self.name)
            context = self._stream.codec_context
            context.thread_count, self.codec = threads, context.name
            self.header_fps = float(self._stream.average_rate or 0)  # headers may lie
            check_size(self.name, context.width, context.height, limits)
        except MediaError:
            self._container.close()
            raise

    def __enter__(self) -> Clip:
        """Hand out the clip itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._container.close()

    def timestamps(self) -> tuple[np.ndarray, bool]:
        """Find out when each frame is due, without decoding any.

        Returns:
            (n,) float64 s after the start of the stream, ascending and distinct, n >= 1; and
            whether frames carry these times too. If not (.avi), the i-th frame has the i-th time.

        Raises:
            MediaError: `too_long` when a limit is passed, `unreadable` when there is no frame.
        """
        times, packets, stamped = array("d"), 0, 0
        for packet in self._packets():
            if packet.size == 0 or packet.is_discard:
                continue
            packets += 1
            if packets > self._limits.max_frames_walked:
                limit = self._limits.max_frames_walked
                raise refused("too_long", "many_frames", name=self.name, limit=limit)
            stamped += packet.pts is not None
            ticks = packet.dts if packet.pts is None else packet.pts
            if ticks is not None:
                times.append(self._seconds(ticks))
        if packets == 0:
            raise refused("unreadable", "no_frame", name=self.name)
        known = np.unique(np.frombuffer(times))
        if len(known) < packets / 2:  # absent, or all the same
            known, stamped = np.arange(packets) / (self.header_fps or ASSUMED_FPS), 0
        if known[-1] - known[0] > self._limits.max_seconds:
            seconds, limit = float(known[-1] - known[0]), self._limits.max_seconds
            raise refused("too_long", "long", name=self.name, seconds=seconds, limit=limit)
        return known, stamped > packets / 2

    def frames(self) -> Iterator[VideoFrame]:
        """Decode, in the order of showing.

        Raises:
            MediaError: `too_large` for a frame over the limits: a stream can grow midway.
        """
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                check_size(self.name, frame.width, frame.height, self._limits)
                if not frame.is_corrupt:
                    yield frame

    def seconds(self, frame: VideoFrame) -> float | None:
        """When a frame is due, s after the start of its stream; None if it does not say."""
        return None if frame.pts is None else self._seconds(frame.pts)

    def thumbnail(self, frame: VideoFrame, width: int, height: int) -> np.ndarray:
        """Shrink a frame, as it is stored, to (height, width, 3) uint8 RGB; cheap."""
        return self._rgb(frame, width, height, "AREA")

    def upright(self, frame: VideoFrame) -> np.ndarray:
        """Turn a frame as its clip asks to be shown; PyAV itself leaves it as it is stored.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        if self._matrix is None:  # once: asked for it, PyAV ties a frame into a ring of references
            self._matrix = _display_matrix(frame)
        image, matrix = self._rgb(frame, None, None, None), self._matrix
        if abs(matrix[0, 1]) > abs(matrix[0, 0]):
            image, matrix = image.swapaxes(0, 1), matrix[::-1]
        if matrix[0, 0] < 0:
            image = image[:, ::-1]
        if matrix[1, 1] < 0:
            image = image[::-1]
        return np.ascontiguousarray(image)

    def _rgb(
        self, frame: VideoFrame, width: int | None, height: int | None, how: str | None
    ) -> np.ndarray:
        try:
            rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=how)
            return rgb.to_ndarray()
        except (av.error.FFmpegError, ValueError) as error:
            colors = {"format": frame.format.name, "matrix": int(frame.colorspace)}
            raise refused("unsupported", "unknown_colors", name=self.name, **colors) from error

    def _seconds(self, ticks: int) -> float:
        return float((ticks - (self._stream.start_time or 0)) * self._stream.time_base)

    def _packets(self) -> Iterator[Packet]:
        packets = self._container.demux(self._stream)
        while True:
            self._deadline.check()
            try:
                yield next(packets)
            except av.error.ExitError as error:
                raise refused("timeout", "stalled", name=self.name, limit=IO_TIMEOUT_S) from error
            except (av.error.FFmpegError, StopIteration):
                return


def rotation_deg(frame: VideoFrame) -> int:
    """How far `upright` turns a frame clockwise: 0, 90, 180 or 270; mirroring is left out."""
    x, y = (float(value) for value in _display_matrix(frame)[0])
    return round(np.degrees(np.arctan2(y, x)) / 90) % 4 * 90


def check_file(path: Path, limits: LimitSettings) -> None:
    """Raise MediaError where there is no file, nothing in it, too much, or another kind in it.

    What is of no known kind is left to who opens it.
    """
    if not path.is_file():
        raise refused("unreadable", "missing", name=path.name)
    size = path.stat().st_size
    if size == 0:
        raise refused("unreadable", "empty", name=path.name)
    if size > limits.max_bytes:
        values = {"name": path.name, "bytes": size, "limit": limits.max_bytes}
        raise refused("too_large", "many_bytes", **values)
    with path.open("rb") as file:
        begin = file.read(16)
    suffix = path.suffix.lower()
    for place, mark, kind, suffixes in SIGNATURES:
        if begin[place : place + len(mark)] == mark and suffix not in suffixes:
            values = {"name": path.name, "expected": suffix or "nothing", "found": kind}
            raise refused("unsupported", "wrong_suffix", **values)


def check_size(name: str, width: int, height: int, limits: LimitSettings) -> None:
    """Raise MediaError `too_large` for a video frame of more px than the limits allow."""
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        most = {"side": limits.max_side, "limit": limits.max_pixels}
        raise refused("too_large", "large_frame", name=name, width=width, height=height, **most)


def open_container(path: Path) -> InputContainer:
    """Open a video for reading, and nothing that it names; raises MediaError."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        kinds = {"videos": " ".join(VIDEO_SUFFIXES), "images": " ".join(IMAGE_SUFFIXES)}
        raise refused("unsupported", "unknown_kind", name=path.name, **kinds)
    try:
        return av.open(
            str(path.resolve()),
            options=dict(OPEN_OPTIONS),
            timeout=IO_TIMEOUT_S,
            metadata_errors="replace",  # tags are in whatever encoding their writer had
        )
    except av.error.FFmpegError as error:
        values = {"name": path.name, "error": str(error.strerror)}
        raise refused("unreadable", "no_known_video", **values) from error


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream to look at: the first one that is not a cover picture or a preview."""
    for stream in container.streams.video:
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            if stream.codec_context is None:  # FFmpeg has no decoder of that name
                raise refused("unsupported", "no_decoded_frame", name=name, codec="unknown")
            stream.thread_type = "AUTO"
            return stream
    if container.streams.audio or container.streams.video:
        raise refused("unsupported", "only_sound", name=name)
    raise refused("unreadable", "no_frame", name=name)


def _display_matrix(frame: VideoFrame) -> np.ndarray:
    """(2, 2) int32: where a stored pixel (x, y) is shown is `(x, y) @ matrix`, y downward."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]
    return np.eye(2, dtype=np.int32)
