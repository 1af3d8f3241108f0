"""Frames to track to clip: against NumPy by hand, a slow bootstrap in plain Python, and rules."""

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.odds import pool
from awarenet.resampling import draw_counts
from awarenet.scoring import Calibration, decide_clip, track_score, verdict

WEIGHTS = np.array([0.5, 0.3, 0.2])


def logits_of(seed: int, frames: int = 6, families: int = 3, members: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (frames, families, members))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def log_odds(probability: float) -> float:
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(probability / (1 - probability))


def mixed(weights):
    """What the two tiers do, written again in NumPy."""

    def combine(logits: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-np.clip(logits, -700, 700)))).mean(axis=2) @ np.asarray(weights)

    return combine


def voted(logits: np.ndarray) -> np.ndarray:
    """Share of members that say fake."""
    return (logits > 0).mean(axis=(1, 2))


def test_a_track_is_the_calibrated_mean_of_its_frames_log_odds():
    logits = logits_of(1)
    score = track_score(logits, mixed(WEIGHTS), Calibration(0.7, -0.4))
    odds = [log_odds(p) for p in mixed(WEIGHTS)(logits)]
    assert score.probability == pytest.approx(sigmoid(0.7 * sum(odds) / len(odds) - 0.4))
    assert score.frames == pytest.approx([sigmoid(0.7 * value - 0.4) for value in odds])


def test_families_and_members_are_on_the_same_calibrated_scale():
    logits = logits_of(2)
    score = track_score(logits, mixed(WEIGHTS), Calibration(1.5, 0.3))
    first = [log_odds(sum(map(sigmoid, frame[0])) / 3) for frame in logits]
    assert score.families[0] == pytest.approx(sigmoid(1.5 * sum(first) / len(first) + 0.3))
    member = logits[:, 2, 1].mean()
    assert score.members[2, 1] == pytest.approx(sigmoid(1.5 * member + 0.3))
    assert score.frame_members[4, 2, 1] == pytest.approx(sigmoid(1.5 * logits[4, 2, 1] + 0.3))


@pytest.mark.parametrize(("frames", "members"), [(6, 3), (1, 3), (5, 1), (2, 2)])
def test_the_interval_is_that_of_a_slow_bootstrap_with_the_same_draws(frames, members):
    logits = logits_of(3, frames=frames, members=members)
    calibration = Calibration(0.8, 0.1)
    score = track_score(logits, mixed(WEIGHTS), calibration, confidence=0.8, resamples=60, seed=5)
    frame_counts, member_counts = draw_counts(
        frames, 3, members, effective=frames, resamples=60, seed=5
    )
    means = []
    for r in range(60):
        drawn = [t for t in range(frames) for _ in range(frame_counts[r, t])]
        odds = []
        for t in drawn:
            share = 0.0
            for f, weight in enumerate(WEIGHTS):
                picked = [k for k in range(members) for _ in range(member_counts[r, f, k])]
                share += weight * sum(sigmoid(logits[t, f, k]) for k in picked) / len(picked)
            odds.append(log_odds(share))
        means.append(sum(odds) / len(odds))
    means.sort()

    def quantile(share: float) -> float:
        place = share * (len(means) - 1)
        low = int(place)
        high = min(low + 1, len(means) - 1)
        return means[low] + (means[high] - means[low]) * (place - low)

    ends = [sigmoid(0.8 * quantile(share) + 0.1) for share in (0.1, 0.9)]
    expected = (min(ends[0], score.probability), max(ends[1], score.probability))
    assert score.interval == pytest.approx(expected, abs=1e-12)


def test_draws_take_one_less_than_there_are_and_every_one_equally_often():
    frames, members = draw_counts(5, 2, 3, effective=5, resamples=4000, seed=0)
    assert set(frames.sum(axis=1)) == {4}
    assert set(members.sum(axis=2).ravel()) == {2}
    np.testing.assert_allclose(frames.mean(axis=0), 4 / 5, atol=0.05)
    np.testing.assert_allclose(members.mean(axis=0), 2 / 3, atol=0.05)


def test_the_bootstrap_spread_is_that_of_a_mean_of_so_few_frames():
    odds = np.random.default_rng(4).normal(0, 1, 7)
    logits = np.repeat(odds[:, None, None], 2, axis=1)  # two members of one mind
    score = track_score(logits, mixed(np.ones(2) / 2), confidence=0.6827, resamples=4000)
    half = (log_odds(score.interval[1]) - log_odds(score.interval[0])) / 2
    assert half == pytest.approx(odds.std(ddof=1) / math.sqrt(7), rel=0.08)


def test_members_that_disagree_widen_the_interval():
    agreed = np.zeros((4, 2, 3))
    torn = agreed + np.array([-3.0, 0.0, 3.0])
    narrow, wide = (track_score(logits, mixed([0.5, 0.5])).interval for logits in (agreed, torn))
    assert narrow == (0.5, 0.5)
    assert wide[0] < 0.4 and wide[1] > 0.6


def test_frames_that_disagree_widen_the_interval_even_of_one_member():
    logits = np.array([-3.0, -1.0, 1.0, 3.0])[:, None, None]
    low, high = track_score(logits, mixed([1.0])).interval
    assert low < 0.35 and high > 0.65


def test_one_frame_of_one_member_says_that_nothing_is_known_of_its_spread():
    score = track_score(np.full((1, 2, 1), 4.0), mixed([0.5, 0.5]))
    assert score.interval == (0.0, 1.0)
    assert verdict(score.probability, score.interval, 0.5) == "inconclusive"


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    logits = logits_of(6)
    first, again, other = (
        track_score(logits, mixed(WEIGHTS), seed=seed).interval for seed in (1, 1, 2)
    )
    assert first == again != other


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 6),
    families=st.integers(1, 3),
    members=st.integers(1, 3),
    size=st.sampled_from([0.1, 1.0, 30.0, 1e4]),
    scale=st.floats(0.05, 5),
    offset=st.floats(-5, 5),
)
def test_the_interval_holds_the_probability_whatever_comes(
    seed, frames, families, members, size, scale, offset
):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, size, (frames, families, members))
    weights = generator.dirichlet(np.ones(families))
    score = track_score(logits, mixed(weights), Calibration(scale, offset), resamples=20, seed=seed)
    low, high = score.interval
    assert 0 <= low <= score.probability <= high <= 1
    for part in (score.families, score.members, score.frames, score.frame_members):
        assert ((part >= 0) & (part <= 1)).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_frames_and_members_does_not_matter(seed):
    logits = logits_of(seed)
    order = random.Random(seed)
    frames, members = order.sample(range(6), 6), order.sample(range(3), 3)
    shuffled = logits[frames][:, :, members]
    one, other = (track_score(x, mixed(WEIGHTS), resamples=3000) for x in (logits, shuffled))
    assert one.probability == pytest.approx(other.probability, abs=1e-12)
    assert one.families == pytest.approx(other.families, abs=1e-12)
    assert one.interval == pytest.approx(other.interval, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_families_does_not_matter_when_the_weights_go_along(seed):
    logits, order = logits_of(seed), [2, 0, 1]
    one = track_score(logits, mixed(WEIGHTS))
    other = track_score(logits[:, order], mixed(WEIGHTS[order]))
    assert one.probability == pytest.approx(other.probability, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    ends=st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted),
    threshold=st.floats(0, 1),
    step=st.floats(0, 1),
)
def test_more_suspicion_never_makes_a_verdict_milder(ends, threshold, step):
    rank = {"real": 0, "inconclusive": 1, "fake": 2}
    raised = [min(value + step, 1.0) for value in ends]
    before, after = (verdict(p, (low, high), threshold) for low, p, high in (ends, raised))
    assert rank[before] <= rank[after]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.61, 0.9), "fake"),
        ((0.6, 0.9), "fake"),  # reaching the threshold counts as fake
        ((0.59, 0.9), "inconclusive"),
        ((0.1, 0.6), "inconclusive"),
        ((0.1, 0.59), "real"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(interval, expected):
    assert verdict(sum(interval) / 2, interval, 0.6) == expected


@pytest.mark.parametrize("wrong", [(0.5, (0.6, 0.9)), (0.5, (0.1, 0.4)), (math.nan, (0.1, 0.9))])
def test_a_verdict_refuses_an_interval_without_its_probability(wrong):
    with pytest.raises(ValueError, match="expected 0 <= low <= probability <= high <= 1"):
        verdict(*wrong, 0.5)


def test_the_most_suspicious_person_decides():
    assert decide_clip([0.2, 0.9, 0.4], [10, 10, 10], 3) == 1


def test_a_person_seen_too_briefly_does_not_decide():
    assert decide_clip([0.2, 0.9], [10, 2], 3) == 0


def test_where_all_were_seen_briefly_only_those_seen_most_decide():
    assert decide_clip([0.9, 0.3, 0.4], [1, 2, 2], 3) == 2


def test_of_equally_suspicious_people_the_longer_seen_decides_then_the_first():
    assert decide_clip([0.7, 0.7, 0.7], [4, 9, 9], 3) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_is_refused(bad):
    logits = logits_of(0)
    logits[1, 2, 0] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        track_score(logits, mixed(WEIGHTS))


def test_votes_are_pooled_by_their_mean_and_stay_finite_where_unanimous():
    logits = np.array([[[2.0], [3.0]], [[-1.0], [1.0]], [[4.0], [5.0]]])  # 2, 1 and 2 votes of 2
    score = track_score(logits, voted, pooling="mean")
    share = (1 + 0.5 + 1) / 3  # of three frames; half a frame is added on each side
    assert score.probability == pytest.approx((share * 3 + 0.5) / 4)
    assert score.frames == pytest.approx([0.75, 0.5, 0.75])
    unanimous = track_score(np.full((9, 2, 1), 8.0), voted, pooling="mean")
    assert unanimous.probability == pytest.approx(9.5 / 10)


def test_the_interval_of_votes_is_that_of_a_slow_bootstrap_with_the_same_draws():
    logits = logits_of(7, frames=5, members=3)
    score = track_score(logits, voted, pooling="mean", confidence=0.8, resamples=80, seed=2)
    frame_counts, member_counts = draw_counts(5, 3, 3, effective=5, resamples=80, seed=2)
    odds = []
    for r in range(80):
        votes = []
        for t in np.repeat(range(5), frame_counts[r]):
            picked = [
                (f, k) for f in range(3) for k in range(3) for _ in range(member_counts[r, f, k])
            ]
            votes.append(sum(logits[t, f, k] > 0 for f, k in picked) / len(picked))
        share = sum(votes) / len(votes)
        odds.append(math.log((share * 5 + 0.5) / ((1 - share) * 5 + 0.5)))
    ends = [sigmoid(value) for value in np.quantile(odds, [0.1, 0.9])]
    expected = (min(ends[0], score.probability), max(ends[1], score.probability))
    assert score.interval == pytest.approx(expected, abs=1e-12)


def test_pooling_log_odds_lets_certain_frames_count_and_another_pooling_is_refused():
    frames = np.array([0.999, 0.5, 0.5])
    assert pool(frames, "log_odds") == pytest.approx(log_odds(0.999) / 3)
    assert pool(frames, "mean") == pytest.approx(log_odds((1.999 + 0.5) / 4))
    with pytest.raises(ValueError, match="log_odds, mean"):
        pool(frames, "median")


@pytest.mark.parametrize("shape", [(0, 3, 1), (4, 3), (4, 0, 1)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="expected \\(T, F, K\\)"):
        track_score(np.zeros(shape), mixed(WEIGHTS))


@pytest.mark.parametrize(("scale", "offset"), [(0, 0), (-1, 0), (math.nan, 0), (1, math.inf)])
def test_a_calibration_that_turns_the_order_around_is_refused(scale, offset):
    with pytest.raises(ValueError, match="scale above 0"):
        Calibration(scale, offset)


def test_scoring_needs_only_numpy():
    code = (
        "import sys, types; package = types.ModuleType('awarenet'); package.__path__ = "
        "['awarenet']; sys.modules['awarenet'] = package; import awarenet.scoring; "
        "print({'torch', 'cv2', 'pydantic', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
