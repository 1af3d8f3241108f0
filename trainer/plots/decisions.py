"""What is decided at one threshold, and whether the probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from trainer.plots.figures import number
from trainer.plots.style import (
    DASHES,
    FAKE,
    INK,
    MARKERS,
    REAL,
    SIZE_PT,
    SOFT,
    add_legend,
    dress,
    new_figure,
    say_empty,
    shorten,
)

SHADES = LinearSegmentedColormap.from_list("slate", ["#FFFFFF", "#3B4A5F"])
GRAYS = ("#8C8C8C", INK, "#4F6D9A", "#B3B3B3")  # of kinds of probability: no family's color
BINS = 20  # of a histogram of probabilities


def confusion_matrix(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> Figure:
    """Draw how many real and fake ones were called what, as counts and shares of each row.

    Args:
        labels: (N,) 0 real, 1 fake.
        probabilities: (N,) P(fake); flagged from the threshold up; NaN, which is no answer, is
            left out and counted in the title.
        threshold: 0..1.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    answered = np.isfinite(probabilities)
    flagged = probabilities[answered] >= threshold
    counts = np.array(
        [[np.sum((labels[answered] == row) & (flagged == bool(column))) for column in (0, 1)]
         for row in (0, 1)]
    )  # fmt: skip
    unanswered = int((~answered).sum())
    title = f"Threshold {threshold:.3f}" + (f", {unanswered} unanswered" if unanswered else "")
    return confusion_counts(counts, title=title)


def confusion_counts(counts: np.ndarray, *, title: str = "") -> Figure:
    """Draw how many were called what, as counts and shares of each row.

    Args:
        counts: (2, 2) integers, rows real and fake, columns not flagged and flagged.
        title: Above it.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full((2, 2), np.nan), where=totals > 0)
    figure = new_figure(3.8, 3.2)
    axes = figure.subplots()
    axes.imshow(np.nan_to_num(shares), cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for row in (0, 1):
        for column in (0, 1):
            share = shares[row, column]
            words = "none" if np.isnan(share) else f"{counts[row, column]:,}\n{share:.1%}"
            axes.text(
                column, row, words, ha="center", va="center", fontsize=SIZE_PT + 3,
                color="white" if share > 0.55 else INK, gid=f"{row}{column}",
            )  # fmt: skip
    axes.set_xticks([0, 1], ["not flagged", "flagged"])
    axes.set_yticks([0, 1], ["real", "fake"])
    dress(axes, title=title, x="what was said", y="what it is", grid="")
    axes.spines[:].set(visible=True, color=SOFT)
    axes.axhline(0.5, color=SOFT, linewidth=0.8)
    axes.axvline(0.5, color=SOFT, linewidth=0.8)
    axes.tick_params(length=0)
    for color, label in zip((REAL, FAKE), axes.get_yticklabels(), strict=True):
        label.set(color=color, fontweight="bold")
    return figure


def score_distributions(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float | None = None
) -> Figure:
    """Draw how the probabilities of real and of fake ones spread, each summing to 1.

    Args:
        labels: (N,) 0 real, 1 fake.
        probabilities: (N,) P(fake), 0..1; NaN is left out.
        threshold: 0..1; drawn if given.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    figure = new_figure(3.8, 3.2)
    axes = figure.subplots()
    edges = np.linspace(0, 1, BINS + 1)
    for label, name, color, hatch in ((0, "real", REAL, ""), (1, "fake", FAKE, "///")):
        values = probabilities[(labels == label) & np.isfinite(probabilities)]
        if not len(values):
            continue
        share = np.histogram(values, edges)[0] / len(values)
        axes.stairs(share, edges, fill=True, color=color, alpha=0.2)
        axes.stairs(
            share, edges, color=color, linewidth=1.3, hatch=hatch,
            label=f"{name} ({len(values):,})", gid=name,
        )  # fmt: skip
    if not axes.patches:
        say_empty(axes)
    if threshold is not None:
        axes.axvline(
            threshold, color=INK, linewidth=1.2, linestyle=DASHES[1],
            label=f"threshold {threshold:.3f}",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    dress(axes, title="Scores", x="probability of fake", y="share of its label", grid="y")
    add_legend(figure, loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.6)
    return figure


def reliability(bins: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Draw the share of fakes against the probability that was said, and how many stand behind it.

    Args:
        bins: Name of the probabilities, as "before" and "after" calibration -> rows with low and
            high (edges), mean_probability, share_fake and count; empty bins are left out.
    """
    figure = new_figure(3.8, 4.3)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=DASHES[2], gid="perfect")
    for place, (name, rows) in enumerate(bins.items()):
        rows = [row for row in rows if number(row.get("count")) > 0]
        color = GRAYS[place % len(GRAYS)]
        axes.plot(
            [number(row["mean_probability"]) for row in rows],
            [number(row["share_fake"]) for row in rows],
            color=color, marker=MARKERS[place % len(MARKERS)], markersize=4, linewidth=1.2,
            linestyle=DASHES[place % len(DASHES)], label=shorten(name), gid=name,
        )  # fmt: skip
        width = 0.8 / len(bins)  # of a bin, so that the bars of several names stand side by side
        span = [number(row["high"]) - number(row["low"]) for row in rows]
        below.bar(
            [number(row["low"]) + (0.1 + place * width) * s
             for row, s in zip(rows, span, strict=True)],
            [row["count"] for row in rows], [width * s for s in span], align="edge", color=color,
        )  # fmt: skip
    if not any(len(line.get_xdata()) for line in axes.lines[1:]):
        say_empty(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    below.set_ylim(bottom=0)
    dress(axes, title="Reliability", y="share that is fake")
    dress(below, x="probability of fake that was said", y="count", grid="y")
    figure.align_ylabels()
    add_legend(figure, loc="outside lower center", ncols=4)
    return figure
