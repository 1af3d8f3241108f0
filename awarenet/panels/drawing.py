"""Shapes that a chart is made of, and how they look: once for a page, once for paper.

A chart says what its parts are (`role`), not how they look. On a page a role is a CSS variable of
`assets/page.css`, with a color to fall back on where there is no such style sheet; on paper it is
that color. Lengths are in the units of a drawing that is `WIDTH` wide; y grows downward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTH = 640.0
# after Okabe and Ito's, told apart by color-blind people; above 3:1 on white and on dark
COLORS = ("#2a86c8", "#d9622b", "#0b9a74", "#b8629b", "#9a8411", "#7a7fd1", "#94734f")
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3), (12, 4), (4, 2, 2, 2), (1, 2))  # for eyes without color
FIRST_SQUARE = 0x2E80  # from here on a letter is as wide as high: Chinese, Japanese, Korean
FAMILY = "family-"  # role of the line of a family, followed by its number

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Ink:
    """How a role looks."""

    variable: str  # CSS variable; empty: the color alone
    color: str  # where there is no such variable
    width: float = 1.0  # of a line
    dash: tuple[float, ...] = ()
    opacity: float = 1.0


INKS = {
    "band": Ink("--aw-accent", "#1f4e8c", opacity=0.18),
    "together": Ink("--aw-accent", "#1f4e8c", 2.6),
    "worst": Ink("--aw-unsure", "#8a5a00", opacity=0.16),
    "threshold": Ink("--aw-ink", "#101828", 1.4, (6, 4)),
    "cut": Ink("--aw-soft", "#475467", 1.0, (2, 4)),
    "grid": Ink("--aw-line", "#d5dae1", 1.0),
    "rail": Ink("--aw-track", "#e4e7ec", 8.0),
    "words": Ink("--aw-ink", "#101828"),
    "quiet": Ink("--aw-soft", "#475467"),
    "fake": Ink("--aw-fake", "#b42318"),
    "real": Ink("--aw-real", "#0b6b5d"),
    "inconclusive": Ink("--aw-unsure", "#8a5a00"),
    "fake-band": Ink("--aw-fake", "#b42318", opacity=0.42),
    "real-band": Ink("--aw-real", "#0b6b5d", opacity=0.42),
    "inconclusive-band": Ink("--aw-unsure", "#8a5a00", opacity=0.42),
    **{
        f"{FAMILY}{number}": Ink("", color, 1.3, dash)
        for number, (color, dash) in enumerate(zip(COLORS[1:], DASHES, strict=False))
    },
}


@dataclass(frozen=True)
class Line:
    """A line through points, in the color of its role."""

    points: tuple[Point, ...]
    role: str


@dataclass(frozen=True)
class Area:
    """A filled outline."""

    points: tuple[Point, ...]
    role: str


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    center: Point
    radius: float
    role: str


@dataclass(frozen=True)
class Label:
    """A few words; `at` is where their base line starts, is halved, or ends."""

    at: Point
    words: str
    anchor: Anchor = "start"
    role: str = "quiet"


Shape = Line | Area | Dot | Label


@dataclass(frozen=True)
class Spot:
    """A place of a drawing that can be chosen, by pointer or keyboard."""

    box: tuple[float, float, float, float]  # x, y, width, height
    shape: Shape  # what is drawn there
    words: str  # its name
    data: tuple[tuple[str, str], ...]  # data-… attributes


@dataclass(frozen=True)
class Drawing:
    """A chart: its shapes from back to front, and what it shows, in words."""

    height: float
    words: str
    shapes: tuple[Shape, ...]
    spots: tuple[Spot, ...] = ()


# Text keeps its size while the drawing shrinks: the units of a drawing 640 wide are half a px on a
# phone. Only classes of ours are touched, so the rules may stand in a page several times.
STYLE = """<style>
.aw-chart{container-type:inline-size;margin:0}
.aw-chart svg{display:block;width:100%;height:auto;overflow:visible}
.aw-chart polyline{vector-effect:non-scaling-stroke}
.aw-chart text{font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums;\
paint-order:stroke;stroke:var(--aw-card,#fff);stroke-width:3px;stroke-linejoin:round}
@container (max-width:520px){.aw-chart text{font-size:17px}}
@container (max-width:400px){.aw-chart text{font-size:21px}}
.aw-spot{cursor:pointer;outline:none}
.aw-spot rect{fill:transparent;stroke:none}
.aw-spot:hover rect{fill:var(--aw-track,#e4e7ec);fill-opacity:.6}
.aw-spot:focus rect{stroke:var(--aw-accent,#1f4e8c);stroke-width:2}
</style>"""


def box(x0: float, y0: float, x1: float, y1: float, role: str) -> Area:
    """Make a filled rectangle of two of its corners."""
    return Area(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), role)


def svg(drawing: Drawing) -> str:
    """Write a drawing as inline SVG in a block that scales with the page's width.

    A drawing with spots is a group of buttons; any other is one picture with words for those who
    do not see it. The same drawing always gives the same text.
    """
    body = "".join(_shape(shape) for shape in drawing.shapes)
    role = "img"
    if drawing.spots:
        role, body = "group", f'<g aria-hidden="true">{body}</g>{_spots(drawing.spots)}'
    return (
        f'<div class="aw-chart">{STYLE}<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {number(WIDTH)} {number(drawing.height)}" role="{role}" '
        f'aria-label="{escape(drawing.words)}">{body}</svg></div>'
    )


def swatch(role: str) -> str:
    """Write a short piece of a role's line, for a legend, as inline SVG."""
    line = _shape(Line(((0, 5), (28, 5)), role))
    return f'<svg viewBox="0 0 28 10" width="28" height="10" aria-hidden="true">{line}</svg>'


def number(value: float) -> str:
    """Write a length: two digits at most, no trailing zeros, no negative zero.

    >>> number(12.0), number(3.14159), number(-0.001)
    ('12', '3.14', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _shape(shape: Shape) -> str:
    ink = INKS[shape.role]
    color = f"var({ink.variable},{ink.color})" if ink.variable else ink.color
    if isinstance(shape, Label):
        x, y = map(number, shape.at)
        return (
            f'<text x="{x}" y="{y}" text-anchor="{shape.anchor}" style="fill:{color}">'
            f"{escape(shape.words)}</text>"
        )
    opacity = f";opacity:{ink.opacity:g}" if ink.opacity < 1 else ""
    if isinstance(shape, Dot):
        x, y = map(number, shape.center)
        r = number(shape.radius)
        return f'<circle cx="{x}" cy="{y}" r="{r}" style="fill:{color}{opacity}"/>'
    points = _points(shape.points)
    if isinstance(shape, Area):
        return f'<polygon points="{points}" style="fill:{color}{opacity}"/>'
    dash = f";stroke-dasharray:{' '.join(map(number, ink.dash))}" if ink.dash else ""
    return (
        f'<polyline points="{points}" style="fill:none;stroke:{color};'
        f'stroke-width:{number(ink.width)};stroke-linejoin:round{dash}{opacity}"/>'
    )


def _spots(spots: Sequence[Spot]) -> str:
    written = []
    for spot in spots:
        x, y, width, height = map(number, spot.box)
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in spot.data)
        written.append(
            f'<g class="aw-spot" role="button" tabindex="0"{data} '
            f'aria-label="{escape(spot.words)}"><title>{escape(spot.words)}</title>'
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>{_shape(spot.shape)}</g>'
        )
    return "".join(written)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)
