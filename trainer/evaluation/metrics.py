"""Figures of a detector, all of them of weighted samples: a weight says how often one counts.

The bootstrap weighs the same samples anew a thousand times, so they are sorted once (`Ranked`)
and a figure is a function of what follows from that order and the weights (`Weighed`).

Shapes: N samples (crops or clips), D weighings at once, M distinct scores. Labels: 0 real, 1 fake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.special import expit

from awarenet.errors import AwareNetError
from awarenet.odds import CLIP

Figure = dict[str, float | int]  # value, low, high, people, count; see `bootstrap`

BINS = 15  # of the calibration error, as in Guo et al., 2017
ROUNDING = 1e-9  # by which probabilities computed from scores may be out of order


class Ranked:
    """Labels and scores of N samples, from the most suspicious to the least."""

    def __init__(
        self,
        labels: np.ndarray,
        scores: np.ndarray,
        probabilities: np.ndarray | None = None,
        *,
        threshold: float = 0.5,
    ):
        """Sort once.

        Args:
            labels: (N,) 0 and 1, both of them there.
            scores: (N,) finite, higher meaning fake.
            probabilities: (N,) P(fake) in 0..1 that never fall where the scores rise. None: the
                scores are log-odds.
            threshold: A probability that reaches it is flagged as fake.

        Raises:
            AwareNetError: One class only.
            ValueError: Shapes that do not fit, other labels, scores that are not finite, or
                probabilities in another order than the scores.
        """
        labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
        if labels.ndim != 1 or labels.shape != scores.shape:
            raise ValueError(f"labels {labels.shape}, scores {scores.shape}; expected (N,) twice")
        if not np.isin(labels, (0, 1)).all() or not np.isfinite(scores).all():
            raise ValueError("expected labels of 0 (real) and 1 (fake), and finite scores")
        if len(np.unique(labels)) < 2:
            raise AwareNetError(
                "a figure needs real and fake faces; one of them is missing, look at the split"
            )
        self.order = np.argsort(-scores, kind="stable")  # (N,) positions as they were given
        self.fake = labels[self.order].astype(np.float64)  # (N,)
        falling = scores[self.order]
        differ = falling[1:] != falling[:-1]
        changes = np.flatnonzero(differ) + 1
        # (M + 1,) how many samples each distinct score, taken as the threshold, flags; first none
        self.cuts = np.concatenate([[0], changes, [len(falling)]])
        raw = expit(scores) if probabilities is None else np.asarray(probabilities, np.float64)
        falling_too = raw[self.order]
        steps = np.diff(falling_too)
        if (steps > ROUNDING).any() or (np.abs(steps[~differ]) > ROUNDING).any():
            raise ValueError("probabilities in another order than the scores")
        self.probabilities = np.minimum.accumulate(falling_too)  # (N,) falling
        flagged = np.count_nonzero(self.probabilities >= threshold)
        self.at_threshold = int(np.searchsorted(self.cuts, flagged))  # position in `cuts`

    def __len__(self) -> int:
        return len(self.fake)

    def weigh(self, weights: np.ndarray | None = None) -> Weighed:
        """Weigh the samples: (D, N) of 0 or more, in the order they were given; None: all alike.

        Raises:
            AwareNetError: A class has no weight in one of the weighings.
        """
        if weights is None:
            weights = np.ones((1, len(self)))
        weights = np.asarray(weights, np.float64)[:, self.order]
        fakes = weights @ self.fake
        if not ((fakes > 0) & (weights.sum(axis=1) > fakes)).all():
            raise AwareNetError("a draw holds real or fake faces only; expected both")
        return Weighed(self, weights)


@dataclass(frozen=True)
class Weighed:
    """Samples in their order, D weighings of them, and what figures are made of."""

    ranked: Ranked
    weights: np.ndarray  # (D, N) in the order of `ranked.fake`

    @cached_property
    def hits(self) -> np.ndarray:
        """(D, M + 1) weight of the fakes that each cut flags; rises from 0 to all."""
        return self._sums(self.weights * self.ranked.fake)

    @cached_property
    def alarms(self) -> np.ndarray:
        """(D, M + 1) weight of the genuine ones that each cut flags."""
        return self._sums(self.weights) - self.hits

    @cached_property
    def confusion(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(D,) each, at the threshold: fakes flagged, fakes, genuine ones flagged, genuine ones."""
        at = self.ranked.at_threshold
        return self.hits[:, at], self.hits[:, -1], self.alarms[:, at], self.alarms[:, -1]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(D,) weighted mean of (N,) values in the order of `ranked.fake`."""
        return self.weights @ values / self.weights.sum(axis=1)

    def _sums(self, weights: np.ndarray) -> np.ndarray:
        cuts = self.ranked.cuts
        sums = np.zeros((len(weights), weights.shape[1] + 1))
        np.cumsum(weights, axis=1, out=sums[:, 1:])
        return sums if len(cuts) == sums.shape[1] else sums[:, cuts]


def area(found: Weighed) -> np.ndarray:
    """(D,) AUC: the area under straight lines between the points of the ROC curve."""
    heights = found.hits[:, 1:] + found.hits[:, :-1]
    twice = np.einsum("dm,dm->d", heights, np.diff(found.alarms, axis=1))
    return twice / (2 * found.hits[:, -1] * found.alarms[:, -1])


def average_precision(found: Weighed) -> np.ndarray:
    """(D,) AP: precision at each cut, weighed by the recall gained there; not interpolated."""
    hits, flagged = found.hits[:, 1:], found.hits[:, 1:] + found.alarms[:, 1:]
    precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
    return np.einsum("dm,dm->d", precision, np.diff(found.hits, axis=1)) / found.hits[:, -1]


def equal_error_rate(found: Weighed) -> np.ndarray:
    """(D,) EER: where false alarms are as frequent as misses, both as shares of their class.

    Between two points of the ROC curve the point is taken from the straight line through them, as
    though one could flip a coin between two thresholds.
    """
    alarms = found.alarms / found.alarms[:, -1:]
    gap = alarms + found.hits / found.hits[:, -1:] - 1  # false alarms less misses: -1 rises to 1
    after = np.argmax(gap >= 0, axis=1)[:, None]
    (low, high), (start, end) = (
        (np.take_along_axis(curve, after - 1, 1), np.take_along_axis(curve, after, 1))
        for curve in (gap, alarms)
    )
    return (start + (end - start) * -low / (high - low))[:, 0]


def detection_at(found: Weighed, *, false_alarms: float) -> np.ndarray:
    """(D,) share of fakes flagged at the lowest threshold that flags few enough genuine ones.

    No interpolation: the threshold is one that can be set, with a false-alarm rate of
    `false_alarms` or less. Fewer genuine ones than 1 / `false_alarms` mean none may be flagged.
    """
    allowed = found.alarms <= false_alarms * found.alarms[:, -1:] + 1e-9
    last = allowed.sum(axis=1, keepdims=True) - 1
    return np.take_along_axis(found.hits, last, 1)[:, 0] / found.hits[:, -1]


def accuracy(found: Weighed) -> np.ndarray:
    """(D,) share of right answers at the threshold."""
    hits, fakes, alarms, genuine = found.confusion
    return (hits + genuine - alarms) / (fakes + genuine)


def balanced_accuracy(found: Weighed) -> np.ndarray:
    """(D,) mean of the shares of right answers in each class, at the threshold."""
    return (sensitivity(found) + specificity(found)) / 2


def sensitivity(found: Weighed) -> np.ndarray:
    """(D,) share of fakes that are flagged at the threshold: the true-positive rate, or recall."""
    hits, fakes, _, _ = found.confusion
    return hits / fakes


def specificity(found: Weighed) -> np.ndarray:
    """(D,) share of genuine ones that are not flagged at the threshold: 1 less false alarms."""
    _, _, alarms, genuine = found.confusion
    return 1 - alarms / genuine


def f1(found: Weighed) -> np.ndarray:
    """(D,) harmonic mean of precision and recall of fakes, at the threshold; 0: none was found."""
    hits, fakes, alarms, _ = found.confusion
    return 2 * hits / (fakes + hits + alarms)


def all_fake_f1(found: Weighed) -> np.ndarray:
    """(D,) F1 of answering "fake" whatever is shown; an F1 says nothing unless it beats this."""
    _, fakes, _, genuine = found.confusion
    return 2 * fakes / (2 * fakes + genuine)


def log_loss(found: Weighed) -> np.ndarray:
    """(D,) mean negative log-likelihood, nats, of probabilities kept `CLIP` from 0 and 1."""
    kept = np.clip(found.ranked.probabilities, CLIP, 1 - CLIP)
    return -found.mean(np.where(found.ranked.fake > 0, np.log(kept), np.log1p(-kept)))


def brier(found: Weighed) -> np.ndarray:
    """(D,) mean squared distance of the probability from the label."""
    return found.mean((found.ranked.fake - found.ranked.probabilities) ** 2)


def calibration_error(found: Weighed) -> np.ndarray:
    """(D,) ECE: how far the share of fakes lies from the mean probability, bin by bin.

    Guo et al., On calibration of modern neural networks, 2017, equation 3
    (https://arxiv.org/abs/1706.04599), with P(fake) in place of the confidence of the answer: 15
    bins of equal width, each open below and closed above.
    """
    kinds = bins_of(found.ranked.probabilities)
    starts = np.flatnonzero(np.diff(kinds, prepend=-1))  # sorted, so each bin is one stretch
    off = found.weights * (found.ranked.fake - found.ranked.probabilities)
    return np.abs(np.add.reduceat(off, starts, axis=1)).sum(axis=1) / found.weights.sum(axis=1)


FIGURES: dict[str, Callable[[Weighed], np.ndarray]] = {
    "auc": area,
    "ap": average_precision,
    "eer": equal_error_rate,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "f1": f1,
    "all_fake_f1": all_fake_f1,
    "log_loss": log_loss,
    "brier": brier,
    "ece": calibration_error,
    "tpr_at_fpr_1": partial(detection_at, false_alarms=0.01),
    "tpr_at_fpr_5": partial(detection_at, false_alarms=0.05),
}


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float = 0.5,
    weights: np.ndarray | None = None,
    names: Sequence[str] = tuple(FIGURES),
) -> dict[str, float]:
    """Figures of (N,) probabilities of fake, without intervals.

    Raises:
        AwareNetError: One class only.
        ValueError: As `Ranked`.
    """
    found = Ranked(labels, probabilities, probabilities, threshold=threshold).weigh(
        None if weights is None else np.asarray(weights)[None]
    )
    return {name: float(FIGURES[name](found)[0]) for name in names}


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve of (N,) scores, higher meaning fake, against (N,) labels 0 and 1.

    Raises:
        AwareNetError: Only one class is there.
    """
    return float(area(Ranked(labels, scores).weigh())[0])


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """Number, 0..BINS - 1, of the bin that each probability lies in: above i / BINS."""
    return np.digitize(probabilities, np.arange(1, BINS) / BINS, right=True)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities of any shape, kept 1e-6 from 0 and 1."""
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)
