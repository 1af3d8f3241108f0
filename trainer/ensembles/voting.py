"""The ensembles that are fitted beside AWARE-NET's two tiers, Stronger Together's six among them.

Which families vote: the two best on validation clips, the two whose files are smallest, or all.
How: by a hard majority, softly by weights that a search found, or (all) through a forest.
Source: Gardner, Stronger Together, 2020; its number of draws and trees.

Shapes: N crops, F families, K members a family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from trainer.ensembles import PLAIN_MEAN, TWO_TIERS, scorers
from trainer.ensembles.weights import DRAWS, grow_forest, search_weights

CHOICES = {"best": "best two", "smallest": "two smallest", "all": "all"}
PAIR = 2  # families in "best" and "smallest"


def fit_ensembles(
    families: Sequence[str],
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    two_tier: Sequence[float],
    accuracies: Mapping[str, float],
    sizes: Mapping[str, int],
) -> dict[str, dict]:
    """Fit every ensemble on crops of validation people.

    Args:
        families: F names.
        logits: (N, F, K)
        labels: (N,) 0 real, 1 fake; both are there.
        two_tier: (F,) weights that AWARE-NET's way learned.
        accuracies: Family -> share of validation clips that it judges rightly.
        sizes: Family -> bytes of its members' files.

    Returns:
        Name -> ensemble, as `scorers.describe` gives it. With one or two families, "best two" and
        "two smallest" are all there are.
    """
    found = {
        TWO_TIERS: scorers.describe("two_tier", families, two_tier, "all families"),
        PLAIN_MEAN: scorers.describe(
            "mean", families, [1 / len(families)] * len(families), "all families"
        ),
    }
    for choice, title in CHOICES.items():
        own, why = choose(choice, families, accuracies, sizes)
        columns = [list(families).index(family) for family in own]
        some, truth = torch.from_numpy(logits[:, columns]), torch.from_numpy(labels)
        even = [1 / len(own)] * len(own)
        found[f"{title}, hard"] = scorers.describe("hard", own, even, why)
        drawn = search_weights(some, truth).tolist()
        said = f"{why}; weights: best validation AUC of {DRAWS:,} drawn"
        found[f"{title}, soft"] = scorers.describe("soft", own, drawn, said)
        if choice == "all":
            forest, heeded = grow_forest(some, truth)
            found[f"{title}, stack"] = scorers.describe("stack", own, heeded, why, forest)
    return found


def choose(
    choice: str,
    families: Sequence[str],
    accuracies: Mapping[str, float],
    sizes: Mapping[str, int],
) -> tuple[list[str], str]:
    """Pick the families of an ensemble, in their order, and say why these.

    Args:
        choice: Of `CHOICES`.
        families: All there are; of equals the earlier one is taken.
        accuracies: Family -> share of validation clips that it judges rightly.
        sizes: Family -> bytes of its members' files.
    """
    if choice == "best":
        ranked = sorted(families, key=lambda family: -accuracies[family])[:PAIR]
        said = ", ".join(f"{name} {accuracies[name]:.3f}" for name in ranked)
        why = f"best accuracy on validation clips: {said}"
    elif choice == "smallest":
        ranked = sorted(families, key=lambda family: sizes[family])[:PAIR]
        said = ", ".join(f"{name} {sizes[name] / 1e6:.1f} MB" for name in ranked)
        why = f"smallest files: {said}"
    else:
        ranked, why = families, "all families"
    return [family for family in families if family in ranked], why


def short_name(name: str) -> str:
    """Turn the name of an ensemble into a word for reports: `mean`, `hard_all`, `soft_best`."""
    alone = {TWO_TIERS: "two_tier", PLAIN_MEAN: "mean"}
    short = {f"{title}, {how}": f"{how}_{choice}" for choice, title in CHOICES.items()
             for how in ("hard", "soft", "stack")}  # fmt: skip
    return (alone | short)[name]


def shipped(combiner: str, choice: str) -> str:
    """Name of the ensemble that [ensemble] combiner and choose ask for."""
    alone = {"two_tier": TWO_TIERS, "mean": PLAIN_MEAN}
    return alone.get(combiner) or f"{CHOICES[choice]}, {combiner}"
