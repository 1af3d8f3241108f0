"""A rate that goes down when the loss stands still, against torch's own scheduler."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau
from training_runs import Small, curve, train_small

from trainer.settings import TrainSettings
from trainer.training.checkpoints import load_state
from trainer.training.plateau import Plateau


def shares(losses: list[float], **train: object) -> list[float]:
    """Share of the peak rate after each validation."""
    settings, plateau, found = TrainSettings(schedule="plateau", **train), Plateau(), []
    for loss in losses:
        plateau = plateau.after(loss, settings)
        found.append(plateau.share)
    return found


def by_torch(losses: list[float], factor: float, patience: int, lowest: float) -> list[float]:
    """The same, by torch's scheduler; `eps` only spares it steps too small to matter."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, "min", factor, patience, min_lr=lowest, eps=0)
    found = []
    for loss in losses:
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    return found


@given(
    # a few values again and again, or a hair apart, so that losses do stand still
    st.lists(st.one_of(st.sampled_from([0.5, 0.49999, 0.4999, 0.3]), st.floats(0, 2)), max_size=40),
    st.floats(0.05, 0.95),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.1, 0.5]),
)
def test_the_rate_is_that_of_torchs_scheduler(losses, factor, patience, lowest):
    expected = by_torch(losses, factor, patience, lowest)
    settings = {"plateau_factor": factor, "plateau_patience": patience, "lowest": lowest}
    assert shares(losses, **settings) == pytest.approx(expected, rel=1e-12)


def test_eleven_validations_without_a_lower_loss_are_one_step_down_by_default():
    assert shares([0.5] * 12, lowest=0.0) == [1.0] * 11 + [pytest.approx(0.1)]


def test_no_step_goes_below_the_lowest_rate():
    found = shares([0.5] * 5, plateau_patience=0, plateau_factor=0.5, lowest=0.3)
    assert found == [1.0, 0.5, 0.3, 0.3, 0.3]


STANDING = {  # a rate too high for its loss to fall all the time
    "schedule": "plateau", "plateau_factor": 0.25, "plateau_patience": 0, "warmup": 0.0,
    "lowest": 0.0, "learning_rate": 0.2, "check_every": 1, "clip_norm": 0.0,
}  # fmt: skip


def small() -> Small:
    torch.manual_seed(0)
    return Small()


def test_the_loop_goes_down_a_step_after_each_validation_without_gain(tmp_path):
    train_small(small(), tmp_path, steps=12, **STANDING)
    records = curve(tmp_path)
    losses = [record["validation_loss"] for record in records]
    expected = by_torch(losses, 0.25, 0, 0.0)
    rates = [record["learning_rate"] / 0.2 for record in records]
    assert rates == pytest.approx([1.0, *expected[:-1]])  # of the step before the validation
    assert rates[-1] < 0.1  # it did stand still, and more than once


def test_a_run_that_was_broken_off_goes_on_where_it_waited(tmp_path, monkeypatch):
    start = small()
    settings = {**STANDING, "plateau_patience": 2, "keep": "best", "watch": "loss", "steps": 16}
    whole = train_small(copy.deepcopy(start), tmp_path / "whole", **settings)
    for stop in (3, 7, 11):  # ends there without an end: the plan is the whole one's

        class Ended(Exception):
            pass

        def ends(record, step, stop=stop, ended=Ended):
            if step == stop:
                raise ended

        with pytest.raises(Ended):
            train_small(copy.deepcopy(start), tmp_path / "parts", track=ends, **settings)
        progress, _ = load_state(tmp_path / "parts")
        assert progress.step == stop
        assert progress.plateau != Plateau()
    found = train_small(copy.deepcopy(start), tmp_path / "parts", **settings)
    assert all(torch.equal(value, whole[name]) for name, value in found.items())
    keys = ("step", "learning_rate", "validation_loss")
    curves = [[[r[k] for k in keys] for r in curve(tmp_path / n)] for n in ("whole", "parts")]
    assert curves[0] == curves[1]
    assert curves[0][-1][1] < settings["learning_rate"]  # it went down on the way
