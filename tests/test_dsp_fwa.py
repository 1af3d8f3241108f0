"""DSP-FWA: the pyramid against the published windows and by hand, ResNet-50 against timm's."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.nets.dsp_fwa import DspFwa, SpatialPyramidPooling
from awarenet.zoo import create_model, timm


@pytest.fixture(scope="module")
def whole() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("resnet50").eval()


def test_at_7x7_the_bins_are_the_published_windows():
    features = torch.randn(2, 5, 7, 7)
    expected = torch.cat(
        [
            nn.MaxPool2d(math.ceil(7 / level), math.floor(7 / level))(features).flatten(1)
            for level in (1, 2, 6)
        ],
        dim=1,
    )
    assert torch.equal(SpatialPyramidPooling()(features), expected)


def test_a_pyramid_by_hand():
    features = torch.tensor([[1.0, 5, 2], [0, 3, 4], [9, 7, 8]])[None, None]
    # the whole; then rows 0-1 and 1-2 by columns 0-1 and 1-2
    assert SpatialPyramidPooling((1, 2))(features).tolist() == [[9, 5, 5, 9, 8]]


@pytest.mark.parametrize("grid", [(1, 1), (3, 3), (7, 7), (10, 12)])
def test_every_grid_has_41_bins_a_channel(grid):
    features = torch.randn(2, 3, *grid)
    found = SpatialPyramidPooling()(features)
    assert found.shape == (2, 3 * 41)
    # each bin as NumPy has it: from floor(i h / n) to ceil((i + 1) h / n)
    expected = []
    for level in (1, 2, 6):
        edges = [
            [(i * size // level, -(-(i + 1) * size // level)) for i in range(level)]
            for size in grid
        ]
        bins = [
            features.numpy()[:, :, top:bottom, left:right].max(axis=(2, 3))
            for top, bottom in edges[0]
            for left, right in edges[1]
        ]
        expected.append(np.stack(bins, axis=2).reshape(2, -1))
    np.testing.assert_array_equal(found.numpy(), np.concatenate(expected, axis=1))


def test_the_stages_are_timms_resnet50(whole):
    network = DspFwa(whole).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.forward_features(images), whole.forward_features(images))
    assert network.num_features == 83_968
    assert network.classifier.weight.shape == (2, 83_968)


def test_the_logit_is_that_of_the_second_classs_softmax(whole):
    network = DspFwa(whole).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = network.pyramid(network.forward_features(images))
        expected = network.classifier(features).softmax(dim=1)[:, 1:]
        torch.testing.assert_close(network(images).sigmoid(), expected)


def test_recomputed_activations_give_the_same_gradients():
    torch.manual_seed(0)
    network = create_model("dsp_fwa")
    images = torch.randn(2, 3, 64, 64)
    gradients = []
    for enable in (False, True):
        network.set_grad_checkpointing(enable)
        network.zero_grad()
        network(images).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    torch.testing.assert_close(*gradients)
