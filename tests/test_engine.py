"""Training of one member: resumed runs are bit-equal, bad losses stop it, averages are saved."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tiny_people import write_patterns
from torch.nn.functional import cross_entropy

from awarenet.errors import AwareNetError
from awarenet.zoo import create_model
from trainer import engine
from trainer.engine import (
    load_member,
    member_folder,
    member_logits,
    member_seed,
    schedule,
    smoothed_loss,
    train_member,
)
from trainer.settings import TrainerSettings

FAMILIES = ("test_efficientnet", "test_resnet")
FAMILY = FAMILIES[0]
TRAIN = {
    "start": "random",
    "steps": 5,
    "pairs": 2,
    "check_every": 2,
    "learning_rate": 2e-3,
    "dropout": 0.3,
    "ema": 0.9,
}


class Killed(BaseException):
    """What ends a process from outside."""


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return write_patterns(tmp_path_factory.mktemp("run"), {"train": 3, "validation": 2}, side=96)


@pytest.fixture
def settings(manifest, tmp_path) -> TrainerSettings:
    return make(manifest, tmp_path)


def make(manifest: Path, folder: Path, **train: object) -> TrainerSettings:
    """Settings of a run in `folder` on prepared patterns."""
    folder.mkdir(exist_ok=True)
    for path in manifest.parent.iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return TrainerSettings.model_validate(
        {
            "data": {"run": str(folder)},
            "train": {**TRAIN, **train},
            "ensemble": {"families": FAMILIES, "members": 2},
        }
    )


def kill_at(monkeypatch, step: int) -> None:
    """Let the process die when the loss of a step is computed, the first step being 0."""
    calls = []

    def loss(*args):
        calls.append(args)
        if len(calls) == step + 1:
            raise Killed
        return smoothed_loss(*args)

    monkeypatch.setattr(engine, "smoothed_loss", loss)


def test_a_run_that_was_killed_ends_in_the_very_same_weights(manifest, tmp_path, monkeypatch):
    whole = load_file(train_member(make(manifest, tmp_path / "whole"), FAMILY, 1))
    settings = make(manifest, tmp_path / "killed")
    for step in (3, 2):  # at step 3, after the checkpoint at 2; then at 4, the third since
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_member(settings, FAMILY, 1)
        assert not (member_folder(settings, FAMILY, 1) / "model.safetensors").exists()
    resumed = load_file(train_member(settings, FAMILY, 1))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_run_makes_weights_and_a_log_and_leaves_nothing_else(settings):
    path = train_member(settings, FAMILY, 0)
    assert path == member_folder(settings, FAMILY, 0) / "model.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "log.jsonl",
        "model.safetensors",
        "model.safetensors.from.json",
    ]
    records = [json.loads(line) for line in (path.parent / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [2, 4, 5]
    assert all(0.2 < record["loss"] < 2 for record in records)
    assert all(0 <= record["validation_auc"] <= 1 for record in records)
    stored = load_file(path)
    assert {value.dtype for value in stored.values()} <= {torch.float32, torch.int64}
    network = load_member(settings, FAMILY, 0)
    assert not network.training
    assert all(torch.equal(value, stored[key]) for key, value in network.state_dict().items())
    before = path.stat().st_mtime_ns
    assert train_member(settings, FAMILY, 0) == path
    assert path.stat().st_mtime_ns == before


def test_what_is_saved_is_the_moving_average(settings, monkeypatch):
    def no_space(model, path):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(engine, "_save_weights", no_space)
        train_member(settings, FAMILY, 0)
    state = torch.load(member_folder(settings, FAMILY, 0) / "state.pt", weights_only=True)
    assert state["step"] == TRAIN["steps"]
    saved = load_file(train_member(settings, FAMILY, 0))
    assert all(torch.equal(value, saved[key]) for key, value in state["average"].items())
    assert not all(torch.equal(value, saved[key]) for key, value in state["model"].items())


def test_members_differ_by_their_seed_alone(manifest, tmp_path):
    one = load_file(train_member(make(manifest, tmp_path / "a", steps=1), FAMILY, 0))
    same = load_file(train_member(make(manifest, tmp_path / "b", steps=1), FAMILY, 0))
    other = load_file(train_member(make(manifest, tmp_path / "b", steps=1), FAMILY, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_every_member_of_an_ensemble_has_its_own_seed(manifest, tmp_path):
    settings = make(manifest, tmp_path, seed=100)
    assert [member_seed(settings, f, i) for f in FAMILIES for i in (0, 1)] == [100, 101, 102, 103]


def test_training_learns_what_tells_the_patterns_apart(manifest, tmp_path):
    settings = make(manifest, tmp_path, steps=20, check_every=20)
    path = train_member(settings, "test_resnet", 0)
    record = json.loads((path.parent / "log.jsonl").read_text().splitlines()[-1])
    assert record["validation_auc"] > 0.8


def test_a_loss_that_is_not_finite_stops_the_training(manifest, tmp_path):
    settings = make(manifest, tmp_path, learning_rate=1e30)
    with pytest.raises(AwareNetError, match=r"^test_efficientnet-0: the loss of step 1 is nan$"):
        train_member(settings, FAMILY, 0)
    assert not (member_folder(settings, FAMILY, 0) / "model.safetensors").exists()


def test_a_run_without_data_says_what_to_do(tmp_path):
    settings = TrainerSettings.model_validate(
        {"data": {"run": str(tmp_path)}, "train": TRAIN, "ensemble": {"families": FAMILIES}}
    )
    with pytest.raises(AwareNetError, match=r"no .*manifest\.parquet; run the stage `prepare`"):
        train_member(settings, FAMILY, 0)
    with pytest.raises(AwareNetError, match=r"model\.safetensors; run the stage `train` first"):
        load_member(settings, FAMILY, 0)


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    factors = [schedule(step, 100, 0.1) for step in range(101)]
    assert factors[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.505)
    assert factors[32] == pytest.approx(0.01 + 0.495 * (1 + math.cos(math.pi * 22 / 90)))
    assert factors[100] == pytest.approx(0.01)
    assert all(one > other for one, other in zip(factors[10:], factors[11:], strict=False))


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_the_learning_rate_is_never_zero_nor_above_its_peak(steps, warmup, place):
    assert 0 < schedule(int(place * (steps - 1)), steps, warmup) <= 1


def test_the_loss_is_that_of_two_soft_classes():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, generator=generator) * 3
    labels = (torch.rand(20, generator=generator) > 0.5).float()
    two = torch.stack([torch.zeros(20), logits], dim=1)
    expected = cross_entropy(two, labels.long(), label_smoothing=0.2)  # a tenth to either class
    assert smoothed_loss(logits, labels, 0.1).item() == pytest.approx(expected.item(), rel=1e-5)
    plain = cross_entropy(two, labels.long())
    assert smoothed_loss(logits, labels, 0.0).item() == pytest.approx(plain.item(), rel=1e-5)


def test_the_loss_by_hand():
    found = smoothed_loss(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), 0.1)
    one = -(0.9 * math.log(1 / (1 + math.exp(-2))) + 0.1 * math.log(1 / (1 + math.exp(2))))
    two = -(0.1 * math.log(1 / (1 + math.exp(1))) + 0.9 * math.log(1 / (1 + math.exp(-1))))
    assert found.item() == pytest.approx((one + two) / 2, rel=1e-6)
    certain = smoothed_loss(torch.tensor([30.0]), torch.tensor([1.0]), 0.1)
    assert certain.item() > found.item()  # certainty is not worth it


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_learns_faster_and_vectors_do_not_decay(settings, family):
    model = create_model(family)
    optimizer = engine._optimizer(model, settings)
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        named[id(parameter)]: (group["peak"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found.keys() == dict(model.named_parameters()).keys()
    peak, head = TRAIN["learning_rate"], TRAIN["learning_rate"] * settings.train.head_factor
    for name, parameter in model.named_parameters():
        expected = head if name.split(".")[0] in ("classifier", "fc") else peak
        decay = settings.train.weight_decay if parameter.ndim > 1 else 0
        assert found[name] == (pytest.approx(expected), decay)
    assert sum(rate > peak * 1.5 for rate, _ in found.values()) == 2  # weight and bias


def test_scores_do_not_depend_on_the_size_of_a_batch():
    torch.manual_seed(0)
    model = create_model(FAMILY, dropout=0.5)
    crops = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), np.uint8)
    scores = member_logits(model, crops, FAMILY, batch=2)
    assert (scores.shape, scores.dtype) == ((5,), np.float32)
    assert model.training
    assert scores == pytest.approx(member_logits(model.eval(), crops, FAMILY, batch=5), abs=1e-4)
    assert not model.training
