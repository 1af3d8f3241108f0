"""Blinks in curves that were drawn: as many as were drawn, and none where nothing closed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from awarenet.blinks import find_blinks, indication, measure_openness, rate_interval

OPEN = (0.26, 0.23)  # of either eye: people differ from side to side


def curve(blinks, *, seconds=40.0, fps=15.0, depth=0.9, duration=0.2, open_=OPEN):
    """Draw (n,) s and (n, 2) openness of eyes that dip like half a sine at each of `blinks` (s)."""
    time_s = np.arange(round(seconds * fps)) / fps
    share = np.ones_like(time_s)
    for at in blinks:
        phase = (time_s - at) / duration + 0.5
        inside = (phase > 0) & (phase < 1)
        share[inside] -= depth * np.sin(np.pi * phase[inside])
    return time_s, share[:, None] * np.array(open_)


def eye(openness, *, side=10.0, turn=0.0):
    """Draw an eye as a rhombus whose mean height is `openness` of its width: lids (15, 2)."""
    below = np.linspace(-1, 1, 9)
    above = np.array([0.8, 0.4, 0.0, -0.2, -0.5, -0.8])
    height = 2 * openness * np.concatenate([1 - np.abs(below), np.abs(above) - 1])
    points = np.stack([np.concatenate([below, above]), height], 1) * side
    cosine, sine = np.cos(turn), np.sin(turn)
    return points @ np.array([[cosine, sine], [-sine, cosine]]) + (30, 40)


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(0.6, 6), min_size=0, max_size=12),
    depth=st.floats(0.6, 1),
    duration=st.floats(0.15, 0.4),
    fps=st.sampled_from([15.0, 23.976, 30.0, 60.0]),
)
def test_a_curve_without_noise_has_as_many_blinks_as_were_drawn(gaps, depth, duration, fps):
    drawn = 1 + np.cumsum(gaps)
    drawn = drawn + np.arange(len(drawn)) * duration
    seconds = float(drawn[-1] if len(drawn) else 1) + 2
    found = find_blinks(*curve(drawn, seconds=seconds, fps=fps, depth=depth, duration=duration))
    assert [blink.time_s for blink in found] == pytest.approx(list(drawn), abs=duration / 2)
    assert all(0.05 <= blink.duration_s <= 0.5 for blink in found)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0.001, 0.06))
def test_open_eyes_seen_through_noise_never_blink(seed, noise):
    time_s, openness = curve([])
    rng = np.random.default_rng(seed)
    assert find_blinks(time_s, np.clip(openness + rng.normal(0, noise, openness.shape), 0, 1)) == []


@pytest.mark.parametrize("noise", [0.005, 0.012])
def test_blinks_are_found_through_the_noise_of_a_camera(noise):
    drawn = [3.1, 9.0, 9.8, 20.4, 33.3]
    time_s, openness = curve(drawn)
    openness = openness + np.random.default_rng(1).normal(0, noise, openness.shape)
    found = [blink.time_s for blink in find_blinks(time_s, openness)]
    assert found == pytest.approx(drawn, abs=0.1)


def test_a_blink_lasts_while_the_eyes_are_below_four_fifths():
    time_s, openness = curve([5.0], seconds=10, fps=600, duration=0.3, depth=1.0)
    (blink,) = find_blinks(time_s, openness)
    assert blink.time_s == pytest.approx(5.0, abs=0.002)
    # 1 - sin(pi x) < 0.8 between x = asin(0.2)/pi and its mirror image
    assert blink.duration_s == pytest.approx(0.3 * (1 - 2 * np.arcsin(0.2) / np.pi), abs=0.002)


def test_half_a_blink_counts_and_a_twitch_does_not():
    assert len(find_blinks(*curve([5.0], depth=0.45, duration=0.3))) == 1
    assert find_blinks(*curve([5.0], depth=0.25, duration=0.3)) == []


@pytest.mark.parametrize("duration", [0.8, 2.0, 5.0])
def test_eyes_that_stay_closed_are_no_blink(duration):
    time_s, openness = curve([])
    openness[(time_s > 10) & (time_s < 10 + duration)] *= 0.02
    assert find_blinks(time_s, openness) == []


def test_a_single_frame_of_a_fast_camera_is_no_blink():
    time_s, openness = curve([], fps=60)
    openness[600] *= 0.1
    assert find_blinks(time_s, openness) == []


def test_a_wink_is_no_blink():
    time_s, openness = curve([5.0])
    openness[:, 1] = OPEN[1]
    assert find_blinks(time_s, openness) == []


def test_eyes_that_narrow_slowly_do_not_blink_but_blinks_are_still_found():
    time_s, openness = curve([12.0, 30.0])
    openness = openness * np.linspace(1, 0.6, len(time_s))[:, None]
    assert [round(blink.time_s) for blink in find_blinks(time_s, openness)] == [12, 30]


def test_the_same_curve_of_narrower_eyes_has_the_same_blinks():
    wide, narrow = curve([4, 9]), curve([4, 9], open_=(0.1, 0.12))
    assert find_blinks(*wide) == find_blinks(*narrow)


@pytest.mark.parametrize("hidden", [(4.95, 5.4), (4.5, 5.05), (4.8, 5.2)])
def test_a_blink_whose_beginning_or_end_was_not_seen_does_not_count(hidden):
    time_s, openness = curve([5.0, 8.0], duration=0.3)
    openness[(time_s > hidden[0]) & (time_s < hidden[1])] = np.nan
    assert [blink.time_s for blink in find_blinks(time_s, openness)] == pytest.approx([8], abs=0.1)


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, 0.0, 0.3])
def test_next_to_nothing_has_no_blinks(rows, value):
    assert find_blinks(np.arange(rows) / 15, np.full((rows, 2), value)) == []


@settings(max_examples=50, deadline=None)
@given(openness=st.floats(0.02, 0.5), side=st.floats(1, 100), turn=st.floats(-1, 1))
def test_openness_is_mean_height_over_width_at_any_size_and_angle(openness, side, turn):
    lids = eye(openness, side=side, turn=turn)
    assert measure_openness(lids) == pytest.approx(openness, rel=1e-6)
    assert measure_openness(lids[None] * [-1, 1]) == pytest.approx([openness], rel=1e-6)


def test_closed_lids_and_a_point_have_no_opening():
    assert measure_openness(eye(0.0)) == 0
    assert measure_openness(np.zeros((2, 15, 2))).tolist() == [0, 0]


@pytest.mark.parametrize(("count", "seconds"), [(0, 40), (1, 40), (6, 40), (40, 90)])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_the_interval_of_a_rate_is_the_exact_one_of_poisson(count, seconds, confidence):
    tail = (1 - confidence) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * count + 2) / 2
    expected = (low * 60 / seconds, high * 60 / seconds)
    assert rate_interval(count, seconds, confidence) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "seconds", "words"),
    [(0, 90, "rarer than usual"), (6, 40, "within what is usual"), (60, 60, "more often")],
)
def test_a_rate_is_put_into_words_that_keep_it_out_of_the_probability(count, seconds, words):
    text = indication(count, seconds, rate_interval(count, seconds, 0.9), 0.9)
    assert words in text
    assert f"{count} blinks in {seconds} s: {60 * count / seconds:.0f} a minute" in text
    assert "indication only, and no part of the probability" in text
    assert "1 blink in" in indication(1, 30.0, rate_interval(1, 30.0, 0.9), 0.9)
