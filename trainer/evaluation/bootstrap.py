"""How far a figure can be trusted: bootstrap intervals over people, not over frames.

Frames of one person resemble each other, so they are no new evidence: whole people are drawn with
replacement, as many as there are, each with everything that shows them (a cluster bootstrap: Field
and Welsh, Bootstrapping clustered data, 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x).
A swap shows two people. It belongs to the first of its identities, who is seen in that footage; no
draw knows of the second, so intervals are a little narrow where few people lent many faces.

A draw only says how often each person counts. With that as a weight, nothing is sorted or copied
again, and the outcome is that of a plain loop over the same draws.

Shapes: N samples, P people, R draws. Intervals are percentiles of the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.metrics import FIGURES, Figure, Ranked, Weighed

CONFIDENCE = 0.95
BLOCK = 250_000  # weights held at once, 2 MB: more would leave the processor's cache


@dataclass(frozen=True)
class Draws:
    """Who is drawn how often; the same for all that is measured on these samples."""

    owner: np.ndarray  # (N,) int64 number of the person that each sample shows
    times: np.ndarray  # (R, P) uint16

    @property
    def people(self) -> int:
        """How many people the samples show."""
        return self.times.shape[1]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(R,) sum of (N,) values over everything that is drawn."""
        own = np.bincount(self.owner, weights=values, minlength=self.times.shape[1])
        return self.times.astype(np.float64) @ own


def draw_people(people: Sequence[str], *, resamples: int, seed: int = 0) -> Draws:
    """Draw whole people with replacement, as many as there are.

    Args:
        people: (N,) whom each sample shows.
        resamples: Draws.
        seed: Of the draws; they depend on it and on how many people there are alone.
    """
    names, owner = np.unique(np.asarray(people), return_inverse=True)
    times = np.empty((resamples, len(names)), np.uint16)
    rng = np.random.default_rng(seed)
    for row in times:
        row[:] = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
    return Draws(owner, times)


def figures_with_intervals(
    ranked: Ranked,
    draws: Draws,
    names: Sequence[str] = tuple(FIGURES),
    *,
    confidence: float = CONFIDENCE,
) -> dict[str, Figure]:
    """Measure figures, each with its interval; draws of one class only are passed over.

    Args:
        ranked: N samples.
        draws: Of the people in them, in the same order.
        names: Of `FIGURES`.
        confidence: Of the intervals.
    """
    found, whole = _drawn_figures([ranked], draws, names)[0], ranked.weigh()
    return {
        name: _figure(FIGURES[name](whole)[0], found[name], draws, confidence) for name in names
    }


def paired_difference(
    one: Ranked, other: Ranked, draws: Draws, name: str = "auc", *, confidence: float = CONFIDENCE
) -> Figure:
    """Measure by how much one scorer is above another on the same samples and the same draws.

    Who happens to be in the test moves both scorers alike; in the difference that cancels.

    Args:
        one: N samples as the first scorer ranks them.
        other: The same samples as the second does.
        draws: Of the people in them, in the order they were given in.
        name: Of `FIGURES`.
        confidence: Of the interval.

    Returns:
        A figure, with `above_zero`: in what share of the draws the first is strictly ahead.
    """
    values = [FIGURES[name](ranked.weigh())[0] for ranked in (one, other)]
    drawn = [found[name] for found in _drawn_figures([one, other], draws, [name])]
    differences = drawn[0] - drawn[1]
    figure = _figure(values[0] - values[1], differences, draws, confidence)
    ahead = float((differences > 0).mean()) if len(differences) else float(values[0] > values[1])
    return {**figure, "above_zero": round(ahead, 4)}


def auc_with_interval(
    labels: np.ndarray,
    scores: np.ndarray,
    people: Sequence[str],
    *,
    resamples: int,
    seed: int = 0,
) -> Figure:
    """AUC with its 95 % interval over people.

    Raises:
        AwareNetError: One class only.
    """
    draws = draw_people(people, resamples=resamples, seed=seed)
    return figures_with_intervals(Ranked(labels, scores), draws, ["auc"])["auc"]


def rate_with_interval(
    hits: np.ndarray, people: Sequence[str], *, resamples: int, seed: int = 0
) -> Figure:
    """Share of true entries of (N,) bool, with its 95 % interval over people."""
    draws = draw_people(people, resamples=resamples, seed=seed)
    hits = np.asarray(hits, np.float64)
    rates = draws.sums(hits) / draws.sums(np.ones(len(hits)))
    return _figure(hits.mean(), rates, draws, CONFIDENCE)


def _drawn_figures(
    several: Sequence[Ranked], draws: Draws, names: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """(R',) values of each figure for each ranking, in draws that hold both classes."""
    fake = np.empty(len(several[0]))
    fake[several[0].order] = several[0].fake
    usable = (draws.sums(fake) > 0) & (draws.sums(1 - fake) > 0)
    times = draws.times[usable]
    step = max(BLOCK // len(fake), 1)
    values: list[dict[str, list[np.ndarray]]] = [{name: [] for name in names} for _ in several]
    owners = [draws.owner[ranked.order] for ranked in several]
    for start in range(0, len(times), step):
        block = times[start : start + step].astype(np.float64)
        for ranked, owner, found in zip(several, owners, values, strict=True):
            weighed = Weighed(ranked, block[:, owner])
            for name in names:
                found[name].append(FIGURES[name](weighed))
    return [
        {name: np.concatenate(drawn) if drawn else np.empty(0) for name, drawn in found.items()}
        for found in values
    ]


def _figure(value: float, drawn: np.ndarray, draws: Draws, confidence: float) -> Figure:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn, tails) if len(drawn) else (value, value)
    return {
        "value": round(float(value), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "people": draws.people,
        "count": len(draws.owner),
    }
