"""When a member is done before its last step, and which of its weights were best."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.settings import TrainSettings


@dataclass(frozen=True)
class Watch:
    """What validations have shown so far, in values of which a higher one is better.

    Two marks are kept apart: the best value, however little better, says which weights are best;
    the last gain of at least `min_delta` says whether learning goes on, so that a slow rise adds
    up to a gain in the end.
    """

    best: float = float("-inf")
    gained_to: float = float("-inf")  # value at the last gain
    without_gain: int = 0  # validations since

    def after(self, value: float, min_delta: float) -> Watch:
        """Take the next validation in."""
        seen = replace(self, best=max(self.best, value))
        if value > self.gained_to and value - self.gained_to >= min_delta:
            return replace(seen, gained_to=value, without_gain=0)
        return replace(seen, without_gain=self.without_gain + 1)

    def is_over(self, train: TrainSettings, epoch: float) -> bool:
        """Whether to stop: no gain in [train] patience validations, and min_epochs are over."""
        return 0 < train.patience <= self.without_gain and epoch >= train.min_epochs


def watched(train: TrainSettings, loss: float, auc: float) -> float:
    """Value of [train] watch, turned so that higher is better."""
    return auc if train.watch == "auc" else -loss
