"""What stands around the answer: title, preview, privacy, the list of what it cannot tell."""

from __future__ import annotations

from html import escape
from pathlib import PurePath
from urllib.parse import quote

from awarenet.printable import shown
from awarenet.quality import LIMITS
from awarenet.quality.own_limits import own_limits
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
    items = "".join(f"<li>{escape(text)}</li>" for text in limits(report, say))
    title = escape(say("What this cannot tell"))
    return f"<section class='aw-note'><h3>{title}</h3><ul>{items}</ul></section>"


def limits(report: Report | None = None, say: Words = ENGLISH) -> list[str]:
    """Say what an answer cannot tell; a line that no catalog has stays as the report has it."""
    if report is None or not report.limits:
        return [say(text) for text in LIMITS]
    rates = report.error_rates
    own = own_limits(
        report.model.trained_on,
        rates and (rates.threshold, rates.false_alarm_rate, rates.detection_rate),
        rates.measured_on if rates else "",
    )
    known = {template.format(**values): (template, values) for template, values in own}
    return [say.joined([known.get(text, (text, {}))]) for text in report.limits]


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
        inner = f'<img src="{source}" alt="{escape(shown(name))}">'
    else:
        words = say(
            "No preview of {name} in a browser; it is analyzed all the same.", name=shown(name)
        )
        inner = f"<p>{escape(words)}</p>"
    return f'<div class="aw-preview">{inner}</div>'
