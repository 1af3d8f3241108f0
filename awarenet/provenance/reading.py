"""Put together what a file says of itself, and say in sentences what that means."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from awarenet.media import IMAGE_SUFFIXES
from awarenet.provenance.container import POSITION, read_clip, read_photograph
from awarenet.provenance.credentials import AI_SOURCES, installed, read_credentials
from awarenet.report import Provenance
from awarenet.video import MediaInfo

logger = logging.getLogger(__name__)

FIRST_YEAR = 1990  # no camera wrote files of these kinds before; 1904 and 1970 stand for "not set"
_FFMPEG = re.compile(r"\b(Lavf|Lavc|FFmpeg|HandBrake|x264)\b|^(Lavf|Lavc)", re.IGNORECASE)
_GENERATED = {"text parameters", "text prompt", "text workflow"}  # of Stable Diffusion's programs


def read(
    path: str | Path,
    info: MediaInfo | None = None,
    trust_anchors: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> Provenance:
    """Read where a file says it is from.

    Args:
        path: Of a file, as nobody vouches for it.
        info: What is known of it; None goes by its name.
        trust_anchors: Certificates in PEM of signers that are trusted; empty: there is no list.
        should_stop: Asked ten times a second while credentials are read.

    Raises:
        Canceled: As asked. Nothing else, whatever is in the file.
    """
    path = Path(path)
    image = path.suffix.lower() in IMAGE_SUFFIXES if info is None else info.kind == "image"
    credentials, remarks = None, []
    if looked := installed() and path.is_file():  # a pipe would be waited for
        credentials, remarks = read_credentials(path, trust_anchors, should_stop)
    try:
        container = read_photograph(path) if image else read_clip(path)
        remarks += _remarks(container, image)
    except Exception:  # a header can be broken in more ways than the libraries name
        logger.debug("no metadata of %s", ascii(path.name), exc_info=True)
        container = {}
        remarks.append("Its metadata could not be read.")
    return Provenance(
        credentials=credentials,
        looked_for_credentials=looked,
        container=container,
        remarks=remarks,
    )


def _remarks(container: dict[str, str], image: bool) -> Iterator[str]:
    """Say what the notes of a container mean; they prove nothing, and the words say so."""
    by_name = {name.lower().rpartition("quicktime.")[2]: text for name, text in container.items()}
    writer = next((text for text in container.values() if _FFMPEG.search(text)), None)
    if writer is not None:
        yield (
            f"It says it was written by {writer}: that is FFmpeg or software that uses it, as "
            "converters, editors and sites do. Most likely it is not a camera's own file."
        )
    if software := by_name.get("software"):
        yield f"It names the software {software}."
    camera = " ".join(dict.fromkeys(by_name[key] for key in ("make", "model") if by_name.get(key)))
    if camera:
        yield f"It names the camera {camera}; anybody can write that into a file."
    else:
        kind = "photograph" if image else "clip"
        yield (
            f"It names no camera. Sending or posting a {kind} takes that away as a rule, so this "
            "says little."
        )
    if by_name.get("digital source type") in AI_SOURCES:
        yield "It says that all or a part of it was made by a generative model."
    if texts := sorted(_GENERATED & set(container)):
        names = ", ".join(name.removeprefix("text ") for name in texts)
        yield f"It holds a text ({names}) as programs leave it that generate pictures."
    for name, text in container.items():
        if any(word in name.lower() for word in ("date", "creation")) and _impossible(text):
            yield f"Its {name.replace('_', ' ')}, {text}, cannot be right."
    if POSITION in container:
        yield "It says where it was recorded; that is left out here."


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
