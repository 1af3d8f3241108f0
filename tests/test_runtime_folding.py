"""Folded networks: the same answers, and nothing of the networks they were made of changes."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.ensemble import judge
from awarenet.runtime import Runtime, ask_exactly
from awarenet.runtime.asking import ask_all
from awarenet.runtime.folding import FoldedEngine, find_pairs, fold, fold_family
from awarenet.zoo import create_model
from tests.tiny_ensemble import random_crops, tiny_ensemble

SIDE = 64


def unsettle(network: nn.Module) -> nn.Module:
    """Give batch norms what a trained network has; fresh ones do nothing."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval().requires_grad_(False)


def noise(count: int = 2, side: int = SIDE) -> torch.Tensor:
    torch.manual_seed(2)
    return torch.randn(count, 3, side, side)


def count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("family", ["test_resnet", "test_efficientnet", "efficientnet_lite0"])
def test_a_folded_network_has_no_batch_norm_left_and_says_the_same(family):
    network, images = unsettle(create_model(family)), noise()
    (folded,) = fold_family([network], SIDE, torch.float32)
    assert count_norms(network) > 0 == count_norms(folded)
    np.testing.assert_allclose(folded(images), network(images), rtol=1e-3, atol=1e-4)


def test_folding_leaves_the_network_as_it_was_and_shares_what_stays_the_same():
    network, images = unsettle(create_model("test_efficientnet")), noise()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    said = network(images)
    (folded,) = fold_family([network], SIDE, torch.bfloat16)
    for key, value in network.state_dict().items():
        assert value.dtype == before[key].dtype
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    torch.testing.assert_close(network(images), said, rtol=0, atol=0)
    assert folded.conv_stem.weight.dtype == torch.bfloat16
    assert folded.classifier.weight is network.classifier.weight


class Awkward(nn.Module):
    """Convolutions whose output is wanted as it is, too, or that stand before two batch norms."""

    def __init__(self):
        super().__init__()
        self.twice, self.once = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 4, 1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.last = nn.BatchNorm2d(4)
        self.aside = nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = self.second(self.twice(self.first(self.twice(images))))
        grid = self.once(images)
        return self.last(grid).mean(dim=(1, 2, 3), keepdim=True)[:, 0, 0] + self._also(grid)

    def _also(self, grid: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(grid), 1)


class Branching(Awkward):
    """One of them is taken twice."""

    def _also(self, grid: torch.Tensor) -> torch.Tensor:
        return grid.amax(dim=(2, 3)).sum(dim=1, keepdim=True)


def test_only_what_runs_once_and_directly_before_a_batch_norm_is_folded():
    network = unsettle(Awkward())
    assert find_pairs(network, noise()) == [("once", "last")]
    folded = fold(network, [("once", "last")])
    torch.testing.assert_close(folded(noise()), network(noise()))


def test_a_network_that_folding_would_change_runs_as_it_is():
    network = unsettle(Branching())
    assert find_pairs(network, noise()) == [("once", "last")]
    assert fold_family([network], SIDE, torch.bfloat16) == [network]


def test_grids_of_the_layer_for_heat_maps_can_still_be_had():
    ensemble, crops = tiny_ensemble(), random_crops(3)
    for network in ensemble.members.values():
        for each in network:
            unsettle(each)
    expected = ask_exactly(ensemble, crops)
    engine = FoldedEngine(ensemble, torch.float32, threading.RLock())
    found = ask_all(engine, ensemble, crops, features=True)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-3, atol=1e-3)
    for family, features in expected.features.items():
        np.testing.assert_allclose(found.features[family], features, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", ["capsule", "dsp_fwa", "efficientnet_lite1", "xception"])
def test_networks_of_every_make_are_folded(family):
    network, images = unsettle(create_model(family)), noise(1)
    (folded,) = fold_family([network], SIDE, torch.float32)
    assert count_norms(folded) < count_norms(network)
    np.testing.assert_allclose(folded(images), network(images), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_runtime_runs_folded_networks_and_says_how_near_they_are(dtype):
    ensemble, crops = tiny_ensemble(), random_crops(2)
    expected = judge(ensemble.combiner, ask_exactly(ensemble, crops).logits)
    runtime = Runtime(ensemble, "cpu", dtype, engine="torch")
    assert isinstance(runtime.warm_up(), FoldedEngine)
    found = judge(ensemble.combiner, runtime.logits(crops))
    assert np.abs(found - expected).max() <= 0.01
    assert f"torch (asked for), {dtype} (asked for; it moves probabilities by" in runtime.reason
