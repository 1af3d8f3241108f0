"""Colors, type and paper of every plot; nothing here keeps state, and pyplot is never imported.

Colors are told apart by the color-blind: Okabe and Ito, Color Universal Design, 2008,
https://jfly.uni-koeln.de/color/, and past the six families that it has room for, Tol's muted
scheme, https://personal.sron.nl/~pault/. Real and fake keep two of them to themselves. From one
plot to the next a family has the same color and marker, a member the same kind of line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from trainer.ensembles import PLAIN_MEAN, TWO_TIERS

REAL, FAKE = "#0072B2", "#D55E00"  # blue and vermilion
INK, SOFT, FAINT = "#1A1A1A", "#595959", "#D9D9D9"  # on white 17:1, 7:1, 1.4:1
FAMILIES = (
    "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#332288", "#999933",
    "#882255", "#44AA99", "#661100", "#AA4499", "#6699CC", "#B8A13C",
)  # fmt: skip
MARKERS = "osD^vPX<>phd"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (5, 2, 1, 2)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
SIZE_PT = 8.0


class Look(NamedTuple):
    """How a scorer is drawn."""

    color: str
    marker: str
    dashes: str | tuple
    width: float  # pt


def family_colors(families: Sequence[str]) -> dict[str, str]:
    """Give each family its color: the same list of families, the same colors in every plot."""
    return {name: FAMILIES[i % len(FAMILIES)] for i, name in enumerate(families)}


def scorer_look(scorer: str, families: Sequence[str]) -> Look:
    """Say how a scorer is drawn: an ensemble has no marker, a family or a member `family-i` has."""
    if scorer == TWO_TIERS:
        return Look(INK, "", "-", 1.8)
    if scorer == PLAIN_MEAN:
        return Look(SOFT, "", DASHES[1], 1.4)
    family, _, index = scorer.rpartition("-")
    if scorer in families:
        family, index = scorer, "0"
    if family not in families or not index.isdigit():
        return Look(INK, "", DASHES[3], 1.5)  # an ensemble by another combiner
    place = list(families).index(family)
    color = FAMILIES[place % len(FAMILIES)]
    return Look(color, MARKERS[place % len(MARKERS)], DASHES[int(index) % len(DASHES)], 1.2)


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure on white with its own Agg canvas; width and height in inches.

    At 96 px an inch, 3.8 inches are as wide as a phone: text of 8 pt stays text of 8 pt there.
    """
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.07)  # inches, around and between
    return figure


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: str = "both") -> None:
    """Set the words of a plot, its type, and a grid that stays behind the data.

    Args:
        axes: What is dressed; call it once everything is drawn.
        title: Above it.
        x: Label of the horizontal axis, with its unit.
        y: Label of the vertical axis, with its unit.
        grid: both, x, y, or "" for none.
    """
    axes.set_title(title, fontsize=SIZE_PT + 1, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x, fontsize=SIZE_PT, color=INK)
    axes.set_ylabel(y, fontsize=SIZE_PT, color=INK)
    axes.tick_params(labelsize=SIZE_PT, colors=INK, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, axis=grid, color=FAINT, linewidth=0.6)


def add_legend(axes: Axes | Figure, **options: object) -> Legend | None:
    """Add a legend in the type of the plots, if anything there has a label."""
    parts = axes.axes if isinstance(axes, Figure) else [axes]
    labels = any(part.get_legend_handles_labels()[0] for part in parts)
    if not (options.get("handles") or labels):
        return None
    chosen = {"fontsize": SIZE_PT, "frameon": False, "labelcolor": INK, **options}
    return axes.legend(**chosen)


def say_empty(axes: Axes, words: str = "no data") -> None:
    """Write in the middle of a plot that there is nothing to show."""
    axes.text(
        0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center",
        fontsize=SIZE_PT, color=SOFT, bbox={"facecolor": "white", "edgecolor": "none"},
    )  # fmt: skip


def shorten(name: str, length: int = 22) -> str:
    """Cut the middle out of a long name, so that it leaves room for the plot, and keep it one line.

    Both ends stay: names that are alike differ at the end as often as at the start.
    """
    name = " ".join(name.split())
    if len(name) > length:
        tail = (length - 1) // 2
        name = f"{name[: length - 1 - tail]}…{name[-tail:]}"
    return name.replace("$", r"\$")  # else matplotlib reads a formula between two of them
