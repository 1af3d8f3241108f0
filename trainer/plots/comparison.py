"""AUCs side by side: scorers or methods, corruptions, experiments on data sets."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from trainer.plots.figures import Figure as Interval
from trainer.plots.figures import measured
from trainer.plots.style import (
    DASHES,
    INK,
    SIZE_PT,
    SOFT,
    add_legend,
    dress,
    new_figure,
    say_empty,
    shorten,
)

CHANCE = 0.5  # AUC of a scorer that knows nothing
SLATE = "#5B6B82"
MAP = colormaps["cividis"]  # told apart by the color-blind; Nuñez and others, PLOS ONE, 2018
MISSING = "#F2F2F2"


def auc_bars(
    figures: Mapping[str, Interval | float | None],
    *,
    colors: Mapping[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw AUCs as bars that start at chance, with their intervals.

    Args:
        figures: Name -> figure or bare AUC, the first one on top; NaN and None: an empty row.
        colors: Name -> its color; the others are slate.
        title: Above the plot.
    """
    figure = new_figure(3.8, 0.9 + 0.25 * max(len(figures), 2))
    axes, lowest = figure.subplots(), CHANCE
    for place, (name, raw) in enumerate(figures.items()):
        auc = measured(raw)
        color = (colors or {}).get(name, SLATE)
        if not auc.is_there:
            _write(axes, CHANCE, place, "not measured")
            continue
        axes.barh(
            place, auc.value - CHANCE, left=CHANCE, color=color, height=0.64, gid=name
        )  # fmt: skip
        if auc.arms:
            axes.errorbar(
                auc.value, place, xerr=[[arm] for arm in auc.arms], color=INK, linewidth=1,
                capsize=2, fmt="none",
            )  # fmt: skip
        lowest = min(lowest, auc.value, auc.low if auc.arms else auc.value)
        _write(axes, max(auc.value, auc.high if auc.arms else 0, CHANCE), place, f"{auc.value:.3f}")
    if not figures:
        say_empty(axes)
    axes.axvline(CHANCE, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(figures)), [shorten(name) for name in figures])
    axes.set_ylim(max(len(figures), 1) - 0.4, -0.6)
    axes.set_xlim(math.floor(lowest * 10) / 10, 1.12)
    axes.set_xticks([tick for tick in np.arange(0, 11) / 10 if tick >= axes.get_xlim()[0]])
    dress(axes, title=title, x="AUC, 0.5 is chance", grid="x")
    return figure


def _write(axes, x: float, y: float, words: str) -> None:
    axes.annotate(
        words, (x, y), xytext=(4, 0), textcoords="offset points", va="center",
        fontsize=SIZE_PT, color=INK,
    )  # fmt: skip


def robustness_curves(
    sweeps: Mapping[str, Sequence[Mapping]], *, clean: Interval | float | None = None
) -> Figure:
    """Draw the AUC at each level of each corruption, levels of one kind joined by a line.

    Args:
        sweeps: Corruption -> its levels in order, each with `level` (its name) and `auc`.
        clean: AUC on the same frames as they are; drawn as a line across.
    """
    count = sum(map(len, sweeps.values()))
    figure = new_figure(max(3.8, 1.2 + 0.31 * count + 0.16 * len(sweeps)), 3.6)
    axes, place, ticks, lows = figure.subplots(), 0.0, {}, [0.9]
    for kind, levels in sweeps.items():
        start, points = place, []
        for entry in levels:
            auc = measured(entry.get("auc"))
            ticks[place] = shorten(str(entry.get("level", "")), 12)
            if auc.is_there:
                points.append((place, auc.value))
                lows.append(auc.low if auc.arms else auc.value)
            if auc.arms:
                axes.errorbar(
                    place, auc.value, yerr=[[arm] for arm in auc.arms], color=SLATE, fmt="none",
                    capsize=2, linewidth=1,
                )  # fmt: skip
            place += 1
        if points:
            axes.plot(*zip(*points, strict=True), color=SLATE, marker="o", markersize=4,
                      linewidth=1.4, gid=kind)  # fmt: skip
        if levels:
            axes.text(
                (start + place - 1) / 2, 1.02, shorten(kind, 14).replace(" ", "\n", 1),
                transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=SIZE_PT,
                color=INK, fontweight="bold",
            )  # fmt: skip
            axes.axvline(place - 0.25, color=SOFT, linewidth=0.4, linestyle=DASHES[2])
            place += 0.5
    reference = measured(clean)
    if reference.is_there:
        axes.axhline(reference.value, color=INK, linewidth=1, linestyle=DASHES[1],
                     label=f"as they are: {reference.value:.3f}")  # fmt: skip
    if not any(line.get_gid() for line in axes.lines):
        say_empty(axes)
    slanted = max(map(len, ticks.values()), default=0) > 5
    axes.set_xticks(list(ticks), list(ticks.values()), rotation=45 if slanted else 0,
                    ha="right" if slanted else "center")  # fmt: skip
    axes.set_xlim(-0.6, max(place - 0.75, 0.6))
    axes.set_ylim(max(math.floor(min(lows) * 10) / 10, 0), 1.005)
    dress(axes, x="level of the corruption", y="AUC, 95 % interval", grid="y")
    add_legend(figure, loc="outside lower center")
    return figure


def heat_map(
    figures: Mapping[tuple[str, str], Interval | float | None],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    learned: Collection[tuple[str, str]] = (),
) -> Figure:
    """Draw the AUC of each experiment on each data set, the numbers written in.

    Args:
        figures: (row, column) -> AUC; what is missing or NaN is left gray.
        rows: Names of experiments.
        columns: Names of data sets.
        learned: Cells whose data set the experiment learned from: they have a frame.
    """
    wide = max([len(shorten(name, 26)) for name in rows] or [0]) * 0.065
    figure = new_figure(max(3.8, wide + 0.95 + 0.85 * len(columns)), 1.75 + 0.5 * len(rows))
    axes = figure.subplots()
    cells = {(r, c): measured(figures.get((r, c))) for r in rows for c in columns}
    values = np.array([[cells[r, c].value for c in columns] for r in rows], np.float64)
    values = values.reshape(len(rows), len(columns))
    colors = MAP.with_extremes(bad=MISSING)
    if not values.size:
        say_empty(axes)
        return figure
    image = axes.imshow(
        np.ma.masked_invalid(values), cmap=colors, vmin=CHANCE, vmax=1, aspect="auto"
    )  # fmt: skip
    for (row, column), cell in cells.items():
        x, y = list(columns).index(column), list(rows).index(row)
        words = f"{cell.value:.3f}" if cell.is_there else "–"
        if cell.arms:
            words += f"\n{cell.low:.2f}–{cell.high:.2f}"
        light = cell.is_there and _luminance(image.to_rgba(cell.value)) < 0.2
        axes.text(x, y, words, ha="center", va="center", fontsize=SIZE_PT, linespacing=1.15,
                  color="white" if light else INK, gid=f"{row}|{column}")  # fmt: skip
        if (row, column) in learned:
            axes.add_patch(Rectangle(
                (x - 0.46, y - 0.44), 0.92, 0.88, fill=False, linewidth=2,
                edgecolor="white" if light else INK,
            ))  # fmt: skip
    axes.set_xticks(range(len(columns)), [shorten(name, 18) for name in columns], rotation=30,
                    ha="right", rotation_mode="anchor")  # fmt: skip
    axes.set_yticks(range(len(rows)), [shorten(name, 26) for name in rows])
    dress(axes, x="tested on (outlined: learned from it)", y="experiment", grid="")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, ticks=[0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    bar.ax.tick_params(labelsize=SIZE_PT, colors=INK)
    bar.set_label("AUC", fontsize=SIZE_PT, color=INK)
    bar.outline.set_visible(False)
    return figure


def _luminance(color: Sequence[float]) -> float:
    """Relative luminance of an sRGB color of 0..1 (WCAG 2.2): 0 black, 1 white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
