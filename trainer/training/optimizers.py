"""What learns how fast: parameter groups, and the optimizer over them.

A group's `peak` is its learning rate at the top of the schedule; the loop sets `lr` from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from trainer.settings import TrainSettings

HEADS = ("classifier", "fc")  # as timm calls the last layer of the networks in awarenet.zoo
MOMENTUM = 0.9  # of SGD, as in nearly every recipe since AlexNet
Group = dict[str, object]


def is_head(name: str) -> bool:
    """Whether a parameter of a network belongs to its last layer, which ImageNet did not train."""
    return name.split(".")[0] in HEADS


def network_groups(network: nn.Module, train: TrainSettings, family: str, head: float) -> list:
    """Parameter groups of one network.

    Args:
        network: As `awarenet.zoo.create_model` builds it.
        train: Learning rates and weight decay. Norms and biases, all of one dimension, are not
            decayed: that would pull them to 0, not to something simpler.
        family: Of the network; it may have its own learning rate.
        head: Factor of the learning rate for the last layer.
    """
    peak = train.learning_rates.get(family, train.learning_rate)
    found: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        found.setdefault((is_head(name), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": peak * (head if last else 1),
            "weight_decay": train.weight_decay if decayed else 0.0,
        }
        for (last, decayed), parameters in found.items()
    ]


def create_optimizer(groups: Iterable[Group], train: TrainSettings) -> Optimizer:
    """Build [train] optimizer; `sam` moves by SGD too, along gradients that `step.py` finds."""
    return OPTIMIZERS[train.optimizer](list(groups), train.learning_rate)


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Set every group to its peak times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def _sgd(groups: list[Group], rate: float) -> Optimizer:
    return torch.optim.SGD(groups, rate, momentum=MOMENTUM, fused=True)


# fused: one pass over the weights instead of several, on the CPU too
OPTIMIZERS: dict[str, Callable[[list[Group], float], Optimizer]] = {
    "adamw": lambda groups, rate: torch.optim.AdamW(groups, rate, fused=True),
    "adam": lambda groups, rate: torch.optim.Adam(groups, rate, fused=True),
    "sgd": _sgd,
    "sam": _sgd,
}
