"""Early stopping: patience, smallest gain, first epochs; which weights are best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.settings import TrainSettings
from trainer.training.stopping import Watch, watched


def after(values, min_delta: float = 0.01) -> Watch:
    watch = Watch()
    for value in values:
        watch = watch.after(value, min_delta)
    return watch


def stops_at(values, epochs_each: float = 1.0, **train: object) -> int | None:
    """Number of the validation, from 1, after which training ends."""
    settings, watch = TrainSettings(**{"min_delta": 0.01, **train}), Watch()
    for number, value in enumerate(values, 1):
        watch = watch.after(value, settings.min_delta)
        if watch.is_over(settings, number * epochs_each):
            return number
    return None


def test_training_ends_after_as_many_validations_without_gain_as_patience_says():
    assert stops_at([0.5, 0.6, 0.6, 0.59, 0.6, 0.9], patience=3) == 5


def test_a_gain_starts_the_count_anew():
    assert stops_at([0.5, 0.5, 0.6, 0.6, 0.7, 0.7, 0.7], patience=2) == 7


def test_a_gain_smaller_than_asked_does_not_count():
    assert stops_at([0.5, 0.505, 0.509], patience=2) == 3
    assert stops_at([0.5, 0.505, 0.511], patience=2) is None


def test_a_slow_rise_adds_up_to_a_gain():
    assert stops_at([0.5 + 0.006 * number for number in range(20)], patience=2) is None


def test_nothing_stops_before_the_first_epochs_are_over():
    values = [0.9] + [0.5] * 20
    assert stops_at(values, patience=2, min_epochs=5, epochs_each=0.5) == 10


def test_without_patience_nothing_stops():
    assert stops_at([0.9] + [0.1] * 50, patience=0) is None


def test_the_best_is_the_highest_however_little_higher():
    assert after([0.5, 0.501, 0.4]).best == 0.501


def test_a_falling_loss_is_a_gain():
    train = TrainSettings(watch="loss")
    assert watched(train, 0.3, 0.9) > watched(train, 0.4, 0.99)
    assert watched(TrainSettings(watch="auc"), 0.3, 0.9) < watched(TrainSettings(), 0.4, 0.99)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 0.2))
def test_the_count_is_that_of_validations_since_the_last_gain(values, min_delta):
    mark, count = values[0], 0  # by the definition, value by value
    for value in values[1:]:
        if value > mark and value - mark >= min_delta:
            mark, count = value, 0
        else:
            count += 1
    found = after(values, min_delta)
    assert (found.gained_to, found.without_gain) == (pytest.approx(mark), count)
    assert found.best == max(values)
