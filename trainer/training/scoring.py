"""A trained member, and what it says of crops.

Shapes: N crops, S side of a crop in px.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from awarenet.zoo import Spec, create_model, score
from trainer.experiments import Experiment
from trainer.stamps import needed

BATCH = 64  # crops a forward pass where nothing is learned


class Fed(nn.Module):
    """A network that takes crops as they lie on disk."""

    def __init__(self, network: nn.Module, spec: Spec):
        """Put the preprocessing in front.

        Args:
            network: Maps (B, 3, side, side) to (B, 1); shared, not copied.
            spec: How it is fed.
        """
        super().__init__()
        self.network, self.spec = network, spec

    def forward(self, crops: Tensor) -> Tensor:
        """Map (B, S, S, 3) uint8 RGB crops to (B,) logits."""
        return score(self.network, crops, self.spec).flatten()


def weights_path(experiment: Experiment, family: str, index: int, together: bool) -> Path:
    """Where a member's final weights lie: as trained alone, or as changed by training together."""
    if together:
        return experiment.folder / "together" / f"{family}-{index}.safetensors"
    return experiment.member_folder(family, index) / "model.safetensors"


def load_member(
    experiment: Experiment,
    family: str,
    index: int,
    *,
    together: bool | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """Load a trained member.

    Args:
        experiment: That it belongs to.
        family: Of the experiment.
        index: Of the member within its family, from 0.
        together: Whether as changed by `train_together`; None: where [ensemble] tier_2 is
            end_to_end.
        dropout: As `create_model` takes it; for training on.

    Returns:
        The network of `create_model`, in eval mode, on the CPU.

    Raises:
        AwareNetError: It is not trained yet.
    """
    if together is None:
        together = experiment.settings.ensemble.tier_2 == "end_to_end"
    path = needed(weights_path(experiment, family, index, together), "train")
    network = create_model(family, dropout=dropout)
    network.load_state_dict(load_file(path), strict=True)
    return network.eval()


def member_logits(network: nn.Module, crops: np.ndarray, spec: Spec, *, batch: int) -> np.ndarray:
    """Score crops by one member.

    Args:
        network: As `load_member` gives it, on any device; its mode is the same afterwards.
        crops: (N, S, S, 3) uint8 RGB.
        spec: How the family is fed.
        batch: Crops a forward pass.

    Returns:
        (N,) float32 logits.
    """
    return outputs(Fed(network, spec), crops, batch=batch)


@torch.inference_mode()
def outputs(module: nn.Module, crops: np.ndarray, *, batch: int = BATCH) -> np.ndarray:
    """Run a module over crops in eval mode and full precision.

    Args:
        module: Maps (B, S, S, 3) uint8 crops on its device to (B,).
        crops: (N, S, S, 3) uint8 RGB.
        batch: Crops a forward pass.

    Returns:
        (N,) float32, of whatever the module gives.
    """
    modes = [(part, part.training) for part in module.modules()]
    device = next(module.parameters()).device
    module.eval()
    found = [np.empty(0, np.float32)]
    for start in range(0, len(crops), batch):
        part = torch.from_numpy(crops[start : start + batch]).to(device)
        found.append(module(part).float().cpu().numpy())
    for part, was_training in modes:
        part.training = was_training
    return np.concatenate(found)
