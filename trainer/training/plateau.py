"""A learning rate that goes down a step whenever the validation loss stands still.

As torch's ReduceLROnPlateau in its defaults:
https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
It is a value, kept in the checkpoint, so that a run that was killed goes on where it waited.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.settings import TrainSettings

THRESHOLD = 1e-4  # share by which a loss has to be lower to count as lower; torch's default


@dataclass(frozen=True)
class Plateau:
    """What validations have shown so far, and how far the rate has come down."""

    lowest_loss: float = float("inf")
    waited: int = 0  # validations since it was found, or since the last step down
    share: float = 1.0  # of the peak learning rate

    def after(self, loss: float, train: TrainSettings) -> Plateau:
        """Take the next validation in: [train] plateau_factor, plateau_patience and lowest."""
        if loss < self.lowest_loss * (1 - THRESHOLD):
            return replace(self, lowest_loss=loss, waited=0)
        if self.waited < train.plateau_patience:
            return replace(self, waited=self.waited + 1)
        share = max(self.share * train.plateau_factor, train.lowest)
        return replace(self, waited=0, share=share)
