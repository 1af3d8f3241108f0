"""Letters for paper: what is embedded, and what a reader's own fonts have to show.

DejaVu Sans, which comes with Matplotlib, is embedded: it holds Latin, Greek, Cyrillic and more, so
that names and sentences look the same everywhere. It has no Chinese, Japanese or Korean; for those
a PDF may name one of Adobe's standard fonts, which every viewer replaces by what it has. Right to
left scripts are shown letter by letter from left to right: the JSON report has the name as it is.
"""

from __future__ import annotations

import functools
from html import escape
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

from awarenet.panels.drawing import FIRST_SQUARE

PLAIN, BOLD = "DejaVu", "DejaVu-Bold"
HAN, HANGUL = "STSong-Light", "HYSMyeongJo-Medium"
FILES = {PLAIN: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf"}
UNKNOWN = "\N{WHITE SQUARE}"  # for what no font here has
HANGUL_SPANS = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))
HAN_SPANS = ((0x2E80, 0x312F), (0x3190, 0x9FFF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F),
             (0xFF00, 0xFFEF))  # fmt: skip


@functools.cache
def register() -> None:
    """Make the fonts known; costs a quarter of a second, once."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, file in FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))
    pdfmetrics.registerFontFamily(PLAIN, PLAIN, BOLD, PLAIN, BOLD)
    for name in (HAN, HANGUL):
        pdfmetrics.registerFont(UnicodeCIDFont(name))


def marked_up(words: str) -> str:
    """Escape words for a paragraph, each letter in a font that has it."""
    return "".join(
        f'<font name="{font}">{escape(text)}</font>' if font else escape(text)
        for font, text in runs(words)
    )


def runs(words: str) -> list[tuple[str, str]]:
    """Split words where the font changes: its name, empty for the plain one, and the text."""
    parts: list[tuple[str, str]] = []
    for letter in words:
        font, shown = _font_of(letter)
        if parts and parts[-1][0] == font:
            parts[-1] = font, parts[-1][1] + shown
        else:
            parts.append((font, shown))
    return parts


def columns(words: str) -> int:
    """Say how many Latin letters words are as wide as; a Chinese letter is as wide as two."""
    return sum(2 if ord(letter) >= FIRST_SQUARE else 1 for letter in words)


@functools.lru_cache(maxsize=4096)
def _font_of(letter: str) -> tuple[str, str]:
    """Name the font of a letter, empty for the paragraph's own, and what is written for it."""
    register()
    code = ord(letter)
    if letter.isspace():
        return "", " "
    for font, spans in ((HANGUL, HANGUL_SPANS), (HAN, HAN_SPANS)):
        if any(first <= code <= last for first, last in spans):
            return font, letter
    known = pdfmetrics.getFont(PLAIN).face.charToGlyph
    return "", letter if code in known and code <= 0xFFFF else UNKNOWN
