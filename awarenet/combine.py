"""From the members' logits to one fake probability: two tiers, a mean, votes, a forest.

A combiner is a module that maps (B, F, K) logits to (B,) probabilities. Its `weights` say what
share each family has; its `pooling` says how a person's frames become one number, see `scoring`.

- `two_tier`: tier 1 averages the members of a family, tier 2 weighs the families by a softmax over
  one learned number each. AWARE-NET, Salman et al., 2025, https://arxiv.org/abs/2505.00312.
- `soft`: the same sum with weights that were searched for, one of Stronger Together's ensembles.
- `hard`: the share of members that vote "fake"; the other one.
- `stack`: a forest of decision trees over the families, as Stronger Together's code had it.
- `mean`: every network counts the same.

Shapes: N or B crops, F families, K members a family, T trees of a forest.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Forest:
    """Decision trees of one depth D, complete, their nodes from the root down, left to right.

    A crop goes right at a node where the probability of its family is above its threshold.
    """

    features: Sequence[Sequence[int]]  # (T, 2^D - 1) number of a family
    thresholds: Sequence[Sequence[float]]  # (T, 2^D - 1) of a probability; 1: all go left
    leaves: Sequence[Sequence[float]]  # (T, 2^D) probabilities of fake


class Combiner(nn.Module):
    """What all combiners share; built of the number of families."""

    pooling = "log_odds"  # or "mean", where a single frame's number is too coarse for log-odds
    monotone: bool = True  # a logit that rises never lowers the outcome; `bounds` rests on it
    weights: Tensor  # (F,) share of each family, positive, sums to 1


class TwoTier(Combiner):
    """Combine member logits into one fake probability, some families counting more."""

    def __init__(self, num_families: int):
        super().__init__()
        self.raw_weights = nn.Parameter(torch.zeros(num_families))  # zeros: start as a plain mean

    @property
    def weights(self) -> Tensor:
        """(F,) Share of each family, positive, sums to 1."""
        return self.raw_weights.softmax(dim=0)

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits, F families of K members, to (B,) probabilities."""
        return _mix(logits, self.weights)


class Mean(Combiner):
    """Combine member logits into one fake probability, every network counting the same."""

    def __init__(self, num_families: int):
        super().__init__()
        self.register_buffer("weights", torch.full((num_families,), 1 / num_families))  # (F,)

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits, F families of K members, to (B,) probabilities."""
        return logits.sigmoid().mean(dim=(1, 2))


class SoftVote(Mean):
    """Combine member logits into one fake probability by weights that do not learn any more."""

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits, F families of K members, to (B,) probabilities."""
        return _mix(logits, self.weights)


class HardVote(Mean):
    """Let every member vote; the share of votes for "fake" is the outcome, a tie is 0.5."""

    pooling = "mean"  # one frame knows a few values only, 0 and 1 among them

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits to the (B,) share of members whose logit is above 0."""
        return (logits > 0).to(logits.dtype).mean(dim=(1, 2))


class Stack(Mean):
    """Ask a forest, which was grown on the families' probabilities."""

    pooling = "mean"  # a leaf may hold nothing but fakes
    monotone = False  # a leaf at the right may say less than its neighbor at the left

    def __init__(self, num_families: int, forest: Forest | None = None):
        """Take a forest; without one it is a single tree that does not ask anything.

        Raises:
            ValueError: Trees that are not complete, or ask of a family that is not there.
        """
        super().__init__(num_families)
        forest = forest or Forest([[0]], [[1.0]], [[0.5, 0.5]])
        features = torch.tensor(forest.features, dtype=torch.int64)
        # 64 bits, as they were grown: a probability next to a threshold must not change sides
        thresholds = torch.tensor(forest.thresholds, dtype=torch.float64)
        leaves = torch.tensor(forest.leaves, dtype=torch.float64)
        nodes = features.shape[1] if features.ndim == 2 else -1
        shapes = [tuple(part.shape) for part in (features, thresholds, leaves)]
        complete = nodes > 0 and nodes & (nodes + 1) == 0
        if not complete or shapes[1:] != [shapes[0], (len(features), nodes + 1)]:
            raise ValueError(f"forest of shapes {shapes}; expected (T, 2^D - 1) twice, (T, 2^D)")
        if not ((features >= 0) & (features < num_families)).all():
            raise ValueError(f"a forest that asks of other than {num_families} families")
        self.register_buffer("features", features)
        self.register_buffer("thresholds", thresholds)
        self.register_buffer("leaves", leaves)

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits, F families of K members, to (B,) probabilities."""
        # through 32 bits, which the trees were grown on
        families = family_probabilities(logits).float().double()  # (B, F)
        trees = torch.arange(len(self.features), device=logits.device)
        node = torch.zeros(len(logits), len(trees), dtype=torch.int64, device=logits.device)
        inner = self.features.shape[1]
        for _ in range(inner.bit_length()):  # 2^D - 1 has D bits
            asked = families.gather(1, self.features[trees, node])  # (B, T)
            node = 2 * node + 1 + (asked > self.thresholds[trees, node]).long()
        return self.leaves[trees, node - inner].mean(dim=1).to(logits.dtype)


COMBINERS: dict[str, type[Combiner]] = {
    "two_tier": TwoTier,
    "mean": Mean,
    "hard": HardVote,
    "soft": SoftVote,
    "stack": Stack,
}


def create_combiner(name: str, weights: Sequence[float], forest: Forest | None = None) -> Combiner:
    """Build a combiner that has these weights.

    Args:
        name: One of `COMBINERS`.
        weights: Share of each family, positive, summing to 1. For `stack` they only tell how much
            the forest heeds each.
        forest: For `stack`, and for it alone.

    Raises:
        ValueError: No such combiner, or weights or a forest that it cannot have.
    """
    if name not in COMBINERS:
        near = difflib.get_close_matches(name, COMBINERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no combiner {name!r}; there are {', '.join(COMBINERS)}{hint}")
    shares = torch.tensor(weights, dtype=torch.float32)
    if not (shares > 0).all() or abs(float(shares.sum()) - 1) > 1e-4:
        raise ValueError(f"weights {list(weights)}; expected positive numbers that sum to 1")
    if (name == "stack") != (forest is not None):
        raise ValueError(f"combiner {name!r} with forest={forest!r:.40}; only 'stack' has one")
    if name == "stack":
        combiner = Stack(len(weights), forest)
        combiner.weights.copy_(shares)
        return combiner
    combiner = COMBINERS[name](len(weights))
    if isinstance(combiner, TwoTier):
        with torch.no_grad():
            combiner.raw_weights.copy_(shares.log())  # softmax(log w) = w where w sums to 1
    elif name == "soft":
        combiner.weights.copy_(shares)
    elif not torch.allclose(combiner.weights, shares, atol=1e-4):
        raise ValueError(f"weights {list(weights)}; combiner {name!r} gives every family the same")
    return combiner


def family_probabilities(logits: Tensor) -> Tensor:
    """Tier 1: map (B, F, K) logits to (B, F) probabilities, the mean over a family's members."""
    return logits.sigmoid().mean(dim=2)


def _mix(logits: Tensor, weights: Tensor) -> Tensor:
    """Tier 2: (B,) sum of the families' probabilities, weighed."""
    return family_probabilities(logits) @ weights.to(logits.dtype)
