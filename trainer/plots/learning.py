"""Learning curves of all members of an experiment, and what tier 2 made of their families."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trainer.plots.figures import number
from trainer.plots.style import (
    DASHES,
    INK,
    SIZE_PT,
    SOFT,
    add_legend,
    dress,
    family_colors,
    new_figure,
    say_empty,
    scorer_look,
    shorten,
)

PANELS = (  # key of a record, title, label with unit
    ("loss", "Training loss", "mean since the last check, nats"),
    ("validation_loss", "Validation loss", "nats"),
    ("validation_auc", "Validation AUC", "AUC, 0.5 is chance"),
    ("learning_rate", "Learning rate", "a step"),
)


def learning_curves(
    records: Mapping[tuple[str, int], Sequence[Mapping]], families: Sequence[str]
) -> Figure:
    """Draw loss, validation loss, validation AUC and learning rate over steps.

    Args:
        records: Family and number of a member -> its lines of log.jsonl, in order; what a line
            lacks is left out.
        families: All families of the ensemble, in its order: it decides their colors.

    Returns:
        Four panels; color and marker stand for the family, the kind of line for the member.
    """
    figure = new_figure(7.6, 5.6)
    for axes, (key, title, label) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        _panel(axes, key, records, families)
        dress(axes, title=title, x="step of the optimizer", y=label)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.yaxis.get_offset_text().set(fontsize=SIZE_PT, color=INK)
    looks = [scorer_look(family, families) for family in families]
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, markersize=4, label=shorten(family))
        for family, look in zip(families, looks, strict=True)
    ]
    numbers = sorted({index for _, index in records})
    if len(numbers) > 1:
        handles += [
            Line2D([], [], color=SOFT, linestyle=DASHES[i % len(DASHES)], label=f"member {i}")
            for i in numbers
        ]
    add_legend(figure, handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure


def _panel(
    axes: Axes, key: str, records: Mapping[tuple[str, int], Sequence[Mapping]], families
) -> None:
    """Draw one quantity of every member that has it."""
    empty = True
    for (family, index), lines in records.items():
        points = [(number(line.get("step")), number(line.get(key))) for line in lines]
        points = [point for point in points if all(map(math.isfinite, point))]
        if not points:
            continue
        empty = False
        look = scorer_look(f"{family}-{index}", families)
        steps, values = zip(*points, strict=True)
        axes.plot(
            steps, values, color=look.color, linestyle=look.dashes, linewidth=look.width,
            marker=look.marker, markersize=3, markevery=max(len(points) // 8, 1),
            gid=f"{family}-{index}",
        )  # fmt: skip
    if empty:
        say_empty(axes)


def family_weights(weights: Mapping[str, float], families: Sequence[str]) -> Figure:
    """Draw each family's share of the vote beside the equal share that the plain mean gives it.

    Args:
        weights: Family -> its share; they sum to 1. A family that is not there has an empty row.
        families: All families, in their order, the first one on top.
    """
    figure = new_figure(3.8, 0.9 + 0.26 * max(len(families), 2))
    axes, colors = figure.subplots(), family_colors(families)
    shares = [number(weights.get(family)) for family in families]
    equal = 1 / max(len(families), 1)
    drawn = [share if math.isfinite(share) else 0.0 for share in shares]
    axes.barh(range(len(families)), drawn, color=[colors[f] for f in families], height=0.66)
    for place, share in enumerate(shares):
        words = f"{share:.3f}" if math.isfinite(share) else "not fitted"
        axes.annotate(
            words, (drawn[place], place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SIZE_PT, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.axvline(equal, color=INK, linestyle=DASHES[1], linewidth=1, label="plain mean")
    axes.set_yticks(range(len(families)), [shorten(family) for family in families])
    axes.set_xlim(0, min(max([equal, *drawn]) * 1.3, 1.15))
    axes.set_ylim(len(families) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5, prune="upper"))
    dress(axes, title="Tier 2", x="share of the vote", grid="x")
    add_legend(figure, loc="outside upper right")
    return figure
