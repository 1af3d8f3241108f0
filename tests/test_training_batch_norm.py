"""Running statistics of batch norms, against torch's own rule."""

from __future__ import annotations

import copy

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.checkpoint import checkpoint

from trainer.training.batch_norm import RunningStatistics


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=0.3))


def images(seed: int) -> torch.Tensor:
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) + seed


def kept(network: nn.Module) -> list[torch.Tensor]:
    return [b for m in (network[1], network[2]) for b in (m.running_mean, m.running_var)]


def take_over(network: nn.Module) -> RunningStatistics:
    statistics = RunningStatistics(network, Accelerator(cpu=True))
    statistics.begin()
    return statistics


def test_with_one_micro_batch_a_step_they_are_torchs(network):
    plain = copy.deepcopy(network)
    statistics = take_over(network)
    for step in range(4):
        plain(images(step))
        network(images(step))
        statistics.collect()
        statistics.commit()
    for found, expected in zip(kept(network), kept(plain), strict=True):
        torch.testing.assert_close(found, expected)


def test_with_several_they_move_to_their_mean_as_far_as_torch_would(network):
    alone = []
    for seed in (1, 2, 3):  # what each micro-batch shows: torch's rule with momentum 1
        one = copy.deepcopy(network)
        one[1].momentum = one[2].momentum = 1.0
        one(images(seed))
        alone.append(kept(one))
    before = [buffer.clone() for buffer in kept(network)]
    statistics = take_over(network)
    for seed in (1, 2, 3):
        network(images(seed))
        statistics.collect()
    statistics.commit()
    for at, momentum in enumerate((0.1, 0.1, 0.3, 0.3)):
        share = 1 - (1 - momentum) ** 3
        mean = (alone[0][at] + alone[1][at] + alone[2][at]) / 3
        expected = before[at] * (1 - share) + mean * share
        torch.testing.assert_close(kept(network)[at], expected)


def test_activations_that_are_computed_twice_count_once(network):
    plain = copy.deepcopy(network)
    statistics = take_over(network)
    plain(images(1)).sum().backward()
    checkpoint(network, images(1), use_reentrant=False).sum().backward()
    statistics.collect()
    statistics.commit()
    for found, expected in zip(kept(network), kept(plain), strict=True):
        torch.testing.assert_close(found, expected)


def test_norms_that_rest_stay_as_they_are_to_the_bit(network):
    network(images(1))
    network[1].eval()
    before = [buffer.clone() for buffer in kept(network)]
    statistics = take_over(network)
    network(images(2))
    statistics.collect()
    statistics.commit()
    same = [torch.equal(*pair) for pair in zip(kept(network), before, strict=True)]
    assert same == [True, True, False, False]


def test_a_network_without_norms_is_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    statistics = take_over(network)
    network(images(0))
    statistics.collect()
    statistics.commit()
    assert network[1].momentum == 0.1
