"""The stretch that looks most manipulated, by looking at all of them; the interval of a frame."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.resampling import draw_counts
from awarenet.scoring import Calibration, track_score
from awarenet.segments import CHANCE, FEWEST_FRAMES, SHUFFLES, worst_segment

WEIGHTS = np.array([0.6, 0.4])


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, float)))


def odds_of(probabilities) -> list[float]:
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return [math.log(p / (1 - p)) for p in clipped]


def largest(values) -> tuple[object, set[tuple[int, int]]]:
    """The largest sum of neighbors, and every stretch that has it: all of them are looked at."""
    sums = {
        (first, end - 1): sum(values[first:end])
        for first, end in combinations(range(len(values) + 1), 2)
    }
    best = max(sums.values())
    return best, {stretch for stretch, total in sums.items() if total >= best - Fraction(1, 10**9)}


def exactly(probabilities) -> list[Fraction]:
    """Log-odds above their mean, without rounding from here on."""
    odds = [Fraction(value) for value in odds_of(probabilities)]
    return [value - sum(odds) / len(odds) for value in odds]


def stands_out(probabilities, seed: int = 0) -> bool:
    """Whether few shuffles have a stretch as large, by exact sums of the same shuffles."""
    above = exactly(probabilities)
    best, _ = largest(above)
    generator = np.random.default_rng(seed)
    as_large = 0
    for _ in range(SHUFFLES):
        order = generator.permutation(len(above))
        running = top = above[order[0]]
        for place in order[1:]:
            running = max(running, Fraction(0)) + above[place]
            top = max(top, running)
        as_large += top >= best - Fraction(1, 10**9)
    return as_large <= CHANCE * SHUFFLES


def test_a_stretch_worked_out_by_hand():
    # log-odds -1 but for five frames of 2; their mean is 0, so 2 x 5 stand out
    odds = [-1.0] * 4 + [2.0] * 5 + [-1.0] * 6
    found = worst_segment([0.5 * n for n in range(15)], sigmoid(odds))
    assert found == (2.0, 4.0, pytest.approx(float(sigmoid(2.0))))


def test_a_dip_inside_a_stretch_does_not_break_it():
    odds = [-2.0] * 8 + [3.0, 3.0, -0.5, 3.0, 3.0] + [-2.0] * 8
    start, end, probability = worst_segment(range(21), sigmoid(odds))
    assert (start, end) == (8, 12)
    assert probability == pytest.approx(float(sigmoid((4 * 3.0 - 0.5) / 5)))


def test_a_deep_dip_behind_the_stretch_does_not_move_its_beginning():
    odds = [4.0] * 6 + [-3.0] * 14 + [1.5] * 12  # they sum to 0, and are lowest after 20
    assert worst_segment(range(32), sigmoid(odds))[:2] == (0, 5)


@pytest.mark.parametrize(
    "probabilities",
    [
        [0.7] * 20,
        [0.1, 0.9] * 10,  # as often as not: wherever one looks it is the same
        [0.1] * 2 + [0.9] * 2,  # too few to tell
        [0.4],
        [],
    ],
)
def test_where_nothing_stands_out_nothing_is_named(probabilities):
    assert worst_segment(range(len(probabilities)), np.array(probabilities)) is None


def test_frames_that_were_certain_count_no_more_than_certain():
    probabilities = np.array([0.0] * 12 + [1.0] * 8)
    start, end, probability = worst_segment(range(20), probabilities)
    assert (start, end) == (12, 19)
    assert probability == pytest.approx(1 - 1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.35, 0.5, 0.8, 0.95, 1.0]), min_size=6, max_size=14),
    st.integers(0, 2**31),
)
def test_it_is_the_largest_of_all_stretches_and_only_where_it_stands_out(probabilities, seed):
    times = [3.0 + 0.25 * n for n in range(len(probabilities))]
    found = worst_segment(times, np.array(probabilities), seed)
    if len(set(probabilities)) == 1:
        assert found is None
        return
    assert (found is not None) == stands_out(probabilities, seed)
    if found is None:
        return
    first, last = (times.index(end) for end in found[:2])
    assert (first, last) in largest(exactly(probabilities))[1]
    mean = np.mean(odds_of(probabilities)[first : last + 1])
    assert found[2] == pytest.approx(float(sigmoid(mean)))


@pytest.mark.parametrize(("count", "first", "last"), [(6, 1, 3), (7, 2, 5), (8, 2, 7), (12, 1, 2)])
def test_sums_that_are_equal_but_for_rounding_count_as_equal(count, first, last):
    # so many suspicious frames stand together in more than 5 % of all orders: of 6, 3 in 20 %
    probabilities = np.full(count, 0.3)
    probabilities[first : last + 1] = 0.8
    assert not stands_out(probabilities)
    assert worst_segment(range(count), probabilities) is None


def test_noise_has_a_stretch_in_about_one_series_of_twenty():
    rng = np.random.default_rng(3)
    found = [
        worst_segment(range(32), sigmoid(rng.normal(0, 1, 32)), seed) is not None
        for seed in range(500)
    ]
    # binomial, n = 500, p = 0.05: a standard deviation is 0.0097
    assert np.mean(found) == pytest.approx(0.05, abs=0.035)


def test_a_planted_stretch_is_found_where_it_is():
    rng = np.random.default_rng(4)
    hits, off = 0, []
    for _ in range(40):
        first = int(rng.integers(2, 22))
        odds = rng.normal(-1.5, 0.7, 32)
        odds[first : first + 8] += 3
        found = worst_segment(range(32), sigmoid(odds))
        hits += found is not None
        if found:
            off += [abs(found[0] - first), abs(found[1] - (first + 7))]
    assert hits == 40
    assert np.mean(off) < 0.5  # frames


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=FEWEST_FRAMES, max_size=40),
    st.floats(0.01, 5),
    st.integers(0, 9),
)
def test_a_stretch_lies_in_the_clip_and_is_more_suspicious_than_all_of_it(values, step, seed):
    times = [n * step for n in range(len(values))]
    found = worst_segment(times, np.array(values), seed)
    assert found == worst_segment(times, np.array(values), seed)
    if found is not None:
        start, end, probability = found
        assert 0 <= start <= end <= times[-1]
        assert end - start < times[-1]  # all of it is no stretch of it
        assert probability > sigmoid(np.mean(odds_of(values)))


def mixed(logits: np.ndarray) -> np.ndarray:
    return sigmoid(logits).mean(axis=2) @ WEIGHTS


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 12),
    members=st.integers(2, 4),
    size=st.sampled_from([0.1, 2.0, 50.0]),
    scale=st.floats(0.05, 5),
    confidence=st.sampled_from([0.02, 0.5, 0.9]),
)
def test_a_frames_interval_holds_its_probability(seed, frames, members, size, scale, confidence):
    logits = np.random.default_rng(seed).normal(0, size, (frames, 2, members))
    score = track_score(
        logits, mixed, Calibration(scale, 0.3), confidence=confidence, resamples=30, seed=seed
    )
    assert score.frame_intervals.shape == (frames, 2)
    low, high = score.frame_intervals.T
    assert (low >= 0).all() and (high <= 1).all()
    assert (low <= score.frames).all() and (score.frames <= high).all()


def test_a_frames_interval_is_that_of_a_slow_bootstrap_of_its_members():
    logits = np.random.default_rng(5).normal(0, 2, (3, 2, 3))
    score = track_score(logits, mixed, Calibration(0.8, 0.1), confidence=0.8, resamples=50, seed=7)
    _, counts = draw_counts(3, 2, 3, effective=3, resamples=50, seed=7)
    for frame in range(3):
        odds = []
        for drawn in counts:
            share = sum(
                weight * sum(sigmoid(logits[frame, f, k]) * drawn[f, k] for k in range(3)) / 2
                for f, weight in enumerate(WEIGHTS)  # two are drawn of three
            )
            odds.append(math.log(share / (1 - share)))
        low, high = sigmoid(0.8 * np.quantile(odds, [0.1, 0.9]) + 0.1)
        own = score.frames[frame]
        assert score.frame_intervals[frame] == pytest.approx([min(low, own), max(high, own)])


def test_members_that_agree_give_a_narrow_interval_in_that_frame_alone():
    logits = np.zeros((2, 2, 3))
    logits[1] += [-2.0, 0.0, 2.0]
    agreed, torn = track_score(logits, mixed).frame_intervals
    assert agreed == pytest.approx([0.5, 0.5])
    assert torn[0] < 0.35 and torn[1] > 0.65


def test_one_member_a_family_leaves_nothing_to_say_of_a_frame():
    assert track_score(np.zeros((4, 2, 1)), mixed).frame_intervals is None
    assert track_score(np.zeros((1, 2, 1)), mixed).frame_intervals is None
