"""Two-tier weighted averaging, the combiner that AWARE-NET is named after, and a plain mean.

Tier 1 averages the members of a family, which lowers their variance. Tier 2 weighs the families
by a softmax over one learned number each, so the weights stay positive and sum to 1.
Source: Salman et al., AWARE-NET, 2025, https://arxiv.org/abs/2505.00312.

A combiner is built from the number of families, has `weights`, and maps logits to probabilities.
Shapes: N or B crops, F families, K members a family.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_CLAMP = 1e-6  # keeps the log of a mixture finite


class TwoTier(nn.Module):
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
        families = logits.sigmoid().mean(dim=2)  # (B, F)
        return families @ self.weights  # (B,)


class Mean(nn.Module):
    """Combine member logits into one fake probability, every network counting the same."""

    def __init__(self, num_families: int):
        super().__init__()
        self.register_buffer("weights", torch.full((num_families,), 1 / num_families))  # (F,)

    def forward(self, logits: Tensor) -> Tensor:
        """Map (B, F, K) logits, F families of K members, to (B,) probabilities."""
        return logits.sigmoid().mean(dim=(1, 2))


COMBINERS: dict[str, type[TwoTier] | type[Mean]] = {"two_tier": TwoTier, "mean": Mean}


def create_combiner(name: str, weights: Sequence[float]) -> TwoTier | Mean:
    """Build a combiner that has these weights.

    Args:
        name: One of `COMBINERS`.
        weights: Share of each family, positive, summing to 1.

    Raises:
        ValueError: No such combiner, or weights that it cannot have.
    """
    if name not in COMBINERS:
        near = difflib.get_close_matches(name, COMBINERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no combiner {name!r}; there are {', '.join(COMBINERS)}{hint}")
    shares = torch.tensor(weights, dtype=torch.float32)
    if not (shares > 0).all() or abs(float(shares.sum()) - 1) > 1e-4:
        raise ValueError(f"weights {list(weights)}; expected positive numbers that sum to 1")
    combiner = COMBINERS[name](len(weights))
    if isinstance(combiner, TwoTier):
        with torch.no_grad():
            combiner.raw_weights.copy_(shares.log())  # softmax(log w) = w where w sums to 1
    elif not torch.allclose(combiner.weights, shares, atol=1e-4):
        raise ValueError(f"weights {list(weights)}; combiner 'mean' gives every family the same")
    return combiner


def fit_two_tier(
    logits: Tensor, labels: Tensor, *, steps: int = 300, lr: float = 0.05, prior: float = 0.0
) -> TwoTier:
    """Learn the tier-2 weights from members that are trained already.

    Minimizes the negative log likelihood of the mixed probability itself, never of a second
    softmax over it. That is convex in the weights and done on all crops at once with Adam, from
    equal weights, so the outcome does not depend on chance.

    Args:
        logits: (N, F, K), of crops that the members have not seen in training.
        labels: (N,) 0 real, 1 fake.
        steps: Of the optimizer.
        lr: Its learning rate, in units of the raw weights.
        prior: Strength of the pull to equal weights: this times the sum of the squared
            differences to 1/F is added to the loss. With few crops, a family that is best by
            chance would else get all the weight.

    Returns:
        The combiner, its parameters frozen.

    Raises:
        ValueError: Shapes that do not fit, or labels that are not 0 and 1.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(
            f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)}; "
            "expected (N, F, K) and (N,), N at least 1"
        )
    truth = labels.to(torch.float32)
    if not ((truth == 0) | (truth == 1)).all():
        raise ValueError("labels hold other values than 0 (real) and 1 (fake)")
    logits = logits.detach().to(torch.float32)
    combiner = TwoTier(logits.shape[1])
    optimizer = torch.optim.Adam(combiner.parameters(), lr=lr)
    with torch.enable_grad():
        for _ in range(steps):
            mixed = combiner(logits).clamp(_CLAMP, 1 - _CLAMP)
            loss = nn.functional.binary_cross_entropy(mixed, truth)
            pull = (combiner.weights - 1 / logits.shape[1]).square().sum()
            optimizer.zero_grad()
            (loss + prior * pull).backward()
            optimizer.step()
    return combiner.requires_grad_(False)
