"""What heat maps leave behind in the networks: nothing, whatever happens."""

import gc

import numpy as np
import pytest
import torch
from tiny_bundle import golden_crops, tiny_ensemble
from torch.nn import functional

from awarenet.errors import Canceled
from awarenet.explain import METHODS, heat_maps, member_maps
from awarenet.runtime import Runtime


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(tiny_ensemble(), device="cpu")


def stretched(grids: torch.Tensor) -> torch.Tensor:
    low = grids.amin(dim=(1, 2), keepdim=True)
    high = (grids - low).amax(dim=(1, 2), keepdim=True)
    return (grids - low) / (high + 1e-7)


def hooks(runtime: Runtime) -> int:
    return sum(
        len(module._forward_hooks) + len(module._backward_hooks)
        for module in runtime.ensemble.modules()
    )


def test_explaining_leaves_the_networks_as_they_were(runtime):
    crops = golden_crops(2)
    before = runtime.logits(crops)
    heat_maps(runtime, crops)
    np.testing.assert_array_equal(runtime.logits(crops), before)
    for module in runtime.ensemble.modules():
        assert not module._forward_hooks
        assert not module.training
    assert all(value.grad is None for value in runtime.ensemble.parameters())


def test_a_stop_between_two_networks_leaves_no_hook_behind(runtime):
    asked = []

    def stop() -> bool:
        asked.append(hooks(runtime))
        return len(asked) == 3

    with pytest.raises(Canceled):
        heat_maps(runtime, golden_crops(1), should_stop=stop)
    assert asked == [0, 0, 0]
    assert hooks(runtime) == 0


class Failing(torch.nn.Module):
    """A network that ends in an error, in one that it should not be forgiven."""

    def __init__(self, error: BaseException):
        super().__init__()
        self.grid = torch.nn.Conv2d(3, 4, 3)
        self.error = error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the grid, then fail."""
        self.grid(images)
        raise self.error


@pytest.mark.parametrize("error", [IndexError("lost"), KeyboardInterrupt(), MemoryError()])
def test_an_error_within_a_network_is_passed_on_and_its_hooks_are_gone(error):
    network = Failing(error).requires_grad_(False).eval()
    with pytest.raises(type(error)):
        member_maps(network, "grid", torch.zeros(1, 3, 8, 8), list(METHODS))
    assert not network.grid._forward_hooks


def test_a_layer_without_a_grid_is_named(runtime):
    network = runtime.ensemble.members["test_resnet"][0]
    with pytest.raises(RuntimeError, match=r"no map at layer 'fc': it gave \[\(2, 1\)\]"):
        member_maps(network, "fc", torch.zeros(2, 3, 96, 96))
    assert hooks(runtime) == 0


class InPlace(torch.nn.Module):
    """A network that overwrites its last grid, as VGG's ReLU does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.grid = torch.nn.Conv2d(3, 6, 3)
        self.head = torch.nn.Linear(6, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Score (B, 3, side, side) pictures."""
        return self.head(self.grid(images).sigmoid_().mean(dim=(2, 3)))


def test_a_grid_that_is_overwritten_later_is_seen_as_it_was():
    network = InPlace().requires_grad_(False).eval()
    images = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(4))
    grid = network.grid(images)
    weights = network.head.weight[0, :, None, None] * grid.sigmoid() * (1 - grid.sigmoid()) / 100
    expected = (weights.mean(dim=(2, 3), keepdim=True) * grid).sum(dim=1).relu()
    found = member_maps(network, "grid", images)["gradcam"]
    side = functional.interpolate(stretched(expected)[:, None], size=(12, 12), mode="bilinear")
    np.testing.assert_allclose(found, stretched(side[:, 0]).numpy(), atol=1e-3)


def test_gradients_end_at_the_grid_and_nothing_before_it_is_kept():
    network, seen = InPlace().requires_grad_(False).eval(), []
    network.grid.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    member_maps(network, "grid", torch.randn(1, 3, 12, 12))
    assert not seen[0].requires_grad
    assert seen[0].grad is None


def test_twenty_calls_keep_nothing_that_one_did_not(runtime):
    def tensors() -> int:
        gc.collect()
        return sum(type(thing) is torch.Tensor for thing in gc.get_objects())

    network = runtime.ensemble.members["test_resnet"][0]
    images = torch.zeros(1, 3, 96, 96)
    member_maps(network, "layer4", images, list(METHODS))
    before = tensors()
    for _ in range(20):
        member_maps(network, "layer4", images, list(METHODS))
    assert tensors() == before
    assert hooks(runtime) == 0
