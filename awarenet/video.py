"""Say what a clip or photograph is, and give the frames of it that are to be looked at.

Checks run from cheap to dear: size, extension, container, frame size, timestamps, one decoded
frame, hash. Frames are decoded in order, and only those asked for become RGB, so memory does not
grow with the length of the clip. Opening and decoding stand in `media.py`, cuts in `shots.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from av.video.frame import VideoFrame

from awarenet.errors import MediaError
from awarenet.hashing import hash_file
from awarenet.media import (
    IMAGE_SUFFIXES,
    Clip,
    Deadline,
    check_file,
    rotation_deg,
)
from awarenet.photograph import read_image
from awarenet.quality.refusals import refused
from awarenet.settings import LimitSettings
from awarenet.shots import THUMBNAIL, CutDetector

Seen = TypeVar("Seen")
TICK_S = 1e-6  # two times closer than this are the same


@dataclass(frozen=True)
class MediaInfo:
    """What a clip or photograph is, before its frames are looked at."""

    name: str  # of the file, without its folder
    kind: str  # "video" or "image"
    sha256: str
    duration_s: float  # 0 for an image
    fps: float  # mean over the clip, from its timestamps; 0 for an image
    width: int  # px, upright
    height: int  # px, upright
    codec: str
    rotation_deg: int  # 0, 90, 180 or 270 clockwise: what makes the stored frames upright
    frame_count: int  # that the container holds; broken ones are among them


@dataclass(frozen=True)
class Frame:
    """One frame of a clip."""

    index: int  # from 0 up, among the frames that could be decoded
    time_s: float  # after the start of the stream
    shot: int  # from 0 up, one more after every cut
    image: np.ndarray  # (H, W, 3) uint8 RGB, upright


def probe(path: str | Path, limits: LimitSettings) -> MediaInfo:
    """Find out what a file is, and refuse it if it is over a limit or cannot be read.

    Raises:
        MediaError: With the status `unreadable`, `unsupported`, `too_large`, `too_long` or
            `timeout`, and a message for the person who gave the file.
    """
    path = Path(path)
    found = inspect(path, limits)
    deadline = Deadline(path.name, limits.deadline_s)
    return replace(found, sha256=hash_file(path, deadline.check))


def inspect(path: Path, limits: LimitSettings) -> MediaInfo:
    """Do what `probe` does but for the hash, which stays empty; raises as it does."""
    deadline = Deadline(path.name, limits.deadline_s)
    check_file(path, limits)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        image, codec, turn = read_image(path, limits)
        height, width = image.shape[:2]
        fps, duration, count, kind = 0.0, 0.0, 1, "image"
    else:
        with Clip(path, limits, deadline) as clip:
            times, _ = clip.timestamps()
            count, span, codec, kind = len(times), float(times[-1] - times[0]), clip.codec, "video"
            fps = (count - 1) / span if span > 0 else clip.header_fps
            if fps * limits.max_seconds < 1:  # one frame, shown for longer than a clip may last
                fps = 0.0
            duration = span + (1 / fps if fps > 0 else 0.0)
        with Clip(path, limits, deadline) as clip:
            first = next(clip.frames(), None)
            if first is None:
                raise _no_frame(path.name, codec)
            turn = rotation_deg(first)
            width, height = first.width, first.height
            if turn in (90, 270):
                width, height = height, width
    return MediaInfo(
        name=path.name,
        kind=kind,
        sha256="",
        duration_s=duration,
        fps=fps,
        width=width,
        height=height,
        codec=codec,
        rotation_deg=turn,
        frame_count=count,
    )


def sample_frames(
    path: str | Path,
    info: MediaInfo,
    count: int,
    limits: LimitSettings,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Frame]:
    """Decode a clip once, in order, and give frames that are evenly spread in time.

    Every frame on the way is looked at for cuts, so `shot` counts those between two samples too.
    Frames that cannot be decoded are passed over, and a clip that breaks off gives what it has.

    Args:
        path: The file that `info` was made from.
        info: What `probe` said about it.
        count: How many frames; a clip that has fewer gives each of its frames once.
        limits: Held against every frame, since a stream can grow midway. `deadline_s` counts the
            time spent here, not what the caller does between two frames.
        should_stop: Asked at every packet.

    Raises:
        MediaError: `unreadable` when not one frame can be decoded, `too_large` when a frame is
            over the limits, `timeout` when it takes too long.
        Canceled: `should_stop()` was true.
    """
    path = Path(path)
    deadline = Deadline(path.name, limits.deadline_s, should_stop)
    deadline.check()
    if info.kind == "image":
        yield Frame(0, 0.0, 0, read_image(path, limits)[0])
        return
    with Clip(path, limits, deadline) as clip:
        times, stamped = clip.timestamps()
    yield from _decode(path, times, stamped, spread(times, count), limits, deadline)


def stretch_frames(
    path: str | Path,
    span_s: tuple[float, float],
    every_s: float,
    limits: LimitSettings,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Frame]:
    """Decode a clip up to the end of a stretch, and give the stretch's frames at a steady rate.

    Numbers, times and shots are those of `sample_frames`.

    Args:
        path: A video.
        span_s: Where the stretch begins and ends, s; the end is not in it.
        every_s: s from one frame to the next; all of them where the clip has fewer.
        limits: As for `sample_frames`.
        should_stop: Asked at every packet.

    Raises:
        MediaError: As `sample_frames`.
        Canceled: `should_stop()` was true.
    """
    path = Path(path)
    deadline = Deadline(path.name, limits.deadline_s, should_stop)
    with Clip(path, limits, deadline) as clip:
        times, stamped = clip.timestamps()
    start_s, end_s = span_s
    inside = times[(times >= start_s) & (times < end_s)]
    if len(inside):
        yield from _decode(path, times, stamped, pace(inside, every_s), limits, deadline)


def _decode(
    path: Path,
    times: np.ndarray,
    stamped: bool,
    wanted: np.ndarray,
    limits: LimitSettings,
    deadline: Deadline,
) -> Iterator[Frame]:
    """Decode a clip, count its shots, and give the frames that `pick_frames` picks."""
    cuts = CutDetector()
    with Clip(path, limits, deadline) as clip:

        def shot_of(frame: VideoFrame) -> int:
            return cuts.add(clip.thumbnail(frame, *THUMBNAIL))

        for index, time_s, frame, shot in pick_frames(clip, times, stamped, wanted, shot_of):
            with deadline.paused():
                yield Frame(index, time_s, shot, clip.upright(frame))


def pick_frames(
    clip: Clip,
    times: np.ndarray,
    stamped: bool,
    wanted: np.ndarray,
    look: Callable[[VideoFrame], Seen] = lambda frame: None,
) -> Iterator[tuple[int, float, VideoFrame, Seen]]:
    """Decode a clip in order and pick the frames of some times.

    Args:
        clip: Opened, nothing read yet.
        times: As `Clip.timestamps` gave them.
        stamped: The same.
        wanted: (n,) of `times`, ascending and distinct, n >= 1; see `spread` and `pace`.
        look: Asked about every frame, those that are passed over too.

    Yields:
        Number of the frame, its time in s, the frame, and what `look` said of it.

    Raises:
        MediaError: `unreadable` when not one frame can be decoded.
    """
    given = 0
    last: tuple[int, float, VideoFrame, Seen] | None = None
    for index, frame in enumerate(clip.frames()):
        time_s = clip.seconds(frame) if stamped else None
        if time_s is None:
            time_s = float(times[min(index, len(times) - 1)])
        last = index, time_s, frame, look(frame)
        if time_s < wanted[given] - TICK_S:
            continue
        given = int(np.searchsorted(wanted, time_s + TICK_S, side="right"))
        yield last
        if given == len(wanted):
            return
    if last is None:
        raise _no_frame(clip.name, clip.codec)
    if given == 0:  # it broke off before the first sample
        yield last


def spread(times: np.ndarray, count: int) -> np.ndarray:
    """Choose times that lie evenly over a clip, however its frames are spaced.

    The clip is divided into `count` equal parts; each is seen at the frame nearest to its middle.
    Where several parts share one frame (a frozen picture), its neighbors step in.

    Args:
        times: (n,) s, ascending and distinct, n >= 1.
        count: How many to choose, at least 1.

    Returns:
        (min(n, count),) of `times`, ascending and distinct.
    """
    if len(times) <= count:
        return times
    steps = np.arange(count)
    middles = times[0] + (steps + 0.5) / count * (times[-1] - times[0])
    after = np.clip(np.searchsorted(times, middles), 1, len(times) - 1)
    nearest = after - (middles - times[after - 1] < times[after] - middles)
    distinct = np.maximum.accumulate(nearest - steps) + steps
    return times[np.minimum(distinct, len(times) - count + steps)]


def pace(times: np.ndarray, every_s: float) -> np.ndarray:
    """Choose the first time of every step of a fixed length.

    Args:
        times: (n,) s, ascending and distinct, n >= 1.
        every_s: s from one to the next, above 0, counted from `times[0]` on.

    Returns:
        (m,) of `times`, ascending and distinct, 1 <= m <= n; a gap in them is not filled.
    """
    steps = np.floor((times - times[0] + TICK_S) / every_s)
    return times[np.flatnonzero(np.diff(steps, prepend=-1.0) > 0)]


def _no_frame(name: str, codec: str) -> MediaError:
    return refused("unreadable", "no_decoded_frame", name=name, codec=codec)
