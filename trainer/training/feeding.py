"""Feed a network whose published loss is a sum over several votes on each picture."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from awarenet.zoo import Spec, preprocess
from trainer.training.scoring import Fed


class Voting(Fed):
    """A network that learns from each of its votes, and is measured by what they say together."""

    def forward(self, crops: Tensor) -> Tensor:
        """Map (B, S, S, 3) uint8 RGB crops to (B, V) logits in training mode, else to (B,).

        Validation loss and AUC are therefore those of the one logit that an ensemble is given, and
        can be compared with other families'.
        """
        if not self.training:
            return super().forward(crops)
        return self.network.votes(preprocess(crops, self.spec))


def feed(network: nn.Module, spec: Spec) -> Fed:
    """Put the preprocessing in front of a network that is trained alone, by votes if it has any.

    Validations look at a crop whole, once: the many views of a family are for whoever judges, and
    would make a validation as many times dearer than the training between two.
    """
    whole = replace(spec, views=1)
    return Voting(network, whole) if hasattr(network, "votes") else Fed(network, whole)
