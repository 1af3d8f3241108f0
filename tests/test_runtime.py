"""The runtime and its engines: the right logits, in every batch and format, and honest reasons."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from awarenet.combine import TwoTier
from awarenet.ensemble import Ensemble, judge
from awarenet.errors import AwareNetError, Canceled, SettingsError
from awarenet.runtime import Known, Runtime, ask_exactly, making
from awarenet.runtime import runtime as runtimes
from awarenet.runtime.choosing import computes_in_bfloat16
from awarenet.runtime.engine import Job, Seen
from awarenet.zoo import create_model, get_spec, preprocess
from tests.tiny_ensemble import FAMILIES, random_crops, tiny_ensemble


class StubEngine:
    """Runs out of memory, or out of a format's range, on demand; a logit is the first pixel."""

    name = "stub"

    def __init__(self, fits: int = 1000, overflows: bool = False):
        self.fits, self.overflows, self.batches, self.fitted = fits, overflows, [], []

    def run(self, jobs: list[Job]) -> list[Seen]:
        """Answer the one job there is."""
        images = jobs[0].images
        self.batches.append(len(images))
        if len(images) > self.fits:
            raise torch.OutOfMemoryError("no more")
        logits = images[:, 0, 0, :1].float()
        return [Seen(torch.full_like(logits, torch.inf) if self.overflows else logits, None)]

    def fit(self, batch: int) -> str:
        """Note for how many."""
        self.fitted.append(batch)
        return f"ready for {batch}"


@pytest.fixture
def stubbed(monkeypatch):
    """Give a runtime of one network whose engines are these, one after the other."""

    def make(*engines: StubEngine, **choice: object) -> Runtime:
        left = list(engines)

        def next_engine(ensemble, lock, wish, dtypes, known) -> making.Made:
            name = str(dtypes[0][0]).removeprefix("torch.")
            return making.Made(left.pop(0), dtypes[0], f"stub, {name} ({dtypes[0][1]})")

        monkeypatch.setattr(runtimes, "make_engine", next_engine)
        network = {"test_resnet": [create_model("test_resnet")]}
        return Runtime(Ensemble(network, TwoTier(1)), "cpu", **choice)

    return make


def first_pixels(crops: np.ndarray) -> np.ndarray:
    """What StubEngine says of crops."""
    return preprocess(torch.from_numpy(crops), get_spec("test_resnet"))[:, 0, 0, 0].numpy()


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_an_engine_gives_the_ensembles_logits_whatever_the_batch(engine, batch_size):
    crops, ensemble = random_crops(5), tiny_ensemble()
    with torch.no_grad():
        expected = ensemble(torch.from_numpy(crops)).numpy()
    runtime = Runtime(ensemble, "cpu", "float32", batch_size, engine=engine)
    found = runtime.logits(crops)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert runtime.warm_up().name == engine


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_what_is_seen_is_the_mean_over_the_grid_of_each_familys_first_member(engine):
    crops, ensemble = random_crops(3), tiny_ensemble()
    found = Runtime(ensemble, "cpu", "float32", engine=engine).observe(crops)
    assert list(found.features) == list(FAMILIES)
    for family, features in found.features.items():
        network, spec, seen = ensemble.members[family][0], ensemble.specs[family], []
        handle = network.get_submodule(spec.cam_layer).register_forward_hook(
            lambda module, inputs, output, kept=seen: kept.append(output.mean(dim=(2, 3)))
        )
        with torch.no_grad():
            network(preprocess(torch.from_numpy(crops), spec))
        handle.remove()
        np.testing.assert_allclose(features, seen[0].numpy(), atol=1e-4)


def test_only_the_members_that_are_wanted_are_asked():
    crops, ensemble = random_crops(3), tiny_ensemble()
    wanted = np.array([[True, True], [False, False], [False, True]])
    runtime = Runtime(ensemble, "cpu", "float32")
    found = runtime.observe(crops, wanted=wanted)
    assert list(found.features) == [FAMILIES[0]]  # of the others no first member was asked
    assert np.isnan(found.logits[:, ~wanted]).all()
    np.testing.assert_allclose(found.logits[:, wanted], runtime.logits(crops)[:, wanted])


def test_networks_that_were_compiled_still_give_gradients_for_their_input():
    runtime = Runtime(tiny_ensemble().train(), "cpu")
    crops = random_crops(1)
    np.testing.assert_array_equal(runtime.logits(crops), runtime.logits(crops))
    assert not any(module.training for module in runtime.ensemble.modules())
    assert not any(value.requires_grad for value in runtime.ensemble.parameters())
    images = preprocess(torch.from_numpy(crops), get_spec("test_resnet")).requires_grad_(True)
    runtime.ensemble.members["test_resnet"][0](images).sum().backward()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_bfloat16_moves_probabilities_by_a_hundredth_at_most_and_is_not_float32(engine):
    crops, ensemble = random_crops(4), tiny_ensemble()
    exact = Runtime(ensemble, "cpu", "float32", engine=engine).logits(crops)
    coarse = Runtime(ensemble, "cpu", "bfloat16", engine=engine).logits(crops)
    assert coarse.dtype == np.float32
    assert engine == "torch" or not computes_in_bfloat16() or not np.array_equal(coarse, exact)
    drift = np.abs(judge(ensemble.combiner, coarse) - judge(ensemble.combiner, exact))
    assert drift.max() <= 0.01


def test_a_format_that_moves_probabilities_too_far_is_not_taken(monkeypatch):
    monkeypatch.setattr("awarenet.runtime.choosing.computes_in_bfloat16", lambda: True)
    monkeypatch.setitem(making.MOST_DRIFT, torch.bfloat16, -1.0)
    ensemble = tiny_ensemble()
    runtime = Runtime(ensemble, "cpu")
    crops = random_crops(2)
    with torch.no_grad():
        expected = ensemble(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(runtime.logits(crops), expected, atol=1e-4)
    assert "float32 (bfloat16 in openvino moves probabilities by" in runtime.reason


def test_an_engine_that_says_something_else_than_was_stored_is_not_taken():
    ensemble, crops = tiny_ensemble(), random_crops(2)
    with torch.no_grad():
        logits = ensemble(torch.from_numpy(crops)).numpy()
    right = Runtime(ensemble, "cpu", "float32", known=Known(crops, logits))
    assert right.warm_up().name == "openvino"
    wrong = Runtime(ensemble, "cpu", "float32", known=Known(crops, logits + 2))
    assert wrong.warm_up().name == "torch"
    assert "openvino cannot run them: float32 in openvino moves" in wrong.reason
    assert "networks as they are, as float32 in torch moves" in wrong.reason
    np.testing.assert_array_equal(wrong.logits(crops), logits)


class Strange(nn.Module):
    """Does what no translation knows."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Add the real parts of a grid's eigenvalues, row by row."""
        return images + torch.linalg.eigvals(images).real[..., None]


def test_networks_that_openvino_cannot_run_are_run_by_torch_and_that_is_said():
    def strange() -> Ensemble:
        network = create_model("test_resnet")
        network.layer4.append(Strange())
        return Ensemble({"test_resnet": [network]}, TwoTier(1)).eval()

    ensemble, crops = strange(), random_crops(2)
    with torch.no_grad():
        expected = ensemble(torch.from_numpy(crops)).numpy()
    runtime = Runtime(ensemble, "cpu", "float32")
    np.testing.assert_allclose(runtime.logits(crops), expected, atol=1e-4)
    assert runtime.warm_up().name == "torch"
    assert "torch (openvino cannot run them: " in runtime.reason
    with pytest.raises(SettingsError, match="runtime.engine='openvino': openvino cannot run them"):
        Runtime(strange(), "cpu", engine="openvino").warm_up()


def test_without_openvino_torch_runs_them_and_that_is_said(monkeypatch):
    def missing() -> None:
        raise ImportError("No module named 'openvino'")

    monkeypatch.setattr("awarenet.runtime.openvino_engine.import_openvino", missing)
    runtime = Runtime(tiny_ensemble(), "cpu")
    assert runtime.warm_up().name == "torch"
    assert "openvino cannot be imported: No module named 'openvino'" in runtime.reason


def test_no_crops_give_no_logits():
    assert Runtime(tiny_ensemble(), "cpu").logits(random_crops(0)).shape == (0, 3, 2)


def test_the_runtime_halves_its_batches_until_they_fit(stubbed):
    engine, crops = StubEngine(fits=3), random_crops(7)
    runtime = stubbed(engine, batch_size=8)
    np.testing.assert_array_equal(runtime.logits(crops)[:, 0, 0], first_pixels(crops))
    assert engine.batches == [7, 3, 3, 1]
    assert engine.fitted == [8, 3]
    assert runtime.batch_size == 3
    assert "ready for 3" in runtime.reason


def test_memory_that_does_not_hold_one_crop_is_an_error_for_people(stubbed):
    with pytest.raises(AwareNetError, match="not enough memory on cpu for one crop of 1 networks"):
        stubbed(StubEngine(fits=0)).logits(random_crops(2))


def test_a_format_that_overflows_is_left_for_float32(stubbed):
    runtime = stubbed(StubEngine(overflows=True), StubEngine(), dtype="bfloat16")
    crops = random_crops(2)
    np.testing.assert_array_equal(runtime.logits(crops)[:, 0, 0], first_pixels(crops))
    assert "float32 (bfloat16 overflowed)" in runtime.reason


def test_scoring_stops_between_batches_when_asked(stubbed):
    engine = StubEngine()
    runtime = stubbed(engine, batch_size=2)
    with pytest.raises(Canceled):
        runtime.logits(random_crops(6), should_stop=lambda: len(engine.batches) == 2)
    assert engine.batches == [2, 2]


@pytest.mark.parametrize(
    "crops", [random_crops(1)[0], random_crops(1).astype(np.float32), random_crops(1)[..., :1]]
)
def test_crops_of_another_kind_are_refused(crops):
    with pytest.raises(ValueError, match="expected .B, S, S, 3. uint8"):
        Runtime(tiny_ensemble(1), "cpu").logits(crops)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"device": "gpu"}, "runtime.device='gpu'; expected"),
        ({"device": "cuda:999"}, "CUDA devices were found"),
        ({"device": "cpu", "dtype": "half"}, "runtime.dtype='half'; expected"),
        ({"device": "cpu", "dtype": "float16"}, "set it to bfloat16 or float32"),
        ({"device": "cpu", "batch_size": 0}, "runtime.batch_size=0"),
        ({"device": "cpu", "engine": "onnx"}, "runtime.engine='onnx'; expected auto, openvino"),
    ],
)
def test_a_choice_that_cannot_be_had_is_refused(choice, words):
    with pytest.raises(SettingsError, match=words):
        Runtime(tiny_ensemble(1), **choice)


def test_the_runtime_says_what_it_chose_and_why():
    runtime = Runtime(tiny_ensemble(1), "cpu", "float32")
    assert runtime.reason.startswith(
        "cpu (asked for), openvino (the faster one on a CPU), float32 (asked for; it moves"
    )
    assert runtime.reason.endswith("threads")


def test_a_format_that_was_refused_is_not_compiled_again_for_the_same_faces(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(making.MOST_DRIFT, torch.bfloat16, 0.0)
    dtypes, made = [(torch.bfloat16, "fast"), (torch.float32, "exact")], []
    own = making.OpenVinoEngine

    def counted(ensemble: Ensemble, dtype: torch.dtype, threads: int):
        made.append(dtype)
        return own(ensemble, dtype, threads)

    monkeypatch.setattr(making, "OpenVinoEngine", counted)
    ensemble, crops = tiny_ensemble(1), random_crops(2)

    def reason(known: Known) -> str:
        wish = ("openvino", "the faster one on a CPU")
        return making.make_engine(ensemble, threading.RLock(), wish, dtypes, known).reason

    known = Known(crops, ask_exactly(ensemble, crops).logits)
    first = reason(known)
    assert made == [torch.bfloat16, torch.float32] and "bfloat16 in openvino moves" in first
    assert reason(known) == first
    assert made[2:] == [torch.float32]
    others = random_crops(3)
    reason(Known(others, ask_exactly(ensemble, others).logits))
    assert made[3:] == [torch.bfloat16, torch.float32]
    for path in (tmp_path / "awarenet" / "refused").iterdir():
        path.write_text("no number")
    assert reason(known) == first
    assert made[5:] == [torch.bfloat16, torch.float32]
