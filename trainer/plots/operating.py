"""What a scorer does at every threshold: ROC and precision against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from trainer.plots.style import (
    DASHES,
    SOFT,
    add_legend,
    dress,
    new_figure,
    say_empty,
    scorer_look,
    shorten,
)

POINTS = 400  # of a curve at most: more cannot be seen, and a page of them grows heavy

Scores = Mapping[str, np.ndarray]  # scorer -> (N,) float, higher means fake; NaN: no answer
Bands = Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]  # scorer -> x, low, high


def roc_curves(
    labels: np.ndarray, scores: Scores, families: Sequence[str], *, bands: Bands | None = None
) -> Figure:
    """Draw detections against false alarms, one curve a scorer.

    Args:
        labels: (N,) 0 real, 1 fake.
        scores: Scorers by name, in the order of the legend.
        families: All families of the ensemble, in its order.
        bands: Intervals of some curves: false-alarm rates, lowest and highest detection rate.
    """
    figure = new_figure(3.8, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=DASHES[2], gid="chance")
    answered = _answered(labels, scores)
    for name, (known, values) in answered.items():
        false_alarms, detections, _ = roc_curve(known, values)
        at = _thinned(false_alarms + detections)
        label = f"{shorten(name)} ({roc_auc_score(known, values):.3f})"
        _curve(axes, name, false_alarms[at], detections[at], label, families, bands)
    if not answered:
        say_empty(axes, "needs real and fake ones")
    _dress_rates(
        axes, "ROC", "genuine ones flagged (false-alarm rate)", "fakes flagged (detection rate)"
    )
    add_legend(figure, loc="outside lower center", ncols=2, title="scorer (AUC)", title_fontsize=8)
    return figure


def precision_recall_curves(
    labels: np.ndarray, scores: Scores, families: Sequence[str], *, bands: Bands | None = None
) -> Figure:
    """Draw precision against recall; the line is what calling everything fake would score.

    Args:
        labels: (N,) 0 real, 1 fake.
        scores: Scorers by name, in the order of the legend.
        families: All families of the ensemble, in its order.
        bands: Intervals of some curves: recalls, lowest and highest precision.
    """
    figure = new_figure(3.8, 4.4)
    axes = figure.subplots()
    answered = _answered(labels, scores)
    for name, (known, values) in answered.items():
        precision, recall, _ = precision_recall_curve(known, values)
        at = _thinned(recall[::-1])
        label = f"{shorten(name)} ({average_precision_score(known, values):.3f})"
        _curve(axes, name, recall[::-1][at], precision[::-1][at], label, families, bands)
    if len(labels):
        share = float(np.mean(labels))
        axes.axhline(
            share, color=SOFT, linewidth=1, linestyle=DASHES[2], gid="all fake",
            label=f"all fake ({share:.3f})",
        )  # fmt: skip
    if not answered:
        say_empty(axes, "needs real and fake ones")
    _dress_rates(
        axes, "Precision and recall", "fakes flagged (recall)", "fakes among flagged (precision)"
    )
    add_legend(
        figure, loc="outside lower center", ncols=2, title="scorer (average precision)",
        title_fontsize=8,
    )  # fmt: skip
    return figure


def _answered(labels: np.ndarray, scores: Scores) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Labels and scores of each scorer where it has one, if both classes are left."""
    kept = {}
    for name, values in scores.items():
        at = np.isfinite(values)
        if len(np.unique(labels[at])) == 2:
            kept[name] = (labels[at], np.asarray(values)[at])
    return kept


def _thinned(position: np.ndarray) -> np.ndarray:
    """Positions of at most POINTS points of a curve, even along its rising (M,) `position`."""
    if len(position) <= POINTS:
        return np.arange(len(position))
    even = np.linspace(position[0], position[-1], POINTS)
    at = np.searchsorted(position, even).clip(0, len(position) - 1)
    return np.unique(np.r_[0, at, len(position) - 1])


def _curve(axes: Axes, name: str, x, y, label: str, families: Sequence[str], bands) -> None:
    """Draw one scorer's curve, and the band of its interval where there is one."""
    look = scorer_look(name, families)
    axes.plot(
        x, y, color=look.color, linestyle=look.dashes, linewidth=look.width, label=label,
        marker=look.marker or None, markersize=3.5, markevery=(0.11, 0.22), gid=name,
        zorder=4 if not look.marker else 3,
    )  # fmt: skip
    if bands and name in bands:
        along, low, high = bands[name]
        axes.fill_between(along, low, high, color=look.color, alpha=0.14, linewidth=0)


def _dress_rates(axes: Axes, title: str, x: str, y: str) -> None:
    """Finish a plot of two rates."""
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    dress(axes, title=title, x=x, y=y)
