"""Plots: pure functions from data to a `matplotlib.figure.Figure`, on white, at 8 pt."""

from trainer.plots.comparison import auc_bars, heat_map, robustness_curves
from trainer.plots.decisions import (
    confusion_counts,
    confusion_matrix,
    reliability,
    score_distributions,
)
from trainer.plots.forest import difference_forest
from trainer.plots.learning import family_weights, learning_curves
from trainer.plots.operating import precision_recall_curves, roc_curves
from trainer.plots.style import FAKE, REAL, family_colors, scorer_look

__all__ = [
    "FAKE",
    "REAL",
    "auc_bars",
    "confusion_counts",
    "confusion_matrix",
    "difference_forest",
    "family_colors",
    "family_weights",
    "heat_map",
    "learning_curves",
    "precision_recall_curves",
    "reliability",
    "robustness_curves",
    "roc_curves",
    "score_distributions",
    "scorer_look",
]
