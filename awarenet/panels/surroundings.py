"""What stands around the answer: title, preview, privacy, the list of what it cannot tell."""

from __future__ import annotations

from html import escape
from pathlib import PurePath
from urllib.parse import quote

from awarenet.quality import LIMITS
from awarenet.report import Report
from awarenet.view import caption
from awarenet.words import ENGLISH, Words

PLAYS_IN_BROWSERS = {".mp4", ".m4v", ".mov", ".webm"}
SHOWS_IN_BROWSERS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}


def heading(say: Words = ENGLISH) -> str:
    """Build the title and the one sentence under it."""
    text = say(
        "Is a face in this clip manipulated, how sure are the networks of it, and where did they "
        "look? The answer is an opinion with a margin, not a proof."
    )
    return (
        f'<header class="aw-title" lang="{say.language}"><h1>AWARE-NET</h1>'
        f"<p>{escape(text)}</p></header>"
    )


def privacy(kept_s: int, say: Words = ENGLISH) -> str:
    """Say what happens to an upload."""
    return caption(
        say(
            "Files stay on the machine that serves this page and are deleted within {minutes} "
            "minutes. Nothing is sent anywhere else.",
            minutes=kept_s // 60,
        )
    )


def note(report: Report | None = None, say: Words = ENGLISH) -> str:
    """Build the list of what the answer cannot tell; the report's own limits where there are."""
    limits = report.limits if report and report.limits else LIMITS
    items = "".join(f"<li>{escape(say(text))}</li>" for text in limits)
    title = escape(say("What this cannot tell"))
    return f"<section class='aw-note'><h3>{title}</h3><ul>{items}</ul></section>"


def preview(path: str | None, say: Words = ENGLISH) -> str:
    """Show an upload by its own bytes, played by the browser: nothing is converted here."""
    if not path:
        return ""
    name, suffix = PurePath(path).name, PurePath(path).suffix.lower()
    source = escape("gradio_api/file=" + quote(str(path)))
    if suffix in PLAYS_IN_BROWSERS:
        label = escape(say("The clip to be analyzed"))
        inner = (
            f'<video src="{source}" aria-label="{label}" controls muted playsinline '
            'preload="metadata"></video>'
        )
    elif suffix in SHOWS_IN_BROWSERS:
        inner = f'<img src="{source}" alt="{escape(name)}">'
    else:
        words = say("No preview of {name} in a browser; it is analyzed all the same.", name=name)
        inner = f"<p>{escape(words)}</p>"
    return f'<div class="aw-preview">{inner}</div>'
