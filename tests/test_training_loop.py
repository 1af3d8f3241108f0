"""The loop, against plain torch on the same batches; and what stops it."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from training_runs import Drawn, Small, curve, train_small

from awarenet.errors import AwareNetError, SettingsError
from trainer.settings import TrainSettings
from trainer.training import loop
from trainer.training.loop import make_plan


def small(**options: object) -> Small:
    torch.manual_seed(0)
    return Small(**options)


def by_hand(module: Small, batches: list[list[int]], rate: float, train: TrainSettings) -> dict:
    """Weights after plain AdamW steps on these batches, several of them a step."""
    network = copy.deepcopy(module).train()
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in network.parameters() if p.ndim > 1]},
            {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=rate,
        weight_decay=train.weight_decay,
    )
    for numbers in batches:
        optimizer.zero_grad()
        for number in numbers:
            batch = Drawn(train.batch).batch(number)
            targets = torch.from_numpy(batch.labels) * 0.96 + 0.02
            logits = network(torch.from_numpy(batch.crops))
            (binary_cross_entropy_with_logits(logits, targets) / len(numbers)).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), train.clip_norm)
        optimizer.step()
    return network.state_dict()


def same(found: dict, expected: dict) -> None:
    for name, value in expected.items():
        if "num_batches" not in name:
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


FLAT = {"schedule": "constant", "warmup": 0.0, "head_factor": 1.0, "clip_norm": 0.05}


def test_steps_are_those_of_a_plain_loop(tmp_path):
    module, train = small(), TrainSettings(batch=4, **FLAT)
    expected = by_hand(module, [[0], [1], [2], [3], [4]], 0.01, train)
    same(train_small(module, tmp_path, steps=5, **FLAT), expected)


def test_accumulated_batches_make_one_step(tmp_path):
    module, train = small(norm=False), TrainSettings(batch=4, **FLAT)
    expected = by_hand(module, [[0, 1], [2, 3], [4, 5]], 0.01, train)
    same(train_small(module, tmp_path, steps=3, accumulate=2, **FLAT), expected)


def test_weights_of_crops_count_in_the_loss(tmp_path):
    class Weighed(Drawn):
        def batch(self, number):
            return super().batch(number)._replace(weights=np.array([2, 0, 2, 0], np.float32))

    class RealOnly(Drawn):
        def batch(self, number):
            batch = super().batch(number)
            half = [values[::2] for values in batch[:3]]
            return batch._replace(crops=half[0], labels=half[1], weights=half[2])

    one, other = small(norm=False), small(norm=False)
    found = train_small(one, tmp_path / "a", Weighed(), **FLAT)
    same(train_small(other, tmp_path / "b", RealOnly(), **FLAT), found)


def test_the_averaged_weights_are_kept_or_the_weights_themselves(tmp_path):
    alone = [train_small(small(), tmp_path / str(n), steps=n, **FLAT) for n in (2, 3)]
    mean = train_small(small(), tmp_path / "mean", steps=3, ema=0.3, **FLAT)
    # timm's decay warms up: 0 in the first two steps, at most 1 - 2**(-2/3) = 0.37 in the third
    for name in ("fc.weight", "body.0.weight", "body.1.running_var"):
        expected = 0.3 * alone[0][name] + 0.7 * alone[1][name]
        torch.testing.assert_close(mean[name], expected)


def test_only_the_head_learns_at_first_and_the_body_does_not_move(tmp_path):
    module = small()
    start = copy.deepcopy(module.state_dict())
    head = train_small(module, tmp_path / "head", steps=4, head_epochs=1)  # an epoch is 4 steps
    for name, value in start.items():
        assert torch.equal(head[name], value) is name.startswith("body")
    module = small()
    both = train_small(module, tmp_path / "both", steps=5, head_epochs=1)
    assert not any(torch.equal(both[name], value) for name, value in start.items())


def test_dropout_follows_from_seed_and_number_alone(tmp_path):
    weights = []
    for name in ("one", "other"):
        module = small(dropout=0.5)
        torch.manual_seed(len(name))  # whatever was drawn before
        weights.append(train_small(module, tmp_path / name)["fc.weight"])
    assert torch.equal(*weights)
    without = train_small(small(dropout=0.0), tmp_path / "none")["fc.weight"]
    assert not torch.equal(weights[0], without)


def test_a_loss_that_is_not_finite_names_step_and_clips(tmp_path):
    class Broken(Drawn):
        def batch(self, number):
            batch = super().batch(number)
            return batch._replace(weights=batch.weights * (math.nan if number == 3 else 1))

    expected = (
        r"^run: the loss of step 3 is nan, of clips clip-3-0, clip-3-1, .*clip-3-7 and 4 more; "
    )
    with pytest.raises(AwareNetError, match=expected):
        train_small(small(), tmp_path / "run", Broken(12), check_every=100, steps=50)
    assert not (tmp_path / "run" / "state.pt").exists()


def test_weights_that_burst_in_the_last_step_are_not_kept(tmp_path):
    with pytest.raises(AwareNetError, match=r"run: outputs on validation .* step 1 are not finite"):
        train_small(small(norm=False), tmp_path / "run", steps=1, optimizer="sgd",
                    learning_rate=1e38, head_factor=1e3, clip_norm=0)  # fmt: skip


def test_an_error_of_the_loader_comes_through(tmp_path):
    class Missing(Drawn):
        def batch(self, number):
            raise AwareNetError("a.png is missing or broken; prepare again")

    with pytest.raises(AwareNetError, match=r"^a\.png is missing or broken"):
        train_small(small(), tmp_path, Missing())


def test_too_little_memory_says_what_to_change(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr(loop, "take_step", full)
    expected = r"batch = 4 with accumulate = 1; set batch = 2 and accumulate = 2, or checkpointing"
    with pytest.raises(AwareNetError, match=expected):
        train_small(small(), tmp_path)


def test_training_stops_early_and_keeps_the_best_weights_or_the_last(tmp_path):
    options = {**FLAT, "check_every": 1, "learning_rate": 0.05, "clip_norm": 0.0, "watch": "loss"}
    for keep in ("best", "last"):
        found = train_small(small(), tmp_path / keep, steps=40, patience=2, keep=keep, **options)
        values = [record["validation_loss"] for record in curve(tmp_path / keep)]
        assert (len(values), int(np.argmin(values))) == (5, 2)  # these weights learn too fast
        kept = {"best": 3, "last": 5}[keep]
        expected = train_small(small(), tmp_path / f"{keep} alone", steps=kept, **options)
        assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_curve_has_a_record_for_each_validation(tmp_path):
    train_small(small(), tmp_path, steps=5, check_every=2)
    records = curve(tmp_path)
    assert [record["step"] for record in records] == [2, 4, 5]
    assert [record["epoch"] for record in records] == [0.5, 1, 1.25]
    assert all(record.keys() == records[0].keys() for record in records)
    assert set(records[0]) == {
        "step", "epoch", "loss", "validation_loss", "validation_auc", "learning_rate",
        "images_a_second", "seconds",
    }  # fmt: skip
    assert all(0 <= record["validation_auc"] <= 1 for record in records)


def test_steps_follow_from_epochs_batches_and_processes():
    train = TrainSettings(steps=0, epochs=3, accumulate=2, head_epochs=1, check_every=0)
    plan = make_plan(train, batches_per_epoch=40, processes=4)
    assert (plan.steps, plan.epoch_steps, plan.head_steps, plan.check_every) == (15, 5, 5, 5)
    assert make_plan(TrainSettings(steps=7), 40, 1).steps == 7
    with pytest.raises(SettingsError, match="steps and epochs are both 0"):
        make_plan(TrainSettings(steps=0), 40, 1)


def test_bfloat16_learns_what_float32_learns(tmp_path):
    losses = {}
    for precision in ("bfloat16", "float32"):
        found = train_small(small(), tmp_path / precision, precision=precision)
        assert found["fc.weight"].dtype is torch.float32
        losses[precision] = [record["loss"] for record in curve(tmp_path / precision)]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.02)
