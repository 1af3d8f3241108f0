"""What learns how fast: parameter groups, and the optimizer over them.

A group's `peak` is its learning rate at the top of the schedule; the loop sets `lr` from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from trainer.settings import TrainSettings
from trainer.training.resting import resting_parts

HEADS = ("classifier", "fc")  # as timm calls the last layer of the networks in awarenet.zoo
MOMENTUM = 0.9  # of SGD, as in nearly every recipe since AlexNet
Group = dict[str, object]


def is_head(name: str) -> bool:
    """Whether a parameter of a network belongs to its last layer, which ImageNet did not train."""
    return name.split(".")[0] in HEADS


def network_groups(network: nn.Module, train: TrainSettings, head: float) -> list:
    """Parameter groups of one network, without those of what rests for good.

    Args:
        network: As `awarenet.zoo.create_model` builds it.
        train: Learning rate and weight decay. Norms and biases, all of one dimension, are not
            decayed: that would pull them to 0, not to something simpler.
        head: Factor of the learning rate for the last layer.
    """
    never = {id(p) for part in resting_parts(network) for p in part.parameters()}
    found: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if id(parameter) in never:
            continue
        found.setdefault((is_head(name), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": train.learning_rate * (head if last else 1),
            "weight_decay": train.weight_decay if decayed else 0.0,
        }
        for (last, decayed), parameters in found.items()
    ]


def create_optimizer(groups: Iterable[Group], train: TrainSettings) -> Optimizer:
    """Build [train] optimizer; `sam` moves by SGD too, along gradients that `step.py` finds."""
    return OPTIMIZERS[train.optimizer](list(groups), train)


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Set every group to its peak times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def _sgd(groups: list[Group], train: TrainSettings) -> Optimizer:
    return torch.optim.SGD(groups, train.learning_rate, momentum=MOMENTUM, fused=True)


def _adam(groups: list[Group], train: TrainSettings) -> Optimizer:
    return torch.optim.Adam(groups, train.learning_rate, train.betas, fused=True)


def _adamw(groups: list[Group], train: TrainSettings) -> Optimizer:
    return torch.optim.AdamW(groups, train.learning_rate, train.betas, fused=True)


# fused: one pass over the weights instead of several, on the CPU too
OPTIMIZERS: dict[str, Callable[[list[Group], TrainSettings], Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
    "sam": _sgd,
}
