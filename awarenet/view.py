"""The answer on the page, as HTML: words, icon, figures, warnings; no web framework.

A verdict is always words, icon and color together, and a report without a verdict never shows a
number. Everything that comes from a file, a bundle or an error is escaped here. The classes are
styled by `assets/page.css`.
"""

from __future__ import annotations

from html import escape
from pathlib import PurePath
from urllib.parse import quote

from awarenet.quality import LIMITS
from awarenet.report import Report

PLAYS_IN_BROWSERS = {".mp4", ".m4v", ".mov", ".webm"}
SHOWS_IN_BROWSERS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}

VERDICTS = {
    "fake": "Likely manipulated",
    "real": "No manipulation found",
    "inconclusive": "Inconclusive",
}
OUR_FAULT = "Something went wrong. This is not about your clip; the log says more."
NO_ANSWER = {  # status: what happened, what to do
    "no_face": ("no face was found", "Only faces are judged. Try a part where one is seen well."),
    "faces_too_small": (
        "the faces are too small",
        "Too few pixels remain to judge them. Look for a copy with a higher resolution.",
    ),
    "unreadable": ("the file cannot be read", "Check that it plays; convert it to MP4 or JPEG."),
    "too_long": ("the clip is too long", "Cut it down to the passage in question."),
    "too_large": ("the file is too large", "Cut it, or use a copy with a smaller picture."),
    "unsupported": ("this kind of file is not supported", "Use an MP4, MOV, WebM, JPEG or PNG."),
    "timeout": ("it took too long", "Try a shorter passage, or fewer frames under Settings."),
    "error": ("something went wrong", "This is not about your clip; the log says more."),
}

_ICONS = {
    "fake": '<path d="M12 3 22 20H2Z"/><path d="M12 10v4.5M12 17.2v.1"/>',
    "real": '<circle cx="12" cy="12" r="9.5"/><path d="m7.5 12.3 3 3 6-6.3"/>',
    "inconclusive": '<circle cx="12" cy="12" r="9.5"/>'
    '<path d="M9.4 9.3a2.7 2.7 0 1 1 3.9 2.5c-.9.5-1.3 1-1.3 2M12 16.9v.1"/>',
    "none": '<circle cx="12" cy="12" r="9.5"/><path d="m5.4 5.4 13.2 13.2"/>',
}


def percent(probability: float) -> str:
    """Write a probability as whole percent; certainty is never claimed.

    >>> percent(0.724), percent(0.999), percent(0.0)
    ('72%', '>99%', '<1%')
    """
    text = f"{probability:.0%}"
    return {"0%": "<1%", "100%": ">99%"}.get(text, text)


def clock(seconds: float) -> str:
    """Write a time in a clip as m:ss.s.

    >>> clock(83.25)
    '1:23.2'
    """
    tenths = int(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def verdict_card(report: Report) -> str:
    """Build the answer: words, icon, color, then the figures, then what weakens them."""
    if report.status != "ok":
        what, advice = NO_ANSWER[report.status]
        body = _head("none", f"No answer: {what}", advice)
        return _card("none", body + _warnings(report) + _about_input(report))
    body = _head(report.verdict, VERDICTS[report.verdict], _explained(report)) + _scale(report)
    low, high = report.interval
    share = report.settings.get("verdict", {}).get("confidence")
    facts = (
        ("Probability" if report.calibrated else "Score (not calibrated)", report.probability),
        (f"{share:.0%} interval" if share else "Interval", f"{percent(low)} to {percent(high)}"),
        ("Threshold", report.threshold),
    )
    body += '<dl class="aw-facts">' + "".join(
        f"<div><dt>{escape(name)}</dt>"
        f"<dd>{escape(value if isinstance(value, str) else percent(value))}</dd></div>"
        for name, value in facts
    )
    return _card(report.verdict, body + "</dl>" + _warnings(report) + _about_input(report))


def working_card(name: str) -> str:
    """Build what stands in the place of the answer while there is none yet."""
    return _card("working", f"<h3>Analyzing</h3><p class='aw-caption'>{escape(name)}</p>")


def stopped_card() -> str:
    """Build what stands in the place of the answer after Stop."""
    return _card("", "<h3>Stopped</h3><p class='aw-caption'>There is no answer.</p>")


def failed_card(message: str) -> str:
    """Build what stands in the place of the answer where there is not even a report."""
    return _card("none", _head("none", "No answer", message))


def heading() -> str:
    """Build the title and the one sentence under it."""
    return (
        '<header class="aw-title"><h1>AWARE-NET</h1><p>Is a face in this clip manipulated, how '
        "sure are the networks of it, and where did they look? The answer is an opinion with a "
        "margin, not a proof.</p></header>"
    )


def privacy(kept_s: int) -> str:
    """Say what happens to an upload."""
    return (
        '<p class="aw-caption">Files stay on the machine that serves this page and are deleted '
        f"within {kept_s // 60} minutes. Nothing is sent anywhere else.</p>"
    )


def welcome_card() -> str:
    """Build what stands in the place of the answer before there is one."""
    steps = (
        "Every person in the clip is found and followed.",
        "Each face is judged by several networks of different kinds.",
        "You see how far they agree, when and where they found something, and what they "
        "cannot tell.",
    )
    items = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return _card("", f"<h3>The answer appears here</h3><ol class='aw-steps'>{items}</ol>")


def note(report: Report | None = None) -> str:
    """Build the list of what the answer cannot tell; the report's own limits where there are."""
    limits = report.limits if report and report.limits else LIMITS
    items = "".join(f"<li>{escape(text)}</li>" for text in limits)
    return f"<section class='aw-note'><h3>What this cannot tell</h3><ul>{items}</ul></section>"


def preview(path: str | None) -> str:
    """Show an upload by its own bytes, played by the browser: nothing is converted here."""
    if not path:
        return ""
    name, suffix = PurePath(path).name, PurePath(path).suffix.lower()
    source = escape("gradio_api/file=" + quote(str(path)))
    if suffix in PLAYS_IN_BROWSERS:
        inner = f'<video src="{source}" controls muted playsinline preload="metadata"></video>'
    elif suffix in SHOWS_IN_BROWSERS:
        inner = f'<img src="{source}" alt="{escape(name)}">'
    else:
        inner = f"<p>No preview of {escape(name)} in a browser; it is analyzed all the same.</p>"
    return f'<div class="aw-preview">{inner}</div>'


def _card(tone: str, body: str) -> str:
    return f'<article class="aw-card aw-{tone or "plain"}" role="status">{body}</article>'


def icon(tone: str) -> str:
    """Draw the icon of a verdict, or of there being none ("none"), in the text's color."""
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{_ICONS[tone]}</svg>'
    )


def _head(tone: str, title: str, text: str) -> str:
    return (
        f'<header class="aw-head"><span class="aw-icon">{icon(tone)}</span><div>'
        f"<h2>{escape(title)}</h2><p>{escape(text)}</p></div></header>"
    )


def _explained(report: Report) -> str:
    """Say in one or two sentences what the verdict rests on."""
    who = "this face"
    if len(report.people) > 1:
        who = f"person {report.decided_by}, the most suspicious of {len(report.people)} people"
    if report.verdict == "inconclusive":
        return f"The networks cannot tell for {who}: the interval reaches across the threshold."
    if report.verdict == "fake":
        found, mind = "found traces", "Look closer before you rely on it."
    else:
        found, mind = "found no trace", "This does not prove the clip genuine."
    return f"The networks {found} of manipulation in {who}. {mind}"


def _scale(report: Report) -> str:
    """Draw probability, interval and threshold on one rail from 0 to 100%."""
    low, high = report.interval
    label = (
        f"Probability of manipulation {percent(report.probability)}, interval {percent(low)} to "
        f"{percent(high)}, threshold {percent(report.threshold)}"
    )
    at = report.threshold * 100
    return (
        f'<div class="aw-scale" role="img" aria-label="{escape(label)}"><div class="aw-rail">'
        f'<i class="aw-band" style="left:{low:.2%};width:{high - low:.2%}"></i>'
        f'<i class="aw-mark" style="left:{at:.2f}%"></i>'
        f'<span class="aw-mark-label" style="left:{at:.2f}%;transform:translateX(-{at:.0f}%)">'
        f"threshold {percent(report.threshold)}</span>"
        f'<i class="aw-point" style="left:{report.probability:.2%}"></i></div>'
        '<div class="aw-ends"><span>0% · genuine</span><span>100% · manipulated</span></div></div>'
    )


def _warnings(report: Report) -> str:
    items = "".join(f"<li>{escape(_sentence(w.message))}</li>" for w in report.warnings)
    return f'<ul class="aw-warnings">{items}</ul>' if items else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _about_input(report: Report) -> str:
    """Name what was judged, so that an answer is never read for another file."""
    source, model = report.input, report.model
    parts = [source.name]
    if source.width and source.height:
        parts.append(f"{source.width} × {source.height} px")
    if source.kind == "video" and source.duration_s is not None:
        parts.append(f"{source.duration_s:.1f} s long")
    if source.frames_analyzed:
        parts.append(f"{source.frames_analyzed} frame{'s'[: source.frames_analyzed > 1]} analyzed")
    parts += [
        f"model {model.name}, {model.members} networks",
        f"took {report.timing_s.total:.1f} s",
    ]
    return f'<p class="aw-meta">{escape(" · ".join(parts))}</p>'
