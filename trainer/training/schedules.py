"""Learning rate over the steps of a training, as a factor of its peak; pure functions.

A schedule begins with a linear warm-up, unless [train] warmup is 0. Steps count from 0.
Source: Loshchilov and Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983, equation 5, for the
cosine and its warm restarts.
"""

from __future__ import annotations

import math

from trainer.settings import TrainSettings


def rate_factor(train: TrainSettings, step: int, *, steps: int, epoch_steps: float) -> float:
    """Factor of the peak learning rate in a step.

    Args:
        train: Its schedule, and what belongs to it.
        step: From 0.
        steps: Of the whole training.
        epoch_steps: Steps an epoch, which warm restarts are counted in.
    """
    rising = round(steps * train.warmup)
    if step < rising:
        return (step + 1) / rising
    since, left = step - rising, steps - rising
    if train.schedule == "cosine":
        return cosine(since, left, train.lowest)
    if train.schedule == "warm_restarts":
        first = round(train.restart_epochs * epoch_steps)
        return warm_restarts(since, first, train.restart_factor, train.lowest)
    if train.schedule == "linear":
        return linear(since, left, max(steps * train.level - rising, 0), train.lowest)
    return 1.0  # constant; and plateau, which no function of the step alone knows: `plateau.py`


def cosine(step: float, steps: float, lowest: float) -> float:
    """Half a cosine from 1 in step 0 down to `lowest` in step `steps`."""
    progress = step / max(steps, 1)
    return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * progress))


def warm_restarts(step: float, first: float, growth: float, lowest: float) -> float:
    """Half a cosine over `first` steps, then anew over `growth` times as many, and so on."""
    span = max(first, 1)
    while step >= span:
        step, span = step - span, span * growth
    return cosine(step, span, lowest)


def linear(step: float, steps: float, level: float, lowest: float) -> float:
    """1 until step `level`, then a line down to `lowest` in step `steps`."""
    if step <= level:
        return 1.0
    return 1 - (1 - lowest) * (step - level) / (steps - level)
