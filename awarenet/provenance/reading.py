"""Put together what a file says of itself, and say in sentences what that means."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

from awarenet.errors import Canceled
from awarenet.media import IMAGE_SUFFIXES
from awarenet.provenance.container import POSITION
from awarenet.provenance.credentials import AI_SOURCES, installed, read_credentials
from awarenet.provenance.words import remark
from awarenet.report import Notice, Provenance
from awarenet.video import MediaInfo

logger = logging.getLogger(__name__)

FIRST_YEAR = 1990  # no camera wrote files of these kinds before; 1904 and 1970 stand for "not set"
_FFMPEG = re.compile(r"\b(Lavf|Lavc|FFmpeg|HandBrake|x264)\b|^(Lavf|Lavc)", re.IGNORECASE)
_GENERATED = {"text parameters", "text prompt", "text workflow"}  # of Stable Diffusion's programs


class Source(Protocol):
    """A file whose header can be asked for, however it is read."""

    path: Path

    def metadata(self, image: bool) -> dict[str, str]:
        """Give what the header notes, by name."""
        ...


def read(
    source: Source,
    info: MediaInfo | None = None,
    trust_anchors: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> Provenance:
    """Read where a file says it is from.

    Args:
        source: A file, as nobody vouches for it.
        info: What is known of it; None goes by its name.
        trust_anchors: Certificates in PEM of signers that are trusted; empty: there is no list.
        should_stop: Asked ten times a second while credentials are read.

    Raises:
        Canceled: As asked. Nothing else, whatever is in the file.
    """
    path = source.path
    image = path.suffix.lower() in IMAGE_SUFFIXES if info is None else info.kind == "image"
    credentials, remarks = None, []
    if looked := installed() and path.is_file():  # a pipe would be waited for
        credentials, remarks = read_credentials(path, trust_anchors, should_stop)
    try:
        container = source.metadata(image)
        remarks += _remarks(container, image)
    except Canceled:
        raise
    except Exception:  # a header can be broken in more ways than the libraries name
        logger.debug("no metadata of %s", ascii(path.name), exc_info=True)
        container = {}
        remarks.append(remark("unread_metadata"))
    return Provenance(
        credentials=credentials,
        looked_for_credentials=looked,
        container=container,
        remarks=[each.message for each in remarks],
        notices=remarks,
    )


def _remarks(container: dict[str, str], image: bool) -> Iterator[Notice]:
    """Say what the notes of a container mean; they prove nothing, and the words say so."""
    by_name = {name.lower().rpartition("quicktime.")[2]: text for name, text in container.items()}
    writer = next((text for text in container.values() if _FFMPEG.search(text)), None)
    if writer is not None:
        yield remark("ffmpeg", writer=writer)
    if software := by_name.get("software"):
        yield remark("software", software=software)
    camera = " ".join(dict.fromkeys(by_name[key] for key in ("make", "model") if by_name.get(key)))
    if camera:
        yield remark("camera", camera=camera)
    else:
        yield remark("no_camera_photograph" if image else "no_camera_clip")
    if by_name.get("digital source type") in AI_SOURCES:
        yield remark("generated")
    if texts := sorted(_GENERATED & set(container)):
        names = ", ".join(name.removeprefix("text ") for name in texts)
        yield remark("generator_text", names=names)
    for name, text in container.items():
        if any(word in name.lower() for word in ("date", "creation")) and _impossible(text):
            yield remark("impossible_date", entry=name.replace("_", " "), date=text)
    if POSITION in container:
        yield remark("place")


def _impossible(text: str) -> bool:
    """Say whether a date lies before such files were, or in the future; other text is neither."""
    match = re.match(r"(\d{4})[-:](\d\d)[-:](\d\d)", text)
    if not match:
        return False
    try:
        day = datetime(*map(int, match.groups()), tzinfo=timezone.utc)
    except ValueError:
        return True
    # two days: a camera may keep the time of a zone that is a day ahead
    return day.year < FIRST_YEAR or day > datetime.now(timezone.utc) + timedelta(days=2)
