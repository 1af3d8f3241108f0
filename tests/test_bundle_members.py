"""Members are built empty and filled from the file: nothing stays empty, nothing stays mapped."""

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.bundle.members import _build, _fill, write_member
from awarenet.zoo import SPECS, create_model, list_models


def tensors(network: nn.Module) -> list[torch.Tensor]:
    """Everything that a network computes with, whether it is stored or not."""
    found = [*network.parameters(), *network.buffers()]
    for module in network.modules():
        found += [each for each in vars(module).values() if isinstance(each, torch.Tensor)]
    return found


@pytest.mark.parametrize("family", list_models())
def test_a_network_of_the_zoo_has_no_numbers_beside_those_that_are_stored(family):
    first, second = _build(family, 2)
    for network in (first, second):
        stored = {id(each) for each in network.state_dict(keep_vars=True).values()}
        assert {id(each) for each in tensors(network)} == stored  # all of it is read
    assert not {id(each) for each in first.modules()} & {id(each) for each in second.modules()}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("family", ["test_resnet", "mobilenet_v2"])
def test_what_was_stored_is_read_into_networks_of_their_own(tmp_path, family, dtype):
    torch.manual_seed(0)
    stored = [create_model(family).eval() for _ in range(2)]
    networks = [each.eval() for each in _build(family, 2)]
    for number, (network, source) in enumerate(zip(networks, stored, strict=True)):
        write_member(tmp_path / str(number), source, family, SPECS[family], dtype)
        _fill(network, tmp_path / str(number) / "model.safetensors")
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for network, source in zip(networks, stored, strict=True):
            found, expected = network(images), source(images)
            np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)
            assert not any(each.is_meta for each in tensors(network))
            assert {each.dtype for each in tensors(network)} == {torch.float32, torch.int64}
    assert not torch.equal(networks[0](images), networks[1](images))


def test_weights_do_not_change_with_the_file(tmp_path):
    write_member(
        tmp_path / "0", create_model("test_resnet"), "test_resnet", SPECS["test_resnet"],
        torch.float32,
    )  # fmt: skip
    path = tmp_path / "0" / "model.safetensors"
    (network,) = _build("test_resnet")
    _fill(network, path)
    before = [each.clone() for each in tensors(network)]
    with path.open("r+b") as file:  # in place: the file that was mapped
        file.seek(8)
        file.write(b"\xff" * (path.stat().st_size - 8))
    for now, then in zip(tensors(network), before, strict=True):
        assert torch.equal(now, then)
