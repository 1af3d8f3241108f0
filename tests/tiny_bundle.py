"""A bundle of tiny random networks, for the tests to write, read and break."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from awarenet.bundle import load_bundle, save_bundle
from awarenet.bundle.config import (
    BundleConfig,
    Calibration,
    Crop,
    ThresholdRow,
    Thresholds,
    TrainedOn,
)
from awarenet.combine import TwoTier
from awarenet.ensemble import Ensemble
from awarenet.errors import BundleError
from awarenet.zoo import adapt_spec, create_model, get_spec

MEMBER = "test_resnet-1"  # one of its folders


def tiny_ensemble() -> Ensemble:
    """Two families of two, one of them cut, with normalization that has seen something."""
    torch.manual_seed(0)
    members = {
        name: [create_model(name) for _ in range(2)] for name in ("test_resnet", "mobilenet_v2")
    }
    combiner = TwoTier(2)
    with torch.no_grad():
        combiner.raw_weights.copy_(torch.tensor([0.3, -0.3]))
        for network in [network for networks in members.values() for network in networks]:
            network.train()(torch.randn(4, 3, 64, 64))
    return Ensemble(
        members, combiner, {"mobilenet_v2": adapt_spec(get_spec("mobilenet_v2"), side=64)}
    ).eval()


def golden_crops(count: int = 2) -> np.ndarray:
    """(count, 80, 80, 3) uint8 noise."""
    return np.random.default_rng(0).integers(0, 256, (count, 80, 80, 3), np.uint8)


def save(folder: Path, ensemble: Ensemble | None = None, **changes: object) -> BundleConfig:
    """Write the bundle; `changes` stand in for arguments of `save_bundle`."""
    described = {
        "name": "tiny",
        "seeds": {"test_resnet": [1, 2], "mobilenet_v2": [3, 4]},
        "calibration": Calibration(scale=1.5, offset=-0.25, fitted_on="nothing: a test"),
        "thresholds": Thresholds(
            default=0.6,
            table=(ThresholdRow(threshold=0.6, false_alarm_rate=0.05, detection_rate=0.8),),
            fitted_on="nothing: a test",
        ),
        "crop": Crop(detector="retinaface-mobilenet", margin=0.6, side=80),
        "trained_on": TrainedOn(text="noise", datasets=("noise",), split_sha256="0" * 64),
        "metrics": {"auc": 0.5, "by_kind": {"swap": [0.4, 0.6]}},
        "golden_crops": golden_crops(),
        "readme": "# Tiny\n",
    }
    return save_bundle(folder, ensemble or tiny_ensemble(), **(described | changes))


def sha256(path: Path) -> str:
    """Give the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(source: str | Path) -> str:
    """Load what must not load; give the message, which has to be one line."""
    with pytest.raises(BundleError) as caught:
        load_bundle(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)
