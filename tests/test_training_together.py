"""Members and tier-2 weights trained together, as AWARE-NET's paper words it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_people import write_patterns
from training_runs import FAMILIES, curve, experiment_in

from awarenet.errors import AwareNetError
from trainer.experiments import Experiment
from trainer.training import together
from trainer.training.member import train_member
from trainer.training.scoring import Fed, load_member, outputs, weights_path
from trainer.training.together import Mixture, read_together, train_together

OPTIONS = {"steps": 4, "check_every": 2, "precision": "float32", "head_factor": 50}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    """Two families of two members, trained alone."""
    folder = tmp_path_factory.mktemp("together")
    manifest = write_patterns(folder / "data", {"train": 3, "validation": 2}, side=96)
    experiment = experiment_in(folder / "run", manifest, **OPTIONS)
    for member in experiment.members:
        train_member(experiment, *member)
    return experiment


@pytest.fixture(scope="module")
def path(experiment) -> Path:
    return train_together(experiment)


def test_every_member_and_the_weights_have_changed(experiment, path):
    for family, index in experiment.members:
        alone, changed = (
            load_file(weights_path(experiment, family, index, where)) for where in (False, True)
        )
        assert alone.keys() == changed.keys()
        moved = [n for n, v in alone.items() if v.ndim > 1 and not torch.equal(v, changed[n])]
        assert len(moved) == sum(value.ndim > 1 for value in alone.values())
    weights = read_together(experiment)
    assert list(weights) == list(FAMILIES)
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) > 0
    assert abs(weights[FAMILIES[0]] - 0.5) > 1e-3


def test_it_leaves_a_curve_and_no_checkpoint(experiment, path):
    assert path == experiment.folder / "together" / "together.json"
    names = {f"{family}-{index}.safetensors" for family, index in experiment.members}
    assert {p.name for p in path.parent.iterdir()} == names | {
        "together.json", "together.json.from.json", "log.jsonl",
    }  # fmt: skip
    assert [record["step"] for record in curve(path.parent)] == [2, 4]
    before = path.stat().st_mtime_ns
    assert train_together(experiment) == path
    assert path.stat().st_mtime_ns == before


def test_the_settings_decide_which_members_are_loaded(experiment, path):
    family, index = experiment.members[1]
    ensemble = experiment.settings.ensemble.model_copy(update={"tier_2": "end_to_end"})
    other = Experiment(experiment.settings.model_copy(update={"ensemble": ensemble}), "all", "none")
    for where, loaded in ((False, experiment), (True, other)):
        expected = load_file(weights_path(experiment, family, index, where))
        for found in (
            load_member(loaded, family, index),
            load_member(experiment, family, index, together=where),
        ):
            state = found.state_dict()
            assert all(torch.equal(value, state[name]) for name, value in expected.items())


def test_a_mixture_is_the_weighed_mean_of_the_families_means(experiment):
    ensemble = together._ensemble(experiment)
    with torch.no_grad():
        ensemble.combiner.raw_weights.copy_(torch.tensor([0.7, -0.2]))
    crops = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), np.uint8)
    shares = {
        member: 1 / (1 + np.exp(-outputs(Fed(load_member(experiment, *member),
                                             experiment.spec(member[0])), crops)))
        for member in experiment.members
    }  # fmt: skip
    weights = np.exp([0.7, -0.2]) / np.exp([0.7, -0.2]).sum()
    expected = sum(
        weight * (shares[family, 0] + shares[family, 1]) / 2
        for weight, family in zip(weights, FAMILIES, strict=True)
    )
    mixture = Mixture(ensemble)
    assert outputs(mixture, crops) == pytest.approx(expected, abs=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mixture.eval()(torch.from_numpy(crops))
    assert mixed.dtype is torch.float32


def test_the_gradient_is_that_of_the_mixtures_log_loss():
    raw = torch.tensor([0.3, -0.4], requires_grad=True)
    shares = torch.tensor([[0.9, 0.6], [0.2, 0.4]])
    labels = torch.tensor([1.0, 0.0])
    together.mixture_loss(shares @ raw.softmax(0), labels, torch.ones(2), 0.0).backward()
    eps, slopes = 1e-4, []
    for at in range(2):  # by finite differences, in double precision
        values = []
        for sign in (1, -1):
            w = np.array([0.3, -0.4])
            w[at] += sign * eps
            p = shares.numpy().astype(float) @ (np.exp(w) / np.exp(w).sum())
            values.append(-(np.log(p[0]) + np.log(1 - p[1])) / 2)
        slopes.append((values[0] - values[1]) / (2 * eps))
    assert raw.grad.tolist() == pytest.approx(slopes, abs=1e-4)


def test_tier_2_is_not_decayed_and_trained_heads_have_no_rate_of_their_own(experiment):
    ensemble = together._ensemble(experiment)
    groups = together._groups(ensemble, experiment)
    (tier_2,) = [g for g in groups if any(p is ensemble.combiner.raw_weights for p in g["params"])]
    rate = experiment.settings.train.learning_rate
    assert tier_2 == {
        "params": [ensemble.combiner.raw_weights], "peak": 50 * rate, "weight_decay": 0.0,
    }  # fmt: skip
    assert {group["peak"] for group in groups} == {rate, 50 * rate}
    assert sum(len(g["params"]) for g in groups) == len(list(ensemble.parameters()))


def test_members_that_are_not_trained_yet_are_asked_for(experiment, tmp_path):
    fresh = experiment_in(tmp_path, experiment.manifest)
    with pytest.raises(AwareNetError, match=r"model\.safetensors; run the stage `train` first"):
        train_together(fresh)
    with pytest.raises(AwareNetError, match=r"together\.json; run the stage `train` first"):
        read_together(fresh)
