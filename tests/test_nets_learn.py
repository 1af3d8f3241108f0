"""The networks that we wrote: as large as published, able to learn, safe, and seen by Grad-CAM."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from awarenet.explain import member_maps
from awarenet.nets.ictu_oculi import IctuOculi
from awarenet.zoo import SPECS, adapt_spec, create_model, preprocess

OWN = [name for name in SPECS if SPECS[name].network]
# published: learning and resting parameters
COUNTS = {
    "capsule": (1_571_070, 2_325_568),
    "dsp_fwa": (23_675_970, 0),
    "ictu_oculi": (134_268_738, 0),
}
# lowest loss over all votes that the network's form allows
FLOORS = {"capsule": 4 * np.log(1 + np.exp(-1)), "dsp_fwa": 0.0, "ictu_oculi": 0.0}
# side in px, cells of a picture, epochs at most, learning rate of Adam, batch
SMALL = {
    "capsule": (16, 8, 160, 1e-2, 32),
    "dsp_fwa": (32, 8, 20, 1e-4, 32),
    "ictu_oculi": (32, 4, 30, 1e-4, 8),
}


def build(name: str) -> nn.Module:
    """Build a network; the largest with a head that does not take seconds."""
    torch.manual_seed(0)
    return IctuOculi(hidden=256) if name == "ictu_oculi" else create_model(name)


def pictures(name: str, number: int, side: int, cells: int = 4) -> torch.Tensor:
    """Checkered pictures, each another, as the network takes them."""
    generator = torch.Generator().manual_seed(1)
    crops = torch.randint(0, 2, (number, cells, cells, 3), generator=generator) * 255
    return preprocess(crops.to(torch.uint8), adapt_spec(SPECS[name], side=side))


def loss_of(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over the pictures of the loss summed over the votes."""
    votes = network.votes(images) if hasattr(network, "votes") else network(images)
    targets = labels[:, None].expand_as(votes)
    return binary_cross_entropy_with_logits(votes, targets, reduction="none").sum(dim=1).mean()


def loss_when_evaluated(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Loss in evaluation, with batch norms that hold the statistics of these pictures."""
    norms = [
        part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)
    ]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
        return loss_of(network.eval(), images, labels)


@pytest.mark.parametrize("name", OWN)
def test_a_network_has_the_published_number_of_parameters(name):
    network = create_model(name)
    resting = sum(value.numel() for value in network.parameters() if not value.requires_grad)
    assert (sum(value.numel() for value in network.parameters()) - resting, resting) == COUNTS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_a_network_learns_32_pictures_by_heart(name):
    side, cells, epochs, rate, size = SMALL[name]
    network, images = build(name), pictures(name, 32, side, cells)
    if name == "ictu_oculi":
        network.drop.p = 0.0  # half as many steps
    labels = torch.arange(32) % 2 * 1.0
    learning = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=rate)
    torch.manual_seed(2)
    excess = torch.inf
    for _ in range(epochs):
        network.train()
        for part in torch.randperm(32).split(size):
            optimizer.zero_grad()
            loss = loss_of(network, images[part], labels[part])
            loss.backward()
            optimizer.step()
        if loss < FLOORS[name] + 0.1:  # now it is worth a look
            excess = loss_when_evaluated(network, images, labels) - FLOORS[name]
            if excess < 0.05:
                break
    assert excess < 0.05


@pytest.mark.parametrize("name", OWN)
def test_gradients_reach_every_parameter_that_learns(name):
    network, images = build(name), pictures(name, 4, 48)
    if name == "dsp_fwa":  # timm starts each block as nothing but its shortcut
        for key, value in network.named_parameters():
            if key.endswith("bn3.weight"):
                nn.init.ones_(value)
    labels = torch.tensor([0.0, 1, 0, 1])
    loss_of(network.train(), images, labels).backward()
    resting = set(getattr(network, "resting", ()))
    for key, value in network.named_parameters():
        if key.split(".")[0] in resting:
            assert value.grad is None, key
        else:
            assert value.grad.isfinite().all(), key
            assert value.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", OWN)
def test_evaluation_repeats_itself_whatever_was_drawn_before(name):
    network, images = build(name).eval(), pictures(name, 2, 64)
    with torch.no_grad():
        first = network(images)
        torch.manual_seed(99)
        assert torch.equal(network(images), first)
        # and a picture's logit does not depend on its neighbors
        torch.testing.assert_close(network(images[:1]), first[:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", OWN)
def test_flat_pictures_give_finite_logits_and_gradients(name, training):
    network = build(name).train(training)
    for value in (0, 128, 255):
        crops = torch.full((2, 32, 32, 3), value, dtype=torch.uint8)
        images = preprocess(crops, adapt_spec(SPECS[name], side=32)).requires_grad_(True)
        loss = loss_of(network, images, torch.tensor([0.0, 1]))
        loss.backward()
        assert loss.isfinite()
        assert images.grad.isfinite().all()
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert all(parameter.grad.isfinite().all() for parameter in learning)


@pytest.mark.parametrize("name", OWN)
def test_grad_cam_finds_somewhere_to_look(name):
    network = build(name).eval()
    network.requires_grad_(False)  # as in a bundle
    maps = member_maps(network, SPECS[name].cam_layer, pictures(name, 2, 96))["gradcam"]
    assert maps.shape == (2, 96, 96)
    assert np.isfinite(maps).all()
    assert maps.std(axis=(1, 2)).min() > 0.01
