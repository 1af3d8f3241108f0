"""From what members said of crops to clips: scores, bands of curves, gains.

Shapes: C clips, F families, D draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from awarenet.scoring import Calibration
from trainer.ensembles import PLAIN_MEAN, TWO_TIERS
from trainer.ensembles.scorers import Scorer, judges, parts, two_tiers
from trainer.evaluation.bootstrap import draw_people, paired_difference
from trainer.evaluation.metrics import Figure, Ranked
from trainer.evaluation.predictions import Predictions

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
    ships: str = TWO_TIERS  # scorer that the bundle holds

    @property
    def shipped(self) -> np.ndarray:
        """(C,) log-odds of what ships."""
        return self.log_odds[self.ships]

    def calibrated(self, scale: float, offset: float) -> np.ndarray:
        """(C,) probabilities as the detector gives them."""
        return Calibration(scale, offset).apply(self.shipped)

    @property
    def has_both(self) -> bool:
        """Whether there are real and fake clips."""
        return len(np.unique(self.labels)) == 2


def clip_scores(found: Predictions, fitted: Mapping) -> ClipScores:
    """Judge clips by what ships, both tiers, the plain mean of all members, each family alone.

    Args:
        found: Of one data set.
        fitted: What fit.json says.
    """
    clips, known = found.clips(), _known(fitted, found.families)
    ships = fitted.get("ships", TWO_TIERS)
    wanted = dict.fromkeys((ships, TWO_TIERS, PLAIN_MEAN, *found.families))
    odds = {
        name: found.by_clip(known[name].crops(found.logits), known[name].pooling) for name in wanted
    }
    return ClipScores(clips.name, clips.label, clips.identity, odds, ships)


def _known(fitted: Mapping, families: Sequence[str]) -> dict[str, Scorer]:
    """Every ensemble of fit.json, and each family; older runs wrote the weights of tier 2 alone."""
    if "ensembles" in fitted:
        return judges(fitted, families, 0)
    tiers = two_tiers([fitted["weights"][family] for family in families])
    mean = two_tiers([1 / len(families)] * len(families))
    return {TWO_TIERS: tiers, PLAIN_MEAN: mean, **parts(families, 0)}


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
    """Measure by how much the AUC of what ships of `one` is above `other`'s, on the same clips.

    Returns:
        The difference with its interval over people; None where these are other clips, or of one
        class only.
    """
    if not np.array_equal(one.names, other.names) or not one.has_both:
        return None
    ranked = [Ranked(one.labels, scores.shipped) for scores in (one, other)]
    return paired_difference(*ranked, draw_people(one.people, resamples=resamples))
