"""Training of one member: what it makes, what it resumes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_people import write_patterns
from training_runs import FAMILIES, MEMBER, curve, experiment_in

from awarenet.errors import AwareNetError
from awarenet.zoo import create_model, get_spec
from trainer.experiments import Experiment
from trainer.settings import TrainerSettings
from trainer.starting_weights import RANDOM_START, origin_of
from trainer.training import loop, member
from trainer.training.losses import member_loss
from trainer.training.member import recompute_activations, train_member
from trainer.training.scoring import load_member, member_logits

FAMILY = FAMILIES[0]
FALLING = {  # a step down after the checkpoint at step 2, which has to be known when it is gone on
    "schedule": "plateau", "plateau_patience": 0, "plateau_factor": 0.5, "learning_rate": 0.05,
    "keep": "best", "watch": "loss", "families": {FAMILY: {"ema": 0.0}},
}  # fmt: skip


class Killed(BaseException):
    """What ends a process from outside."""


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return write_patterns(tmp_path_factory.mktemp("run"), {"train": 3, "validation": 2}, side=96)


@pytest.fixture
def experiment(manifest, tmp_path) -> Experiment:
    return experiment_in(tmp_path, manifest)


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def kill_at(monkeypatch, step: int) -> None:
    """Let the process die when the loss of a step is computed, the first one since now being 0."""
    calls = []

    def loss(logits, labels, weights, smoothing):
        calls.append(smoothing)
        if calls.count(MEMBER.get("label_smoothing", 0.02)) == step + 1:
            raise Killed
        return member_loss(logits, labels, weights, smoothing)

    monkeypatch.setattr(member, "member_loss", loss)


@pytest.mark.parametrize("train", [{}, {"keep": "best", "watch": "loss"}, {"ema": 0.0}, FALLING])
def test_a_run_that_was_killed_ends_in_the_very_same_weights(
    manifest, tmp_path, monkeypatch, train
):
    whole = experiment_in(tmp_path / "whole", manifest, **train)
    expected = load_file(train_member(whole, FAMILY, 1))
    killed = experiment_in(tmp_path / "killed", manifest, **train)
    folder = killed.member_folder(FAMILY, 1)
    for step in (3, 2):  # at step 3, after the checkpoint at 2; then at 4, the third since
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_member(killed, FAMILY, 1)
        assert not (folder / "model.safetensors").exists()
    assert equal(load_file(train_member(killed, FAMILY, 1)), expected)
    assert [record["step"] for record in curve(folder)] == [2, 4, 5]


def test_a_run_makes_weights_and_a_curve_and_leaves_nothing_else(experiment):
    path = train_member(experiment, FAMILY, 0)
    assert path == experiment.member_folder(FAMILY, 0) / "model.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "log.jsonl",
        "model.safetensors",
        "model.safetensors.from.json",
        "start.json",
    ]
    assert origin_of(experiment, FAMILY) == RANDOM_START
    records = curve(path.parent)
    assert [record["step"] for record in records] == [2, 4, 5]
    assert all(0.2 < record["loss"] < 2 for record in records)
    stored = load_file(path)
    assert {value.dtype for value in stored.values()} <= {torch.float32, torch.int64}
    network = load_member(experiment, FAMILY, 0)
    assert not network.training
    assert equal(network.state_dict(), stored)
    before = path.stat().st_mtime_ns
    (path.parent / "state.pt").touch()  # a kill between the last two writes
    assert train_member(experiment, FAMILY, 0) == path
    assert path.stat().st_mtime_ns == before
    assert not (path.parent / "state.pt").exists()


def test_a_full_disk_at_the_end_loses_nothing(experiment, monkeypatch):
    def no_space(*_):
        raise AwareNetError("cannot write model.safetensors: No space left on device")

    with monkeypatch.context() as patch, pytest.raises(AwareNetError, match="No space"):
        patch.setattr(member, "save_weights", no_space)
        train_member(experiment, FAMILY, 0)
    folder = experiment.member_folder(FAMILY, 0)
    state = torch.load(folder / "state.pt", weights_only=True)
    assert state["progress"]["step"] == MEMBER["steps"]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", None)  # nothing is left to learn
        saved = load_file(train_member(experiment, FAMILY, 0))
    kept = {key.removeprefix("network."): value for key, value in state["kept"].items()}
    assert equal(saved, kept)
    learned = {key.removeprefix("network."): value for key, value in state["module"].items()}
    assert not equal(saved, learned)  # what is kept is the moving average


def test_members_differ_by_their_seed_alone(manifest, tmp_path):
    one, other = (experiment_in(tmp_path / name, manifest, steps=1) for name in "ab")
    first = load_file(train_member(one, FAMILY, 0))
    assert equal(load_file(train_member(other, FAMILY, 0)), first)
    assert not equal(load_file(train_member(other, FAMILY, 1)), first)


def test_training_learns_what_tells_the_patterns_apart(manifest, tmp_path):
    experiment = experiment_in(tmp_path, manifest, steps=24, check_every=24, batch=6, dropout=0.0)
    path = train_member(experiment, "test_resnet", 0)
    assert curve(path.parent)[-1]["validation_auc"] > 0.8


def test_only_what_changes_the_weights_makes_old_ones_stale(manifest, tmp_path):
    train_member(experiment_in(tmp_path, manifest, steps=1), FAMILY, 0)
    for same in ({"workers": 1}, {"check_every": 1}, {"min_delta": 0.5, "loaders": 1}):
        train_member(experiment_in(tmp_path, manifest, steps=1, **same), FAMILY, 0)
    for name, value in (("steps", 2), ("learning_rate", 0.5), ("keep", "best"), ("batch", 2)):
        with pytest.raises(AwareNetError, match=r"was made with .*; set data\.run to another"):
            train_member(experiment_in(tmp_path, manifest, **{"steps": 1, name: value}), FAMILY, 0)


def test_a_rate_that_is_far_too_high_stops_the_training(manifest, tmp_path):
    experiment = experiment_in(tmp_path, manifest, learning_rate=1e30)
    expected = r"^test_efficientnet-0: the loss of step 1 is nan, of clips train-\d"
    with pytest.raises(AwareNetError, match=expected):
        train_member(experiment, FAMILY, 0)
    assert not (experiment.member_folder(FAMILY, 0) / "model.safetensors").exists()


def test_a_run_without_data_says_what_to_do(tmp_path):
    settings = TrainerSettings.model_validate(
        {"data": {"run": str(tmp_path)}, "train": MEMBER, "ensemble": {"families": FAMILIES}}
    )
    experiment = Experiment(settings, "all", "none")
    with pytest.raises(AwareNetError, match=r"no .*manifest\.parquet; run the stage `prepare`"):
        train_member(experiment, FAMILY, 0)
    with pytest.raises(AwareNetError, match=r"model\.safetensors; run the stage `train` first"):
        load_member(experiment, FAMILY, 0)


def test_data_without_a_part_to_validate_on_is_refused(tmp_path):
    manifest = write_patterns(tmp_path / "data", {"train": 2}, side=96)
    with pytest.raises(AwareNetError, match="0 validation crops, real and fake expected"):
        train_member(experiment_in(tmp_path / "run", manifest), FAMILY, 0)


def test_recomputed_activations_change_no_weight(manifest, tmp_path):
    one = experiment_in(tmp_path / "one", manifest, steps=2, precision="float32")
    other = experiment_in(tmp_path / "other", manifest, steps=2, precision="float32",
                          checkpointing=True)  # fmt: skip
    found = [load_file(train_member(each, "test_resnet", 0)) for each in (one, other)]
    for name, value in found[0].items():
        if "num_batches" not in name:
            torch.testing.assert_close(found[1][name], value)


def test_a_network_that_cannot_recompute_goes_on_without(caplog):
    for family in ("xception", "mobilenet_v2"):
        recompute_activations(create_model(family), family)
    assert [record.getMessage() for record in caplog.records] == [
        f"train: {family} cannot recompute activations; it goes on without"
        for family in ("xception", "mobilenet_v2")
    ]


def test_scores_do_not_depend_on_the_size_of_a_batch():
    torch.manual_seed(0)
    network, spec = create_model(FAMILY, dropout=0.5), get_spec(FAMILY)
    crops = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), np.uint8)
    scores = member_logits(network, crops, spec, batch=2)
    assert (scores.shape, scores.dtype) == ((5,), np.float32)
    assert network.training
    found = member_logits(network.eval(), crops, spec, batch=5)
    assert scores == pytest.approx(found, abs=1e-4)
    assert not network.training
    assert member_logits(network, crops[:0], spec, batch=5).shape == (0,)
