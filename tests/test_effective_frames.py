"""Frames of a still clip say less than as many of a lively one: what the interval makes of that."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.resampling import effective_frames
from awarenet.scoring import track_score


def alone(logits: np.ndarray) -> np.ndarray:
    """What one member says."""
    return 1 / (1 + np.exp(-logits[:, 0, 0]))


def series(correlation: float, count: int, seed: int) -> np.ndarray:
    """A first-order process of variance 1, in which neighbors correlate as asked."""
    generator = np.random.default_rng(seed)
    values = [generator.normal()]
    for shock in generator.normal(0, math.sqrt(1 - correlation**2), count - 1):
        values.append(correlation * values[-1] + shock)
    return np.array(values)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_frames_count_as_many_as_would_fix_the_mean_as_well(correlation):
    runs = [series(correlation, 64, seed) for seed in range(600)]
    true = 1 / np.var([run.mean() for run in runs])  # the variance of one frame is 1
    found = np.median([effective_frames(run) for run in runs])
    assert found == pytest.approx(true, rel=0.3)


def test_frames_that_resemble_their_neighbors_do_not_make_the_interval_narrow():
    def cover(correlation: float) -> float:
        """How often the interval holds the true mean, 0.5, of 24 frames."""
        held = 0
        for seed in range(200):
            odds = series(correlation, 24, seed)
            score = track_score(odds[:, None, None], alone, confidence=0.9, resamples=300)
            held += score.interval[0] <= 0.5 <= score.interval[1]
        return held / 200

    assert 0.8 <= cover(0.0) <= 0.97
    assert cover(0.7) >= 0.75  # 0.49 where frames are taken for independent


@given(st.lists(st.floats(-13, 13), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_frames_count_as_at_least_one_and_at_most_themselves(values):
    assert 1 <= effective_frames(np.array(values)) <= len(values)


def test_frames_that_are_all_alike_or_very_few_are_taken_as_they_are():
    assert effective_frames(np.full(30, 0.4)) == 30
    assert effective_frames(np.arange(7.0)) == 7
    assert effective_frames(np.arange(30.0)) < 3
