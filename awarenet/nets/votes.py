"""Several votes of one network on one picture, taken together."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def mean_logit(logits: Tensor, dim: int = -1) -> Tensor:
    """Logit of the mean probability: with p the mean of sigmoid(logits), log p - log(1 - p).

    Computed from logarithms throughout, so that votes of +-100 give neither infinity nor a
    gradient of 0 / 0.

    Args:
        logits: Any shape; above 0 leans fake.
        dim: Which the mean is taken over; it is dropped.
    """
    # the number of votes stands in both means and cancels out
    return torch.logsumexp(logsigmoid(logits), dim) - torch.logsumexp(logsigmoid(-logits), dim)
