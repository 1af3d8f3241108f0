"""What training makes small: the log loss of a member, and that of the whole mixture.

Shapes: B crops, V votes. Labels: 0 real, 1 fake; weights: of each crop in the loss, 1 on average.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # outputs, labels, weights, smoothing
CLAMP = 1e-6  # keeps the log of a mixture finite; as in awarenet.combine


def member_loss(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Mean weighted binary cross-entropy of logits; of several votes a crop, the sum over them.

    Args:
        logits: (B,) or (B, V). Above 0 leans fake.
        labels: (B,)
        weights: (B,)
        smoothing: What targets are moved inward by, 0..0.5.
    """
    targets = labels * (1 - 2 * smoothing) + smoothing
    if logits.ndim < 2:
        return binary_cross_entropy_with_logits(logits.float(), targets, weights)
    votes = logits.float().unbind(dim=1)
    return sum(binary_cross_entropy_with_logits(vote, targets, weights) for vote in votes)


def mixture_loss(mixed: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Mean weighted negative log likelihood of (B,) probabilities in 0..1, clamped.

    A mixture is a probability already: a softmax or sigmoid on top, as some code of AWARE-NET's
    had it, would squeeze it into 0.5..0.73.
    """
    targets = labels * (1 - 2 * smoothing) + smoothing
    return binary_cross_entropy(mixed.float().clamp(CLAMP, 1 - CLAMP), targets, weights)
