"""Draw clips for tests: a card with a face that moves, and every way in which a clip can be bad.

Each frame carries its number as a strip of dark and light blocks, so that a test can tell which
frame it was given. Nothing here is a real face; detectors are not expected to find one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext

from awarenet.faces import Face
from awarenet.settings import LimitSettings
from awarenet.video import Frame, MediaInfo, probe, sample_frames

LIMITS = LimitSettings()
SIZE = (160, 120)  # width, height in px
BITS = 8  # of the number strip
BLOCK = 16  # px, one bit of it: whole macroblocks survive compression


def draw_face(
    image: np.ndarray, center: tuple[int, int], side: int, *, person: int = 0, smile: float = 0.0
) -> Face:
    """Draw somebody's face on (H, W, 3) uint8 RGB, and say where it is.

    `person` seeds skin, hair and marks, and `smile` (0-1) moves the mouth: two drawings of one
    person are alike, those of two people are not.
    """
    random = np.random.default_rng(person)
    skin = np.array([205, 160, 130]) + random.integers(-45, 45)
    x, y = center

    def spot(dx: float, dy: float, rx: float, ry: float, color: Sequence[int]) -> None:
        place = round(x + dx * side), round(y + dy * side)
        axes = max(round(rx * side), 1), max(round(ry * side), 1)
        cv2.ellipse(image, place, axes, 0, 0, 360, [int(value) for value in color], -1, cv2.LINE_AA)

    spot(0, -0.08, 0.45, 0.52, random.integers(10, 120, 3))  # hair
    spot(0, 0, 0.4, 0.5, skin)
    for dx, dy, rx, ry in random.uniform([-0.3, -0.4, 0.02, 0.02], [0.3, 0.4, 0.1, 0.1], (14, 4)):
        spot(dx, dy, rx, ry, skin + random.integers(-60, 40))
    for eye in (-0.17, 0.17):
        spot(eye, -0.12, 0.06, 0.03, (240, 240, 240))
        spot(eye, -0.12, 0.03, 0.03, (30, 20, 20))
    spot(0, 0.06, 0.03, 0.1, skin * 0.7)
    spot(0, 0.25, 0.14 + 0.04 * smile, 0.03 + 0.03 * smile, (150, 40, 50))
    points = [(-0.17, -0.12), (0.17, -0.12), (0, 0.08), (-0.14, 0.25), (0.14, 0.25)]
    box = x - 0.4 * side, y - 0.5 * side, x + 0.4 * side, y + 0.5 * side
    return Face(box, 0.99, np.array(center, np.float32) + np.array(points, np.float32) * side)


def number(image: np.ndarray, value: int) -> None:
    """Write `value` along the upper edge in a Gray code: the next number differs in one block."""
    gray = value ^ value >> 1
    for bit in range(BITS):
        image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 192 if gray >> bit & 1 else 64


def read_number(image: np.ndarray) -> int:
    """Read the strip that `number` wrote."""
    means = image[:BLOCK, : BITS * BLOCK].reshape(BLOCK, BITS, BLOCK, 3).mean((0, 2, 3))
    gray = sum(1 << bit for bit in range(BITS) if means[bit] > 127)
    value = 0
    while gray:  # value = gray ^ gray >> 1 ^ gray >> 2 ...
        value, gray = value ^ gray, gray >> 1
    return value


def moving_face(
    count: int,
    *,
    size: tuple[int, int] = SIZE,
    paper: Sequence[int] = (90, 110, 140),
    person: int = 0,
    first: int = 0,
) -> Iterator[np.ndarray]:
    """Give `count` numbered (H, W, 3) uint8 RGB frames of a face that drifts over `paper`."""
    width, height = size
    for index in range(first, first + count):
        image = np.empty((height, width, 3), np.uint8)
        image[:] = paper
        drift = round(width / 8 * np.sin(index / 10))
        draw_face(image, (width // 2 + drift, height * 5 // 8), height // 2, person=person)
        number(image, index)
        yield image


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_ms: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode (H, W, 3) uint8 RGB frames; the extension of `path` names the container.

    `times_ms` says when each frame is due, for a variable frame rate. Frames may change size
    midway where the codec can bear it (libvpx): they go to a new encoder, but the same stream.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream, encoder, size = None, None, None
        for index, image in enumerate(frames):
            if image.shape != size:
                size = image.shape
                if stream is None:
                    stream = encoder = container.add_stream(codec, rate=fps)
                else:
                    container.mux(_of(stream, encoder.encode(None)))
                    encoder = av.CodecContext.create(codec, "w")
                encoder.height, encoder.width = size[:2]
                encoder.pix_fmt, encoder.framerate = pix_fmt, fps
                if encoder is stream:
                    stream.codec_context.time_base = Fraction(1, 1000 if times_ms else fps)
                else:
                    encoder.time_base = stream.codec_context.time_base
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = times_ms[index] if times_ms else index
            frame.time_base = stream.codec_context.time_base
            container.mux(_of(stream, encoder.encode(frame)))
        container.mux(_of(stream, encoder.encode(None)))
    return path


def _of(stream: av.video.stream.VideoStream, packets: list[av.Packet]) -> list[av.Packet]:
    for packet in packets:
        packet.stream = stream
    return packets


def set_display_matrix(path: Path, degrees: int, *, mirror: bool = False) -> Path:
    """Make an .mp4 ask to be shown turned clockwise by a right angle, then mirrored left-right.

    Writes into the matrix of the track header, as phones do (ISO/IEC 14496-12, 8.3.2).
    """
    a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    c, d = -b, a
    if mirror:
        a, c = -a, -c
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4
    start += 40 + (12 if content[start] else 0)  # version 1 has 64-bit times
    one = 1 << 16
    struct.pack_into(">9i", content, start, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def set_color_matrix(path: Path, target: Path, matrix: int) -> Path:
    """Copy an H.264 clip and claim another color matrix (ITU-T H.273, table 4)."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        claim = BitStreamFilterContext(f"h264_metadata=matrix_coefficients={matrix}", stream, copy)
        for packet in source.demux(stream):
            if packet.size:
                container.mux(_of(copy, claim.filter(packet)))
    return target


def truncate(path: Path, share: float) -> Path:
    """Cut a file off after a share of its bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def damage(path: Path, start: float, end: float) -> Path:
    """Overwrite a stretch of a file, given as shares of its bytes, with noise of a fixed seed."""
    content = bytearray(path.read_bytes())
    first, last = int(len(content) * start), int(len(content) * end)
    content[first:last] = np.random.default_rng(0).bytes(last - first)
    path.write_bytes(content)
    return path


def write_sound(path: Path, *, cover: bool = False) -> Path:
    """Write a second of silence and no video, with a cover picture if asked."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        picture = None
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(image) + picture.encode(None))
        for start in range(0, 8192, 1024):
            samples = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            samples.sample_rate, samples.pts = 8000, start
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    return path


def write_without_frames(path: Path) -> Path:
    """Write a container that announces a video and holds none of it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path


def write_playlist(path: Path, target: Path) -> Path:
    """Write an HLS playlist that points at another file of this machine."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", target.as_uri()]
    path.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]), "utf-8")
    return path


def read(
    path: Path, wanted: int = 8, limits: LimitSettings = LIMITS
) -> tuple[MediaInfo, list[Frame]]:
    """What a clip is, and frames sampled from it."""
    info = probe(path, limits)
    return info, list(sample_frames(path, info, wanted, limits))


def numbers(frames: list[Frame]) -> list[int]:
    """The number drawn on each frame."""
    return [read_number(frame.image) for frame in frames]
