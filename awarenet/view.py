"""Pieces of HTML that the page is built of, and the words of a verdict; no web framework.

A verdict is always words, icon and color together. Everything that comes from a file, a bundle or
an error is escaped where it is put in. The classes are styled by `assets/page.css`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from awarenet.words import ENGLISH, Words

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


def icon(tone: str) -> str:
    """Draw the icon of a verdict, or of there being none ("none"), in the text's color."""
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{_ICONS[tone]}</svg>'
    )


def chip(verdict: str, say: Words = ENGLISH) -> str:
    """Build a verdict in one line: icon, words, color."""
    words = escape(say(VERDICTS[verdict]))
    return f'<span class="aw-chip aw-{verdict}">{icon(verdict)}{words}</span>'


def card(tone: str, body: str) -> str:
    """Frame the answer, in the color of a verdict or in none."""
    return f'<article class="aw-card aw-{tone or "plain"}" role="status">{body}</article>'


def head(tone: str, title: str, text: str) -> str:
    """Build a heading with its icon and a sentence."""
    return (
        f'<header class="aw-head"><span class="aw-icon">{icon(tone)}</span><div>'
        f"<h2>{escape(title)}</h2><p>{escape(text)}</p></div></header>"
    )


def caption(text: str) -> str:
    """Build a quiet line that says how to read what stands above it."""
    return f'<p class="aw-caption">{escape(text)}</p>'


def bar(value: float, marks: Sequence[float] = ()) -> str:
    """Draw a value 0..1 as a bar with marks on it; the figure stands beside it in words."""
    ticks = "".join(f'<b style="left:{mark:.2%}"></b>' for mark in marks)
    return f'<div class="aw-bar" aria-hidden="true"><i style="width:{value:.2%}"></i>{ticks}</div>'


def listed(texts: Iterable[str], kind: str) -> str:
    """Build a list of sentences; empty where there are none."""
    items = "".join(f"<li>{escape(sentence(text))}</li>" for text in texts)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Build a table whose cells fold under each other on a phone.

    Args:
        columns: Their names, as text.
        rows: Cells, as HTML; the first of each row names it.
        kind: A class beside `aw-table`.
    """
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = ""
    for first, *others in rows:
        cells = "".join(
            f'<td data-label="{escape(name)}">{cell}</td>'
            for name, cell in zip(columns[1:], others, strict=True)
        )
        body += f'<tr><th scope="row">{first}</th>{cells}</tr>'
    style = f"aw-table {kind}".strip()
    return f'<table class="{style}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def sentence(text: str) -> str:
    """Begin with a capital and end with a stop."""
    stopped = text.endswith((".", "!", "?", "。"))
    return text[:1].upper() + text[1:] + ("" if stopped else ".")
