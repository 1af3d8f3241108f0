"""A chart's drawing on paper: the same shapes as on the page, in their fallback colors."""

from __future__ import annotations

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from awarenet.documents.fonts import PLAIN, register, runs
from awarenet.panels.drawing import INKS, WIDTH, Anchor, Area, Dot, Drawing, Label, Shape

TEXT = 6.4  # pt
THIN = 0.75  # width of a line on paper, of its width on the page


class PaperChart(Flowable):
    """A drawing, as wide as it is told."""

    def __init__(self, drawing: Drawing, width: float):
        super().__init__()
        self._drawing, self._scale = drawing, width / WIDTH
        self.width, self.height = width, drawing.height * self._scale
        self.hAlign, self.spaceAfter = "LEFT", 3

    def wrap(self, *_: float) -> tuple[float, float]:
        """Say how large it is, pt."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw it, as reportlab asks for."""
        register()
        canvas = self.canv
        for shape in self._drawing.shapes:
            canvas.saveState()
            self._draw(canvas, shape)
            canvas.restoreState()

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return x * self._scale, self.height - y * self._scale

    def _draw(self, canvas: Canvas, shape: Shape) -> None:
        color = _color(shape.role)
        canvas.setFillColor(color)
        canvas.setStrokeColor(color)
        if isinstance(shape, Label):
            draw_words(canvas, *self._place(shape.at), shape.words, TEXT, shape.anchor)
        elif isinstance(shape, Dot):
            canvas.circle(*self._place(shape.center), shape.radius * self._scale, 0, 1)
        else:
            path = canvas.beginPath()
            path.moveTo(*self._place(shape.points[0]))
            for point in shape.points[1:]:
                path.lineTo(*self._place(point))
            if isinstance(shape, Area):
                path.close()
                canvas.drawPath(path, 0, 1)
            else:
                _pen(canvas, shape.role, THIN * self._scale * 1.6)
                canvas.drawPath(path, 1, 0)


def draw_words(
    canvas: Canvas, x: float, y: float, words: str, size: float, anchor: Anchor = "start"
) -> None:
    """Write one line, each letter in a font that has it; `anchor` says what `x` is of it."""
    parts = [(font or PLAIN, text) for font, text in runs(words)]
    width = sum(canvas.stringWidth(text, font, size) for font, text in parts)
    x -= {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    for font, text in parts:
        canvas.setFont(font, size)
        canvas.drawString(x, y, text)
        x += canvas.stringWidth(text, font, size)


class _KeyLine(Flowable):
    def __init__(self, role: str):
        super().__init__()
        self._role, self.width, self.height = role, 18, 7

    def draw(self) -> None:
        self.canv.setStrokeColor(_color(self._role))
        _pen(self.canv, self._role, THIN * 0.8)
        self.canv.line(0, 4, 18, 4)


def key_line(role: str) -> Flowable:
    """Draw a short piece of a role's line, for a legend."""
    return _KeyLine(role)


def _color(role: str) -> Color:
    ink = INKS[role]
    plain = HexColor(ink.color)
    return Color(plain.red, plain.green, plain.blue, alpha=ink.opacity)


def _pen(canvas: Canvas, role: str, scale: float) -> None:
    ink = INKS[role]
    canvas.setLineWidth(ink.width * scale)
    canvas.setLineJoin(1)
    if ink.dash:
        canvas.setDash([length * scale for length in ink.dash])
