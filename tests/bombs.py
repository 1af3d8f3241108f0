"""Write files that are small, and want to be much more: for tests/test_bombs.py."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from awarenet.cage import OpenedFile
from awarenet.errors import MediaError
from awarenet.settings import LimitSettings

SIDE = 8192  # px, that a header claims
LIMITS = LimitSettings()


def write_avi(path: Path, count: int, *, scale: int = 1, rate: int = 25) -> Path:
    """Write an .avi of `count` gray frames of 2 x 2 px, `rate` / `scale` of them a second.

    RIFF as in https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference; there
    is no index, so that a reader has to walk.
    """
    pixels = b"\x80" * 16  # two rows of two times three bytes, each row filled up to four
    main = struct.pack("<10I16x", 40_000, 0, 0, 0, count, 0, 1, 0, 2, 2)
    stream = struct.pack("<4s4sIHHIIIIIIII8x", b"vids", b"DIB ", 0, 0, 0, 0, scale, rate, 0, count,
                         0, 0, 0)  # fmt: skip
    shape = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0)
    header = _riff(b"avih", main)
    header += _riff(b"LIST", b"strl" + _riff(b"strh", stream) + _riff(b"strf", shape))
    frames = _riff(b"LIST", b"movi" + _riff(b"00db", pixels) * count)
    path.write_bytes(_riff(b"RIFF", b"AVI " + _riff(b"LIST", b"hdrl" + header) + frames))
    return path


def write_png(path: Path, side: int, pixels: bytes, *extra: tuple[bytes, bytes]) -> Path:
    """Write a gray .png whose header claims side x side px, with more chunks before its pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks))
    return path


def write_gif(path: Path, side: int, count: int) -> Path:
    """Write a .gif of `count` black frames: some ten kB each, side x side px once unpacked."""
    out = io.BytesIO()
    Image.new("P", (side, side)).save(out, "GIF")
    content = out.getvalue()
    start = 13 + 3 * 2 ** ((content[10] & 7) + 1)  # behind the screen and its palette
    frame = b"\x21\xf9\x04\x04\x0a\0\0\0" + content[start:-1]  # shown for 0.1 s
    path.write_bytes(content[:start] + frame * count + content[-1:])
    return path


def write_bmp(path: Path, side: int) -> Path:
    """Write the header of a .bmp, and none of its pixels."""
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    path.write_bytes(struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info)
    return path


def write_webp(path: Path, side: int) -> Path:
    """Write an animated .webp of 8 x 8 px that claims a canvas of side x side."""
    small = Image.new("RGB", (8, 8))
    out = io.BytesIO()
    other = Image.new("RGB", (8, 8), "red")
    small.save(out, "WEBP", save_all=True, append_images=[other], duration=40)
    content = bytearray(out.getvalue())
    at = content.index(b"VP8X") + 12  # behind its size and flags
    content[at : at + 6] = (side - 1).to_bytes(3, "little") * 2
    path.write_bytes(content)
    return path


def swell_jpegs(path: Path, width: int, height: int, side: int) -> Path:
    """Let every JPEG in a file claim another size than its own (ITU-T T.81, B.2.2)."""
    own, claimed = struct.pack(">HH", height, width), struct.pack(">HH", side, side)
    content = path.read_bytes()
    assert content.count(b"\x08" + own + b"\x03") > 0
    path.write_bytes(content.replace(b"\x08" + own + b"\x03", b"\x08" + claimed + b"\x03"))
    return path


def swell_vp8(path: Path, width: int, height: int, side: int) -> Path:
    """Let the key frames of a VP8 stream claim another size (RFC 6386, 9.1)."""
    mark = b"\x9d\x01\x2a"
    own, claimed = struct.pack("<HH", width, height), struct.pack("<HH", side, side)
    content = path.read_bytes()
    assert content.count(mark + own) > 0
    path.write_bytes(content.replace(mark + own, mark + claimed))
    return path


def point_elsewhere(path: Path, other: Path) -> Path:
    """Let an .mp4 say that its frames lie in another file, and leave its own out.

    The data reference becomes an alias as classic QuickTime files have them (Inside Macintosh:
    QuickTime, data reference atom), with the other file's name and whole path.
    """
    content = path.read_bytes()
    name, whole = other.name.encode(), str(other).encode()
    alias = bytes(10) + b"\0".ljust(28, b"\0") + bytes(12)
    alias += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(whole)) + whole + b"\0" * (len(whole) % 2)
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    own = struct.pack(">I4sI", 12, b"url ", 1)  # the frames are in this file
    assert content.count(own) == 1
    at, grown = content.index(own), len(entry) - len(own)
    changed = bytearray(content.replace(own, entry))
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = content.rindex(kind, 0, at) - 4
        size = int.from_bytes(content[place : place + 4], "big") + grown
        changed[place : place + 4] = size.to_bytes(4, "big")
    start = changed.index(b"mdat") + 4
    end = start - 8 + int.from_bytes(content[start - 8 : start - 4], "big")
    assert end <= changed.index(b"moov")  # else the frames' places would move
    changed[start:end] = bytes(end - start)
    path.write_bytes(changed)
    return path


def exif_jpeg(path: Path, exif: bytes) -> Path:
    """Write a photograph with any bytes as its Exif data."""
    picture = Image.fromarray(np.full((32, 48, 3), 90, np.uint8))
    picture.save(path, "JPEG", exif=b"Exif\0\0" + exif)
    return path


def exif_entries(*entries: tuple[int, int, int, int], after: int = 0) -> bytes:
    """Write a directory of Exif data: tag, type, count and value of each; where the next one is."""
    packed = b"".join(struct.pack("<HHII", *each) for each in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + struct.pack("<I", after)


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def look(path: Path, limits: LimitSettings = LIMITS) -> str:
    """Do what an analysis does with a file; give its status and the reason, or ok."""
    try:
        with OpenedFile(path, limits) as file:
            info = file.probe()
            file.quantization()
            file.metadata(image=info.kind == "image")
            assert len(list(file.sample(info, 8))) >= 1
    except MediaError as error:
        assert str(path.parent) not in str(error)
        return f"{error.status} {error.values['reason']}"
    return "ok"
