"""The ensemble and the runtime: shapes, agreement with single members, batches, stopping."""

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.combine import Mean, TwoTier
from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError, Canceled, SettingsError
from awarenet.runtime import Runtime
from awarenet.zoo import SPECS, adapt_spec, create_model, get_spec, preprocess

FAMILIES = ("test_resnet", "test_efficientnet", "mobilenet_v2")
SMALLER = {"mobilenet_v2": adapt_spec(SPECS["mobilenet_v2"], side=64)}


def tiny_ensemble(members: int = 2) -> Ensemble:
    torch.manual_seed(0)
    networks = {family: [create_model(family) for _ in range(members)] for family in FAMILIES}
    return Ensemble(networks, TwoTier(len(FAMILIES)), SMALLER).eval()


def random_crops(count: int, side: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


class Stub(nn.Module):
    """Stands in for an ensemble; runs out of memory, or out of float16's range, on demand."""

    families = ("a",)
    members_per_family = 1

    def __init__(self, fits: int = 1000, overflows: bool = False):
        super().__init__()
        self.fits, self.overflows, self.batches = fits, overflows, []

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(crops))
        if len(crops) > self.fits:
            raise torch.OutOfMemoryError("no more")
        if self.overflows and torch.is_autocast_enabled("cpu"):
            return torch.full((len(crops), 1, 1), torch.inf)
        return crops[:, 0, 0, :1, None].float()


@pytest.mark.parametrize("members", [1, 2])
def test_logits_stand_by_crop_family_and_member(members):
    ensemble = tiny_ensemble(members)
    crops = torch.from_numpy(random_crops(2))
    with torch.no_grad():
        logits = ensemble(crops)
        assert logits.shape == (2, 3, members)
        for row, family in enumerate(FAMILIES):
            side = 64 if family == "mobilenet_v2" else 96
            images = preprocess(crops, adapt_spec(SPECS[family], side=side))
            for column, network in enumerate(ensemble.members[family]):
                expected = network(images)[:, 0]
                torch.testing.assert_close(logits[:, row, column], expected, atol=1e-4, rtol=0)


def test_the_probability_is_the_combiners():
    ensemble = tiny_ensemble()
    logits = torch.randn(4, 3, 2)
    assert torch.equal(ensemble.probability(logits), ensemble.combiner(logits))
    assert list(ensemble.weights) == list(FAMILIES)
    assert sum(ensemble.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("members", "combiner", "words"),
    [
        ({}, Mean(1), "expected the same number"),
        ({"test_resnet": []}, Mean(1), "expected the same number"),
        ({"test_resnet": [nn.Identity()], "xception": []}, Mean(2), "expected the same number"),
        ({"test_resnet": [nn.Identity()]}, Mean(2), "weighs 2 families; there are 1"),
    ],
)
def test_members_that_do_not_fit_together_are_refused(members, combiner, words):
    with pytest.raises(ValueError, match=words):
        Ensemble(members, combiner)


def test_the_runtime_gives_the_ensembles_logits_whatever_the_batch():
    crops = random_crops(5)
    ensemble = tiny_ensemble()
    with torch.no_grad():
        expected = ensemble(torch.from_numpy(crops)).numpy()
    for batch_size in (1, 2, 32):
        found = Runtime(ensemble, "cpu", batch_size=batch_size).logits(crops)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_runtime_scores_in_evaluation_mode_with_frozen_parameters():
    runtime = Runtime(tiny_ensemble().train(), "cpu")
    assert not any(module.training for module in runtime.ensemble.modules())
    assert not any(value.requires_grad for value in runtime.ensemble.parameters())
    crops = random_crops(2)
    np.testing.assert_array_equal(runtime.logits(crops), runtime.logits(crops))


def test_networks_that_were_scored_with_still_give_gradients_for_their_input():
    runtime = Runtime(tiny_ensemble(), "cpu")
    crops = random_crops(1)
    runtime.logits(crops)
    images = preprocess(torch.from_numpy(crops), get_spec("test_resnet")).requires_grad_(True)
    runtime.ensemble.members["test_resnet"][0](images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_bfloat16_stays_near_float32():
    crops = random_crops(2)
    ensemble = tiny_ensemble()
    exact = Runtime(ensemble, "cpu", "float32").logits(crops)
    coarse = Runtime(ensemble, "cpu", "bfloat16").logits(crops)
    assert coarse.dtype == np.float32
    assert not np.array_equal(coarse, exact)
    np.testing.assert_allclose(coarse, exact, atol=0.05 * np.abs(exact).max())


def test_no_crops_give_no_logits():
    assert Runtime(tiny_ensemble(), "cpu").logits(random_crops(0)).shape == (0, 3, 2)


def test_the_runtime_halves_its_batches_until_they_fit():
    stub = Stub(fits=3)
    runtime = Runtime(stub, "cpu", batch_size=8)
    crops = random_crops(7, side=4)
    np.testing.assert_array_equal(runtime.logits(crops)[:, 0, 0], crops[:, 0, 0, 0])
    assert stub.batches == [7, 3, 3, 1]
    assert runtime.batch_size == 3


def test_memory_that_does_not_hold_one_crop_is_an_error_for_people():
    with pytest.raises(AwareNetError, match="not enough memory on cpu for one crop"):
        Runtime(Stub(fits=0), "cpu").logits(random_crops(2, side=4))


def test_a_format_that_overflows_is_left_for_float32():
    runtime = Runtime(Stub(overflows=True), "cpu", "bfloat16")
    crops = random_crops(2, side=4)
    np.testing.assert_array_equal(runtime.logits(crops)[:, 0, 0], crops[:, 0, 0, 0])
    assert "overflowed" in runtime.reason


def test_scoring_stops_between_batches_when_asked():
    stub = Stub()
    runtime = Runtime(stub, "cpu", batch_size=2)
    with pytest.raises(Canceled):
        runtime.logits(random_crops(6, side=4), should_stop=lambda: len(stub.batches) == 2)
    assert stub.batches == [2, 2]


@pytest.mark.parametrize(
    "crops", [random_crops(1)[0], random_crops(1).astype(np.float32), random_crops(1)[..., :1]]
)
def test_crops_of_another_kind_are_refused(crops):
    with pytest.raises(ValueError, match="expected .B, S, S, 3. uint8"):
        Runtime(Stub(), "cpu").logits(crops)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"device": "gpu"}, "runtime.device='gpu'; expected"),
        ({"device": "cuda:999"}, "CUDA devices were found"),
        ({"device": "cpu", "dtype": "half"}, "runtime.dtype='half'; expected"),
        ({"device": "cpu", "dtype": "float16"}, "set it to bfloat16 or float32"),
        ({"device": "cpu", "batch_size": 0}, "runtime.batch_size=0"),
    ],
)
def test_a_choice_that_cannot_be_had_is_refused(choice, words):
    with pytest.raises(SettingsError, match=words):
        Runtime(Stub(), **choice)


def test_the_runtime_says_what_it_chose_and_why():
    runtime = Runtime(Stub(), "cpu", "auto")
    assert runtime.reason.startswith("cpu (asked for), float32 (scores agree")


@pytest.mark.gpu
def test_a_gpu_scores_as_the_cpu_does():
    crops = random_crops(4)
    expected = Runtime(tiny_ensemble(), "cpu").logits(crops)
    for dtype, share in (("float32", 0.01), ("auto", 0.05)):
        runtime = Runtime(tiny_ensemble(), "cuda", dtype)
        found = runtime.logits(crops)
        np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max())
