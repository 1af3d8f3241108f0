"""Learning-rate schedules, against PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from trainer.settings import TrainSettings
from trainer.training.schedules import cosine, linear, rate_factor, warm_restarts

STEPS = 60


def by_torch(schedule, steps: int = STEPS) -> list[float]:
    """Learning rates of a torch scheduler over an optimizer whose peak is 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = schedule(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def factors(steps: int = STEPS, epoch_steps: float = 1, **train: object) -> list[float]:
    settings = TrainSettings(**train)
    return [
        rate_factor(settings, step, steps=steps, epoch_steps=epoch_steps) for step in range(steps)
    ]


def test_the_cosine_is_torchs():
    expected = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.01))
    assert [cosine(step, STEPS, 0.01) for step in range(STEPS)] == pytest.approx(expected)


@pytest.mark.parametrize(("first", "growth"), [(4, 2), (7, 1), (1, 3), (200, 2)])
def test_warm_restarts_are_torchs(first, growth):
    expected = by_torch(
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, first, T_mult=growth, eta_min=0.05)
    )
    found = [warm_restarts(step, first, growth, 0.05) for step in range(STEPS)]
    assert found == pytest.approx(expected)


def test_the_line_is_torchs():
    expected = by_torch(
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.ConstantLR(o, factor=1, total_iters=1),
                lr_scheduler.LinearLR(o, start_factor=1, end_factor=0.1, total_iters=20),
            ],
            milestones=[40],
        )
    )
    assert [linear(step, STEPS, 40, 0.1) for step in range(STEPS)] == pytest.approx(expected)


def test_warm_up_and_cosine_are_torchs_in_sequence():
    expected = by_torch(
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, start_factor=1 / 6, end_factor=1, total_iters=5),
                lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 6, eta_min=0.01),
            ],
            milestones=[6],
        )
    )
    assert factors(warmup=0.1, lowest=0.01) == pytest.approx(expected)


def test_restarts_are_counted_in_epochs_after_the_warm_up():
    found = factors(
        schedule="warm_restarts", warmup=0.1, restart_epochs=2, restart_factor=2, epoch_steps=3
    )
    tops = [step for step in range(6, STEPS) if found[step] == 1]
    assert tops == [6, 12, 24, 48]  # spans of 6, 12, 24 steps


def test_the_line_stays_level_for_its_share_of_all_steps():
    found = factors(schedule="linear", warmup=0.1, level=0.75, lowest=0.0)
    assert found[5:46] == [1.0] * 41
    assert found[46:] == pytest.approx([1 - step / 15 for step in range(1, 15)])


def test_a_constant_rate_only_warms_up():
    assert factors(schedule="constant", warmup=0.05) == pytest.approx([1 / 3, 2 / 3, *[1] * 58])


def test_without_a_warm_up_a_schedule_begins_in_the_first_step():
    cosine_alone = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.01))
    assert factors(warmup=0.0, lowest=0.01) == pytest.approx(cosine_alone)
    restarts = factors(schedule="warm_restarts", warmup=0.0, restart_epochs=3, restart_factor=1)
    assert [step for step in range(STEPS) if restarts[step] == 1] == list(range(0, STEPS, 3))
    assert factors(schedule="plateau", warmup=0.0) == [1.0] * STEPS


@given(
    st.sampled_from(["cosine", "warm_restarts", "linear", "plateau", "constant"]),
    st.integers(1, 300),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.1, 20),
    st.floats(1, 3),
    st.floats(0.01, 50),
    st.floats(0, 1),
)
def test_a_rate_is_never_above_its_peak_nor_below_its_lowest(
    schedule, steps, warmup, lowest, level, restart, growth, epoch_steps, place
):
    train = TrainSettings(
        schedule=schedule, warmup=warmup, lowest=lowest, level=level,
        restart_epochs=restart, restart_factor=growth,
    )  # fmt: skip
    step = int(place * (steps - 1))
    rising = round(steps * warmup)
    found = rate_factor(train, step, steps=steps, epoch_steps=epoch_steps)
    assert found <= 1 + 1e-9
    assert found >= (min(lowest, 1) - 1e-9 if step >= rising else 1 / rising - 1e-9)
    assert math.isfinite(found)
