"""An ensemble of three small families with random weights, and crops of noise for it."""

import numpy as np
import torch

from awarenet.combine import TwoTier
from awarenet.ensemble import Ensemble
from awarenet.zoo import SPECS, adapt_spec, create_model

FAMILIES = ("test_resnet", "test_efficientnet", "mobilenet_v2")
SMALLER = {"mobilenet_v2": adapt_spec(SPECS["mobilenet_v2"], side=64)}


def tiny_ensemble(members: int = 2) -> Ensemble:
    """Make the ensemble, the same one each time."""
    torch.manual_seed(0)
    networks = {family: [create_model(family) for _ in range(members)] for family in FAMILIES}
    return Ensemble(networks, TwoTier(len(FAMILIES)), SMALLER).eval()


def random_crops(count: int, side: int = 96) -> np.ndarray:
    """Make (count, side, side, 3) uint8 noise."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
