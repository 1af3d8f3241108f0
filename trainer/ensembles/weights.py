"""Learn tier 2 from members that are trained already: weights by gradient, by chance, a forest.

All of it works on logits of crops that the members have not seen in training.
Shapes: N crops, F families, K members a family.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from awarenet.combine import Forest, TwoTier, family_probabilities

_CLAMP = 1e-6  # keeps the log of a mixture finite
_CHUNK = 4_000_000  # scores sorted at once: 16 MB of float32

DRAWS = 10_000  # of weights; Stronger Together's number, as DeepStack's DirichletEnsemble has it
TREES, DEPTH = 100, 3  # of its forest


def fit_two_tier(
    logits: Tensor, labels: Tensor, *, steps: int = 300, lr: float = 0.05, prior: float = 0.0
) -> TwoTier:
    """Learn the tier-2 weights by gradient descent.

    Minimizes the negative log likelihood of the mixed probability itself, never of a second
    softmax over it. That is convex in the weights and done on all crops at once with Adam, from
    equal weights, so the outcome does not depend on chance.

    Args:
        logits: (N, F, K)
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
    truth = _checked(logits, labels).to(torch.float32)
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


@torch.no_grad()
def search_weights(logits: Tensor, labels: Tensor, *, draws: int = DRAWS, seed: int = 1) -> Tensor:
    """Draw weights evenly over all there are; keep those whose mixture has the best AUC.

    Args:
        logits: (N, F, K)
        labels: (N,) 0 real, 1 fake; both are there.
        draws: Of weights, from a Dirichlet distribution with all parameters 1.
        seed: Of the draws.

    Returns:
        (F,) float32, positive, summing to 1; of equally good ones the first drawn.

    Raises:
        ValueError: Shapes that do not fit, other labels, or one class only.
    """
    truth = _checked(logits, labels) == 1
    if truth.all() or not truth.any():
        raise ValueError(f"{len(truth)} crops of one class; weights are searched for by AUC")
    families = family_probabilities(logits.detach().to(torch.float32))  # (N, F)
    generator = torch.Generator().manual_seed(seed)
    # shares of independent exponential waiting times are Dirichlet (1, ..., 1)
    waits = -torch.rand(draws, families.shape[1], generator=generator).clamp_min(1e-12).log()
    weights = waits / waits.sum(dim=1, keepdim=True)
    size = max(_CHUNK // len(families), 1)
    found = torch.cat([_auc(part @ families.T, truth) for part in weights.split(size)])
    return weights[int(found.argmax())]


def grow_forest(logits: Tensor, labels: Tensor, *, seed: int = 1) -> tuple[Forest, list[float]]:
    """Grow Stronger Together's forest, of 100 trees of depth 3, on the families' probabilities.

    Its 2020 code grew it on probabilities rounded to 0 and 1, which leaves it little to ask.

    Args:
        logits: (N, F, K)
        labels: (N,) 0 real, 1 fake.
        seed: Of the draws of crops.

    Returns:
        The forest, and how much it heeds each family: (F,) shares, positive, summing to 1.

    Raises:
        ValueError: Shapes that do not fit, or labels that are not 0 and 1.
    """
    from sklearn.ensemble import RandomForestRegressor  # late: it takes a second

    truth = _checked(logits, labels).to(torch.float64).numpy()
    families = family_probabilities(logits.detach().to(torch.float64)).numpy()
    grown = RandomForestRegressor(TREES, max_depth=DEPTH, random_state=seed)
    grown.fit(families, truth)
    trees = [_complete(estimator.tree_) for estimator in grown.estimators_]
    heeded = np.clip(grown.feature_importances_, 1e-3, None)
    forest = Forest(*([tree[part] for tree in trees] for part in range(3)))
    return forest, (heeded / heeded.sum()).tolist()


def _complete(tree: object) -> tuple[list[int], list[float], list[float]]:
    """Fill a tree of scikit-learn up to `DEPTH`: where it ends early, all go left."""
    features, thresholds = [], []
    level = [0]  # its nodes, from left to right
    for _ in range(DEPTH):
        below = []
        for node in level:
            ends = tree.children_left[node] < 0
            features.append(0 if ends else int(tree.feature[node]))
            thresholds.append(1.0 if ends else float(tree.threshold[node]))
            below += (
                [node, node]
                if ends
                else [int(tree.children_left[node]), int(tree.children_right[node])]
            )
        level = below
    return features, thresholds, [float(tree.value[node].item()) for node in level]


def _auc(scores: Tensor, truth: Tensor) -> Tensor:
    """(D,) area under the ROC curve of (D, N) scores, ties counting half; (N,) bool truth."""
    genuine = scores[:, ~truth].sort(dim=1).values
    fake = scores[:, truth].contiguous()
    below = torch.searchsorted(genuine, fake) + torch.searchsorted(genuine, fake, right=True)
    return below.double().mean(dim=1) / 2 / genuine.shape[1]


def _checked(logits: Tensor, labels: Tensor) -> Tensor:
    """The labels, if they fit the logits and are 0 and 1."""
    if logits.ndim != 3 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(
            f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)}; "
            "expected (N, F, K) and (N,), N at least 1"
        )
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError("labels hold other values than 0 (real) and 1 (fake)")
    return labels
