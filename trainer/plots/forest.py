"""By how much each scorer is above or below a reference: a forest plot.

After Lewis and Clarke, Forest plots: trying to see the wood and the trees, BMJ 2001,
https://doi.org/10.1136/bmj.322.7300.1479: a mark and its interval a row, a line at no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trainer.plots.figures import Figure as Interval
from trainer.plots.figures import measured
from trainer.plots.style import (
    INK,
    SIZE_PT,
    SOFT,
    add_legend,
    dress,
    new_figure,
    scorer_look,
    shorten,
)

LEAST = 0.01  # half the width of the axis at least: a thousandth is not made to look like much
ROOM = 0.05  # on both sides of what is drawn, as a share of it
TOGETHER, ALONE = "D", "o"  # marks of ensembles, and of families and members


def difference_forest(
    differences: Mapping[str, Interval | float | None],
    families: Sequence[str],
    *,
    reference: str,
    figure_name: str = "AUC",
) -> Figure:
    """Draw differences with their intervals, one row a scorer.

    A mark is filled where the whole interval lies on one side of 0, and hollow where it does not,
    or where there is none.

    Args:
        differences: Scorer -> its figure less the reference's, the first one on top; NaN and
            None: a row that says so.
        families: All families of the ensemble, in its order: it decides their colors.
        reference: The scorer that all are held against.
        figure_name: What differs.
    """
    figure = new_figure(4.3, 1.5 + 0.23 * max(len(differences), 2))
    axes, ends = figure.subplots(), [-LEAST, LEAST]
    for place, (name, raw) in enumerate(differences.items()):
        found, look = measured(raw), scorer_look(name, families)
        if found.is_there:
            decided = bool(found.arms) and (found.low > 0 or found.high < 0)
            axes.errorbar(
                found.value, place, xerr=[[arm] for arm in found.arms] if found.arms else None,
                color=look.color, marker=ALONE if look.marker else TOGETHER, markersize=5,
                markerfacecolor=look.color if decided else "white", linewidth=1.3, capsize=2,
                label=name,
            )  # fmt: skip
            ends += [found.value, *((found.low, found.high) if found.arms else ())]
        words = f"{found.value:+.3f}" if found.is_there else "not measured"
        axes.annotate(
            words, (1, place), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=SIZE_PT, color=INK, gid=name,
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1, gid="none")
    axes.set_yticks(range(len(differences)), [shorten(name) for name in differences])
    axes.set_ylim(max(len(differences), 1) - 0.4, -0.6)
    room = ROOM * (max(ends) - min(ends))
    axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    dress(axes, x=f"{figure_name} less that of {shorten(reference)}", grid="x")
    handles = [
        Line2D([], [], color=SOFT, marker=mark, linestyle="", markersize=5, label=label,
               markerfacecolor=face)
        for mark, face, label in (
            (TOGETHER, SOFT, "an ensemble"), (ALONE, SOFT, "a family or member"),
            ("s", "white", "hollow: interval holds 0"),
        )
    ]  # fmt: skip
    add_legend(
        figure, handles=handles, loc="outside lower center", ncols=3, handletextpad=0.2,
        columnspacing=0.9,
    )  # fmt: skip
    return figure
