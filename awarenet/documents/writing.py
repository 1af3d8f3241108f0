"""All documents of an analysis in a folder, each file whole or not at all."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from awarenet.atomic import written_whole
from awarenet.documents.clip import annotate
from awarenet.documents.page import html
from awarenet.documents.paper import pdf
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis
    from awarenet.settings import LimitSettings

REPORT = ".awarenet.json"
LONGEST = 80  # letters of a name
MOST_BYTES = 160  # of it in UTF-8: file systems take 255 for a whole name
# names that Windows keeps for devices, whatever follows the first dot
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def write(
    analysis: Analysis,
    path: str | Path,
    folder: str | Path,
    *,
    limits: LimitSettings,
    heat: bool = True,
    say: Words = ENGLISH,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write all documents of an analysis.

    NAME.awarenet.json, .html, .pdf and, where somebody was judged, .mp4 (.jpg of a picture). What
    an earlier run wrote on the same file is replaced; another file of the same name gets a number.

    Args:
        analysis: To be written down.
        path: The file that it is about, which is read again to be drawn on.
        folder: Made where it is missing.
        limits: As for the analysis.
        heat: Whether heat maps stand in the annotated clip.
        say: The language of page and paper; the JSON and what is drawn on the clip are English.
        should_stop: Asked while the clip is drawn.
        on_progress: Told frames drawn and frames in all.

    Returns:
        The files, in this order.

    Raises:
        MediaError: The file cannot be read any more; the other documents are there.
        SettingsError: It is another file than the one that was analyzed; as above.
        Canceled: `should_stop()` was true; as above.
    """
    folder, report = Path(folder), analysis.report
    folder.mkdir(parents=True, exist_ok=True)
    stem = _free_stem(folder, safe_stem(report.input.name), report.input.sha256)
    texts = {
        REPORT: (report.to_json(indent=2) + "\n").encode(),
        ".awarenet.html": html(analysis, say).encode(),
        ".awarenet.pdf": pdf(analysis, say),
    }
    files = []
    for suffix, content in texts.items():
        files.append(folder / f"{stem}{suffix}")
        with written_whole(files[-1]) as temporary:
            temporary.write_bytes(content)
    if report.people:
        suffix = ".awarenet.mp4" if report.input.kind == "video" else ".awarenet.jpg"
        target = folder / f"{stem}{suffix}"
        files.append(
            annotate(
                path,
                analysis,
                target,
                limits=limits,
                heat=heat,
                should_stop=should_stop,
                on_progress=on_progress,
            )
        )
    return files


def safe_stem(name: str) -> str:
    """Make a name that any file system takes of a file's name, without its extension.

    >>> safe_stem("../a:b*.mp4"), safe_stem("CON.mp4"), safe_stem("...")
    ('a_b_', '_CON', 'input')
    """
    plain = unicodedata.normalize("NFC", Path(name.replace("\\", "/")).stem)
    safe = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in plain)[:LONGEST]
    while len(safe.encode()) > MOST_BYTES:
        safe = safe[:-1]
    safe = safe.strip(" .")
    return f"_{safe}" if RESERVED.match(safe) else safe or "input"


def _free_stem(folder: Path, stem: str, sha256: str | None) -> str:
    """Number a name that stands for another input already."""
    candidate, number = stem, 1
    while (folder / f"{candidate}{REPORT}").exists():
        if sha256 is not None and _about(folder / f"{candidate}{REPORT}") == sha256:
            break
        number += 1
        candidate = f"{stem}-{number}"
    return candidate


def _about(path: Path) -> str | None:
    """Read which file a report is about; None where it does not say."""
    try:
        return json.loads(path.read_text("utf-8"))["input"]["sha256"]
    except (OSError, ValueError, TypeError, LookupError):
        return None
