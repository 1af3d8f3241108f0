"""Whoever judges crops and clips: an ensemble, a family, a single member; all in one form.

Shapes: N crops, T frames of a clip, F families of the experiment, K members a family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from awarenet.combine import Combiner, Forest, Mean, create_combiner
from awarenet.ensemble import judge
from awarenet.odds import pool


@dataclass(frozen=True)
class Scorer:
    """A combiner over some families of an experiment, or over one member."""

    combiner: Combiner
    columns: tuple[int, ...]  # of its families among those of the experiment, in its order
    member: int | None = None  # of the only family; None: all members

    def take(self, logits: np.ndarray) -> np.ndarray:
        """Pick what it looks at out of (N, F, K) logits of the experiment."""
        members = slice(None) if self.member is None else slice(self.member, self.member + 1)
        return logits[:, list(self.columns), members]

    def crops(self, logits: np.ndarray) -> np.ndarray:
        """Map (N, F, K) logits of the experiment to (N,) float64 probabilities of fake."""
        return judge(self.combiner, self.take(logits))

    @property
    def pooling(self) -> str:
        """How crops become a clip, see `awarenet.scoring.pool`."""
        return self.combiner.pooling

    def clip(self, logits: np.ndarray) -> float:
        """Map (T, F, K) logits of a clip's frames to log-odds, not calibrated."""
        return pool(self.crops(logits), self.pooling)


def two_tiers(weights: Sequence[float]) -> Scorer:
    """AWARE-NET's two tiers over all families, by their learned weights."""
    return Scorer(create_combiner("two_tier", weights), tuple(range(len(weights))))


def parts(families: Sequence[str], members: int) -> dict[str, Scorer]:
    """Each family on its own, and each member as `family-i`."""
    found = {family: Scorer(Mean(1), (place,)) for place, family in enumerate(families)}
    for place, family in enumerate(families):
        for index in range(members):
            found[f"{family}-{index}"] = Scorer(Mean(1), (place,), index)
    return found


def judges(fitted: dict, families: Sequence[str], members: int) -> dict[str, Scorer]:
    """Everybody who is measured: the ensembles of fit.json, each family, each member."""
    ensembles = {name: read(one, families) for name, one in fitted["ensembles"].items()}
    return {**ensembles, **parts(families, members)}


def describe(
    name: str, families: Sequence[str], weights: Sequence[float], chosen_by: str,
    forest: Forest | None = None,
) -> dict:  # fmt: skip
    """Put an ensemble into fit.json's words; `read` turns it back."""
    shares = dict(zip(families, map(float, weights), strict=True))
    found = {"combiner": name, "families": list(families), "weights": shares}
    if forest:
        found["forest"] = {
            "features": forest.features,
            "thresholds": forest.thresholds,
            "leaves": forest.leaves,
        }
    return {**found, "chosen_by": chosen_by}


def read(described: dict, families: Sequence[str]) -> Scorer:
    """Build an ensemble that `describe` described, among the families of its experiment."""
    own = described["families"]
    forest = described.get("forest")
    combiner = create_combiner(
        described["combiner"],
        [described["weights"][family] for family in own],
        Forest(**forest) if forest else None,
    )
    return Scorer(combiner, tuple(list(families).index(family) for family in own))
