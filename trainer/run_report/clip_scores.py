"""From what members said of crops to clips: scores, bands of curves, gains.

Shapes: C clips, F families, D draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from awarenet.scoring import Calibration
from trainer.evaluation.bootstrap import draw_people, paired_difference
from trainer.evaluation.metrics import Figure, Ranked
from trainer.evaluation.predictions import PLAIN_MEAN, TWO_TIERS, Predictions

DRAWS = 300  # of people, for the band of a ROC curve
ALONG = np.linspace(0, 1, 101)  # false-alarm rates at which the band is drawn
MOST = 20_000  # clips up to which a band is drawn: beyond, it is thinner than the line


@dataclass(frozen=True)
class ClipScores:
    """Clips of a data set, and what scorers say of them."""

    names: np.ndarray  # (C,) str, sorted
    labels: np.ndarray  # (C,) 0 real, 1 fake
    people: np.ndarray  # (C,) str, who is shown
    log_odds: dict[str, np.ndarray]  # scorer -> (C,)

    def calibrated(self, scale: float, offset: float) -> np.ndarray:
        """(C,) probabilities of both tiers as the detector gives them."""
        return Calibration(scale, offset).apply(self.log_odds[TWO_TIERS])

    @property
    def has_both(self) -> bool:
        """Whether there are real and fake clips."""
        return len(np.unique(self.labels)) == 2


def clip_scores(found: Predictions, weights: np.ndarray) -> ClipScores:
    """Judge clips by both tiers, by the plain mean of all members, and by each family alone.

    Args:
        found: Of one data set.
        weights: (F,) shares of tier 2.
    """
    clips, scores = found.clips(), found.scores(weights)
    wanted = (TWO_TIERS, PLAIN_MEAN, *found.families)
    return ClipScores(
        clips.name, clips.label, clips.identity, {n: found.by_clip(scores[n]) for n in wanted}
    )


def roc_band(
    labels: np.ndarray, scores: np.ndarray, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Draw people anew, and take the middle 95 % of the detection rates at each false-alarm rate.

    Args:
        labels: (C,) 0 and 1.
        scores: (C,) higher means fake.
        people: (C,) who is shown; whole people are drawn with replacement.

    Returns:
        False-alarm rates, lowest and highest detection rates, (101,) each; None where there are
        too many clips, one person, or one class.
    """
    if len(labels) > MOST or len(np.unique(labels)) < 2 or len(np.unique(people)) < 2:
        return None
    draws = draw_people(people, resamples=DRAWS)
    weights = draws.times[:, draws.owner].astype(np.float64)  # (D, C)
    fakes = weights @ labels
    usable = (fakes > 0) & (weights.sum(axis=1) > fakes)
    if not usable.any():
        return None
    found = Ranked(labels, scores).weigh(weights[usable])
    curves = [
        np.interp(ALONG, alarms / alarms[-1], hits / hits[-1])
        for alarms, hits in zip(found.alarms, found.hits, strict=True)
    ]
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    return ALONG, low, high


def gain(one: ClipScores, other: ClipScores, *, resamples: int) -> Figure | None:
    """Measure by how much the AUC of `one`'s two tiers is above `other`'s on the same clips.

    Returns:
        The difference with its interval over people; None where these are other clips, or of one
        class only.
    """
    if not np.array_equal(one.names, other.names) or not one.has_both:
        return None
    ranked = [Ranked(one.labels, scores.log_odds[TWO_TIERS]) for scores in (one, other)]
    return paired_difference(*ranked, draw_people(one.people, resamples=resamples))
