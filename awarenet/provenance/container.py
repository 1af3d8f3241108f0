"""What a clip's container and a photograph's header note of how they came to be.

Where a picture was taken is never shown, only that the file says so: the report is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from PIL import ExifTags, Image

from awarenet.media import open_container
from awarenet.photograph import opened
from awarenet.printable import shown
from awarenet.quality.refusals import refused

MOST_ENTRIES = 60
FIRST_BYTES = 1 << 16  # of the first packet: where an encoder leaves its name
POSITION = "position recorded"
EXIF = {  # tag -> name; no serial numbers, no names of people
    0x010F: "make",
    0x0110: "model",
    0x0131: "software",
    0x0132: "date",
}
EXIF_TAKEN = 0x9003  # DateTimeOriginal, in the Exif directory
_PLACE = re.compile(r"location|gps|xyz|iso6709", re.IGNORECASE)
# x264 writes its version into the stream itself, where no cleaning of tags takes it away
_X264 = re.compile(rb"x264 - core \d+(?: r\d+ [0-9a-f]+)?")


def read_clip(path: Path) -> dict[str, str]:
    """Give what a clip's container notes, by name.

    Raises:
        MediaError: It cannot be read.
    """
    with open_container(path) as clip, _errors_in_words(path):
        found = list(clip.metadata.items())
        for stream in clip.streams:
            if stream.type in ("video", "audio"):
                found += [
                    (f"{stream.type} {name}", value) for name, value in stream.metadata.items()
                ]
        first = clip.streams.video[0].codec_context if clip.streams.video else None
        if first is not None and first.name == "h264":
            for packet in clip.demux(clip.streams.video[0]):
                if match := _X264.search(bytes(packet)[:FIRST_BYTES]):
                    found.append(("video stream", match[0].decode("ascii")))
                break
        return _bounded({"format": clip.format.name}, found)


def read_photograph(path: Path) -> dict[str, str]:
    """Give what a photograph's header notes, by name.

    Raises:
        MediaError: It cannot be read.
    """
    with opened(path, "unreadable_again") as picture:
        found, exif = [], picture.getexif()
        for tag, name in EXIF.items():
            if exif.get(tag):
                found.append((name, exif[tag]))
        if taken := exif.get_ifd(ExifTags.IFD.Exif).get(EXIF_TAKEN):
            found.append(("date taken", taken))
        if exif.get_ifd(ExifTags.IFD.GPSInfo):
            found.append((POSITION, "yes"))
        found += list(_texts(picture))
        return _bounded({"format": (picture.format or "").lower()}, found)


@contextmanager
def _errors_in_words(path: Path) -> Iterator[None]:
    """Make what FFmpeg finds wrong with a file the error of that file."""
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        text = shown(getattr(error, "strerror", None) or type(error).__name__)
        raise refused("unreadable", "unreadable_again", name=path.name, error=text) from error


def _texts(picture: Image.Image) -> Iterator[tuple[str, str]]:
    """Give a PNG's text chunks and a comment, and what IPTC source its XMP names."""
    for name, value in getattr(picture, "text", {}).items():
        if not name.startswith("XML:com.adobe.xmp"):
            yield f"text {name}", value
    if comment := picture.info.get("comment"):
        yield (
            "comment",
            comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment,
        )
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
    if match := re.search(rb"newscodes/digitalsourcetype/(\w{1,60})", xmp):
        yield "digital source type", match[1].decode("ascii", "replace")


def _bounded(start: dict[str, str], found: list[tuple[str, object]]) -> dict[str, str]:
    """Make names and values fit to be shown; of a place only that there is one."""
    kept = dict(start)
    for name, value in found:
        if _PLACE.search(name):
            name, value = POSITION, "yes"
        if len(kept) >= MOST_ENTRIES and name != POSITION:
            kept["more"] = "left out"
            continue
        kept[shown(name, 60)] = shown(value)
    return kept
