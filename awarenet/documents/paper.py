"""An analysis as a PDF of a few pages, with the same content as the page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    Image,
    ListFlowable,
    ListItem,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from awarenet.documents import blocks
from awarenet.documents.contents import contents
from awarenet.documents.fonts import BOLD, PLAIN, columns, marked_up, register
from awarenet.documents.paper_chart import PaperChart, draw_words, key_line
from awarenet.panels.drawing import FIRST_SQUARE, INKS
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis

MARGIN = 16 * mm
ROOM = A4[0] - 2 * MARGIN - 12  # a frame keeps 6 pt free on each side
CHART = 0.62 * ROOM  # width of a chart
PICTURE = ROOM / 5 - 2 * mm
INK, SOFT, LINE = HexColor("#101828"), HexColor("#475467"), HexColor("#d5dae1")


def _style(name: str, size: float, **more: object) -> ParagraphStyle:
    given = {"fontName": PLAIN, "textColor": INK, "leading": size * 1.3, "alignment": TA_LEFT}
    return ParagraphStyle(name, fontSize=size, **{**given, **more})


PLAIN_TEXT = _style("plain", 8.2, spaceAfter=2)
TONES = {
    "": PLAIN_TEXT,
    "quiet": _style("quiet", 7.6, textColor=SOFT, spaceAfter=2),
    "warning": _style("warning", 8.2, leftIndent=6, borderPadding=(0, 0, 0, 4), spaceAfter=3),
}
CAPTION = _style("caption", 7.6, textColor=SOFT, spaceBefore=4, spaceAfter=1, keepWithNext=1)
HEADING = _style("heading", 10.5, fontName=BOLD, spaceBefore=8, spaceAfter=3, keepWithNext=1)
CELL, SMALL = _style("cell", 7.6), _style("small", 6.2)
CELL_NAME = _style("cell-name", 7.6, textColor=SOFT)
SMALL_NAME = _style("small-name", 6.2, textColor=SOFT)


def pdf(analysis: Analysis, say: Words = ENGLISH) -> bytes:
    """Write an analysis as a PDF on A4, in the reader's language.

    The same analysis gives the same bytes; two runs on the same file differ in the time stamp and
    in the seconds that each stage took. Heat maps are those of the person who decides.
    """
    register()
    found = contents(analysis, say)
    story = [*_answer(found)]
    for section in found.sections:
        story += [CondPageBreak(22 * mm), _paragraph(section.title, HEADING)]
        for block in section.blocks:
            story += _block(block)
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{found.heading}: {found.name}",
        author="awarenet",
        subject=say("Report on a clip or picture"),
        lang=found.language,
        invariant=1,
    )

    def foot(canvas: Canvas, page: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFillColor(SOFT)
        draw_words(canvas, MARGIN, 9 * mm, found.made, 6.5)
        number = say("page {number}", number=page.page)
        draw_words(canvas, A4[0] - MARGIN, 9 * mm, number, 6.5, "end")
        canvas.restoreState()

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


def _answer(found: blocks.Contents) -> Iterator[Flowable]:
    color = HexColor(INKS[found.tone].color) if found.tone != "none" else SOFT
    yield HRFlowable(width="100%", thickness=3, color=color, spaceAfter=5)
    yield _paragraph(found.title, CAPTION)
    yield _paragraph(found.name, _style("name", 9.5, fontName=BOLD, spaceAfter=5))
    yield _paragraph(found.heading, _style("verdict", 17, fontName=BOLD, textColor=color))
    yield Spacer(0, 3)
    yield _paragraph(found.lead, PLAIN_TEXT)
    if found.scale:
        yield PaperChart(found.scale, ROOM * 0.8)
    if found.facts:
        large = _style("figure", 12, fontName=BOLD)
        cells = [
            [_paragraph(name, CELL_NAME), _paragraph(value, large)] for name, value in found.facts
        ]
        yield Table([cells], colWidths=[ROOM / 4] * len(cells), hAlign="LEFT", style=_PLAIN_CELLS)
    yield from (_paragraph(f"▸ {words}", TONES["warning"]) for words in found.warnings)


def _block(block: blocks.Block) -> Iterator[Flowable]:
    if isinstance(block, blocks.Text):
        mark = "▸ " if block.tone == "warning" else ""
        yield _paragraph(mark + block.words, TONES[block.tone])
    elif isinstance(block, blocks.Bullets):
        items = [ListItem(_paragraph(words, PLAIN_TEXT), leftIndent=9) for words in block.items]
        yield ListFlowable(items, bulletType="bullet", start="•", leftIndent=9, bulletFontSize=7)
    elif isinstance(block, blocks.Facts):
        yield _facts(block)
    elif isinstance(block, blocks.Table):
        yield _paragraph(block.caption, CAPTION)
        yield _table(block)
    elif isinstance(block, blocks.Chart):
        if block.caption:
            yield _paragraph(block.caption, CAPTION)
        yield PaperChart(block.drawing, CHART)
        if block.keys:
            yield _keys(block.keys)
    elif isinstance(block, blocks.Detail):
        yield _paragraph(block.instead, TONES["quiet"])
    else:
        if block.caption:
            yield _paragraph(block.caption, CAPTION)
        yield _pictures(block)


def _facts(block: blocks.Facts) -> Flowable:
    """Lay names and values out in two columns; three pairs beside each other where small."""
    pairs = 3 if block.small else 1
    name, value = (SMALL_NAME, SMALL) if block.small else (CELL_NAME, CELL)
    cells = [[_paragraph(n, name), _paragraph(v, value)] for n, v in block.rows]
    per_column = -(-len(cells) // pairs)
    rows = []
    for place in range(per_column):
        row = [cells[i] for i in range(place, len(cells), per_column)]
        rows.append([cell for pair in row for cell in pair] + [""] * 2 * (pairs - len(row)))
    first = 0.5 if block.small else 0.2
    widths = [ROOM / pairs * first, ROOM / pairs * (1 - first)] * pairs
    return Table(rows, colWidths=widths, hAlign="LEFT", style=_PLAIN_CELLS)


def _table(block: blocks.Table) -> Flowable:
    head = [_paragraph(words, CELL_NAME) for words in block.head]
    rows = [[_paragraph(words, CELL) for words in row] for row in block.rows]
    longest = [
        max(columns(cells[column]) for cells in (block.head, *block.rows)) + 2
        for column in range(len(block.head))
    ]
    widths = [ROOM * min(n, 40) / sum(min(n, 40) for n in longest) for n in longest]
    style = [*_PLAIN_CELLS, ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE)]
    return Table([head, *rows], colWidths=widths, hAlign="LEFT", repeatRows=1, style=style)


def _keys(keys: tuple[tuple[str, str], ...]) -> Flowable:
    cells = [cell for role, words in keys for cell in (key_line(role), _paragraph(words, SMALL))]
    wide = (ROOM - 22 * len(keys)) / len(keys)
    return Table([cells], colWidths=[22, wide] * len(keys), hAlign="LEFT", style=_PLAIN_CELLS)


def _pictures(block: blocks.Pictures) -> Flowable:
    cells = []
    for each in block.pictures:
        scale = min(PICTURE / each.width, PICTURE / each.height)
        shown = Image(io.BytesIO(each.jpeg), each.width * scale, each.height * scale, hAlign="LEFT")
        cells.append([shown, _paragraph(each.caption, SMALL)])
    rows = [cells[i : i + 5] for i in range(0, len(cells), 5)]
    rows[-1] += [""] * (min(len(cells), 5) - len(rows[-1]))
    return Table(rows, colWidths=[ROOM / 5] * len(rows[0]), hAlign="LEFT", style=_PLAIN_CELLS)


def _paragraph(words: str, style: ParagraphStyle) -> Paragraph:
    if any(ord(letter) >= FIRST_SQUARE for letter in words):  # no spaces to break lines at
        style = style.clone(style.name, wordWrap="CJK")
    return Paragraph(marked_up(words), style)


_PLAIN_CELLS = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 5),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
]
