"""Figures with intervals; the bootstrap draws people, as frames of one are no new evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from awarenet.errors import AwareNetError

Figure = dict[str, float | int]


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve of (N,) scores, higher meaning fake, against (N,) labels 0 and 1.

    Raises:
        AwareNetError: Only one class is there.
    """
    if len(np.unique(labels)) < 2:
        raise AwareNetError("an AUC needs real and fake faces; one of them is missing")
    return float(roc_auc_score(labels, scores))


def with_interval(
    figure: Callable[[np.ndarray], float],
    people: Sequence[str],
    *,
    resamples: int,
    seed: int = 0,
    confidence: float = 0.95,
) -> Figure:
    """Measure a figure and how much it depends on who was in the test.

    Args:
        figure: Takes (M,) int64 positions, some of them repeated; may raise AwareNetError where
            it has no value (then that draw is passed over).
        people: (N,) whose face each position shows; whole people are drawn with replacement.
        resamples: Draws.
        seed: Of the draws.
        confidence: Of the percentile interval.

    Returns:
        value, low, high, people (their number) and count (of positions).
    """
    names, owner = np.unique(np.asarray(people), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    blocks = np.split(order, np.cumsum(np.bincount(owner))[:-1])
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([blocks[i] for i in rng.integers(len(names), size=len(names))])
        try:
            values.append(figure(drawn))
        except AwareNetError:
            continue
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    value = figure(np.arange(len(owner)))
    low, high = np.quantile(values, tails) if values else (value, value)
    return {
        "value": round(value, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "people": len(names),
        "count": len(owner),
    }


def auc_with_interval(
    labels: np.ndarray, scores: np.ndarray, people: Sequence[str], *, resamples: int
) -> Figure:
    """AUC with its 95 % interval over people."""
    return with_interval(lambda at: auc(labels[at], scores[at]), people, resamples=resamples)


def rate_with_interval(hits: np.ndarray, people: Sequence[str], *, resamples: int) -> Figure:
    """Share of true entries of (N,) bool, with its 95 % interval over people."""
    return with_interval(lambda at: float(hits[at].mean()), people, resamples=resamples)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities of any shape, kept 1e-6 from 0 and 1."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.log(clipped) - np.log1p(-clipped)
