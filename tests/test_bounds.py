"""What networks that have not run can change: random and adverse completions against the bounds."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet import bounds
from awarenet.bounds import Possible, complete, possible
from awarenet.combine import COMBINERS, Forest, create_combiner
from awarenet.ensemble import judge
from awarenet.odds import frame_odds, logit, sigmoid
from awarenet.resampling import Choices, draw_counts, effective_frames, frame_numbers, redrawn
from awarenet.scoring import Calibration, track_score, verdict

MONOTONE = sorted(name for name, combiner in COMBINERS.items() if combiner.monotone)
DEMO = [0.26911551, 0.27933434, 0.45155016]  # weights, calibration and threshold of assets/demo
DEMO_SCALE, DEMO_THRESHOLD = Calibration(1.389, -1.910), 0.507151
MOBILENET = np.array([False, False, True])  # it has run, the other two have not
SHAPES = ("constant", "ramp", "wave", "alternating", "noise", "known", "split")


def made(generator: np.random.Generator, shape: tuple[int, int, int], kind: str) -> np.ndarray:
    """Make (T, F, K) logits of one kind; the kinds differ in how alike neighboring frames are."""
    count = shape[0]
    level, size = generator.normal(0, 3), generator.choice([0.01, 1.0, 8.0, 1000.0])
    time = np.linspace(-1, 1, count)
    course = {
        "constant": np.zeros(count),
        "ramp": time,
        "wave": np.sin(time * generator.uniform(1, 9)),
        "alternating": (-1.0) ** np.arange(count),
        "noise": generator.normal(0, 1, count),
        "known": generator.normal(0, 0.3, count).cumsum(),
        "split": np.where(time < generator.uniform(-1, 1), -1.0, 1.0),
    }[kind]
    apart = generator.normal(0, generator.choice([0, 0.5, 3]), shape)
    return level + size * course[:, None, None] + apart


class Case:
    """A person whose networks have run in part, and a way to judge: all of it drawn at random."""

    def __init__(self, seed: int):
        """Draw it; `seed` tells one from another."""
        self.generator = generator = np.random.default_rng(seed)
        frames = int(generator.choice([1, 2, 5, 7, 8, 9, 16, generator.integers(1, 41)]))
        self.shape = shape = (frames, int(generator.integers(2, 5)), int(generator.integers(1, 4)))
        self.name = str(generator.choice(MONOTONE))
        equal = np.full(shape[1], 1 / shape[1])
        odd = (
            generator.dirichlet(np.full(shape[1], generator.choice([0.3, 3]))) * 0.99 + equal / 100
        )
        weights = equal if self.name in ("mean", "hard") else odd
        self.weights = weights / weights.sum()
        self.combine = partial(judge, create_combiner(self.name, self.weights.tolist()))
        self.calibration = Calibration(
            float(np.exp(generator.uniform(-1.5, 1.5))), float(generator.normal(0, 1.5))
        )
        self.how = {
            "pooling": str(generator.choice(["log_odds", "mean"])),
            "confidence": float(generator.choice([0.5, 0.9, 0.99])),
            "resamples": int(generator.choice([1, 6, 25])),
            "seed": int(generator.integers(99)),
        }
        self.known = generator.random(shape[1:] if generator.random() < 0.3 else shape[1]) < 0.6
        # as networks give them, in 32 bits
        self.logits = made(generator, shape, str(generator.choice(SHAPES))).astype(np.float32)
        self.threshold = self._threshold()

    def _threshold(self) -> float:
        """Half the time one that an answer meets to the last digit, or misses by it."""
        if self.generator.random() < 0.5:
            return round(float(self.generator.uniform(0, 1)), 6)
        ends = self.judged(self.completed(str(self.generator.choice(SHAPES))))
        off = float(self.generator.choice([-1e-6, 0, 1e-6, 0.02, -0.02]))
        return round(min(max(float(self.generator.choice(ends)) + off, 0), 1), 6)

    def completed(self, kind: str) -> np.ndarray:
        """Let the missing networks say something; `extreme` and `steered` are the adverse ways."""
        asked = self.known if self.known.ndim == 2 else self.known[:, None]
        if kind == "extreme":
            other = np.full(self.shape, float(self.generator.choice([-1e30, -50, 50, 1e30])))
        elif kind == "steered":  # against the known ones, so that all frames come out alike
            other = np.repeat(-self.logits.mean((1, 2), keepdims=True), self.shape[1], axis=1)
            other = np.repeat(other, self.shape[2], axis=2) * self.generator.choice([1, 3])
        else:
            other = made(self.generator, self.shape, kind)
        return np.where(asked, self.logits, other)

    def judged(self, logits: np.ndarray) -> tuple[float, float, float]:
        """Probability and interval, rounded as a report rounds them."""
        score = track_score(logits, self.combine, self.calibration, **self.how)
        return tuple(round(p, 6) for p in (score.probability, *score.interval))

    def verdict(self, logits: np.ndarray) -> tuple[float, str]:
        """Probability and verdict of all networks together."""
        point, low, high = self.judged(logits)
        return point, verdict(point, (low, high), self.threshold)

    def possible(self) -> Possible:
        """Ask what is possible; what is not known is hidden."""
        asked = self.known if self.known.ndim == 2 else self.known[:, None]
        hidden = np.where(asked, self.logits, np.nan)
        return possible(
            hidden, self.known, self.combine, self.calibration,
            threshold=self.threshold, **self.how,
        )  # fmt: skip


def check(case: Case, kinds: tuple[str, ...]) -> Possible:
    """Hold what is said to be possible against what all networks say."""
    found = case.possible()
    for kind in kinds:
        point, said = case.verdict(case.completed(kind))
        assert said in found.verdicts, (kind, point, found, vars(case))
        assert found.low <= point <= found.high, (kind, point, found, vars(case))
    if case.known.any():
        completed = complete(case.logits, case.known, case.weights).astype(np.float32)
        point, said = case.verdict(completed)
        assert said in found.verdicts and found.low <= point <= found.high
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_whatever_the_missing_networks_say_the_verdict_was_among_the_possible(seed):
    check(Case(seed), (*SHAPES, "extreme", "steered"))


def test_a_settled_verdict_is_the_full_one_on_a_thousand_random_people():
    settled = {"fake": 0, "real": 0, "inconclusive": 0}
    open_ones = 0
    for seed in range(1000):
        case = Case(seed)
        kinds = ("extreme", str(case.generator.choice([*SHAPES, "steered"])))
        found = check(case, kinds)
        if found.settled and not case.known.all():
            settled[next(iter(found.verdicts))] += 1
        open_ones += not found.settled
    assert min(settled.values()) > 25 and open_ones > 200, (settled, open_ones)


def ramp(count: int, weight: float) -> Case:
    """A clear face that turns slowly, seen by one network of two; `weight` is what it counts."""
    case = Case(0)
    case.shape, case.threshold, case.known = (count, 2, 1), 0.5, np.array([True, False])
    case.logits = np.repeat(np.linspace(-3.2, 1.2, count)[:, None, None], 2, axis=1)
    case.weights, case.calibration = np.array([weight, 1 - weight]), Calibration()
    case.combine = partial(judge, create_combiner("soft", case.weights.tolist()))
    case.how = {"pooling": "log_odds", "confidence": 0.9, "resamples": 400, "seed": 0}
    return case


def test_frames_that_come_out_alike_are_reckoned_with(monkeypatch):
    case = ramp(24, 0.96)
    said = case.verdict(case.completed("extreme"))[1]
    assert said == "inconclusive" and said in case.possible().verdicts
    # were every frame taken to stand for itself, the other verdict would look settled, wrongly
    monkeypatch.setattr(bounds, "frame_numbers", lambda count: [count - 1])
    assert case.possible().verdicts == {"real"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-13, 13), min_size=1, max_size=40))
def test_every_number_of_frames_that_is_drawn_is_among_the_numbers_tried(values):
    effective, count = effective_frames(np.array(values)), len(values)
    drawn, _ = draw_counts(count, 1, 1, effective=effective, resamples=1, seed=0)
    assert drawn.sum() in frame_numbers(count)
    assert count >= 8 or len(frame_numbers(count)) == 1  # their correlation is not measured
    for number in frame_numbers(count):
        again, _ = draw_counts(count, 1, 1, effective=number + 1, resamples=1, seed=0)
        assert again.sum() == number


@pytest.mark.parametrize(("families", "members"), [(1, 1), (2, 3), (3, 3), (2, 4)])
@pytest.mark.parametrize("pooling", ["log_odds", "mean"])
def test_the_choices_of_members_are_those_that_a_score_is_made_of(families, members, pooling):
    logits = np.random.default_rng(3).normal(0, 3, (9, families, members))
    combine = partial(judge, create_combiner("mean", [1 / families] * families))
    frames = combine(logits)
    _, expected = redrawn(logits, combine, frames, pooling, resamples=60, seed=4)
    _, counts = draw_counts(
        *logits.shape, effective=effective_frames(frame_odds(frames, pooling)), resamples=60, seed=4
    )
    choices = Choices.of(families, members, np.arange(families), 10**6)
    found = choices.combined(logits, combine)[choices.find(counts)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert Choices.of(families, members, np.arange(families), 0) is None


def test_too_many_choices_leave_the_rough_bounds_which_are_never_tighter(monkeypatch):
    rougher = 0
    for seed in range(250):
        case = Case(seed)
        exact = case.possible()
        with monkeypatch.context() as patch:
            patch.setattr(bounds, "MOST_NUMBERS", 0)
            rough = case.possible()
        full = case.verdict(case.completed("extreme"))[1]
        assert exact.verdicts <= rough.verdicts and full in rough.verdicts
        rougher += exact.verdicts != rough.verdicts
    assert rougher > 10


def test_nine_members_a_family_are_bounded_without_listing_all_their_choices():
    logits = np.random.default_rng(1).normal(-4, 0.3, (12, 3, 9))
    combine = partial(judge, create_combiner("two_tier", DEMO))
    found = possible(logits, MOBILENET, combine, DEMO_SCALE, threshold=DEMO_THRESHOLD)
    assert found.verdicts == {"real"}


def test_a_genuine_face_is_settled_by_the_first_family_and_a_fake_one_by_the_last():
    combine = partial(judge, create_combiner("two_tier", DEMO))
    for level, one in ((-3.0, {"real"}), (4.0, {"fake", "inconclusive", "real"})):
        logits = np.random.default_rng(2).normal(level, 0.7, (32, 3, 3))
        found = possible(logits, MOBILENET, combine, DEMO_SCALE, threshold=DEMO_THRESHOLD)
        assert found.verdicts == one
    two = possible(
        logits, np.array([False, True, True]), combine, DEMO_SCALE, threshold=DEMO_THRESHOLD
    )
    # 0.731 of the weight, sure of a fake, is log-odds of 1.0; the threshold lies at 1.4
    assert not two.settled
    every = possible(logits, np.ones(3, bool), combine, DEMO_SCALE, threshold=DEMO_THRESHOLD)
    assert every.verdicts == {"fake"}


def test_single_members_of_every_family_may_be_known():
    combine = partial(judge, create_combiner("two_tier", DEMO))
    logits = np.random.default_rng(2).normal(-3, 0.7, (32, 3, 3))
    known = np.array([[True, False, False], [True, False, False], [True, True, True]])
    whole, more = (
        possible(logits, asked, combine, DEMO_SCALE, threshold=DEMO_THRESHOLD)
        for asked in (MOBILENET, known)
    )
    assert whole.low <= more.low < more.high < whole.high


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_a_combiner_that_is_called_monotone_never_falls_when_a_logit_rises(name):
    if not COMBINERS[name].monotone:
        backwards = Forest([[0]], [[0.5]], [[0.9, 0.1]])
        combiner = create_combiner(name, [0.5, 0.5], backwards)
        rising = judge(combiner, np.array([[[-1.0], [0.0]], [[1.0], [0.0]]]))
        assert rising[1] < rising[0]
        return
    generator = np.random.default_rng(5)
    combiner = create_combiner(name, [0.25] * 4)
    logits = generator.normal(0, 3, (2000, 4, 3))
    raised = logits + generator.exponential(2, logits.shape) * (
        generator.random(logits.shape) < 0.2
    )
    assert (judge(combiner, raised) >= judge(combiner, logits) - 1e-15).all()


@pytest.mark.parametrize("name", MONOTONE)
def test_the_logits_that_stand_for_certainty_are_as_certain_as_any(name):
    combiner = create_combiner(name, [0.5, 0.5])
    for certain, beyond in ((bounds.REAL, -3e38), (bounds.FAKE, 3e38)):
        stands, most = (judge(combiner, np.full((1, 2, 3), end)) for end in (certain, beyond))
        assert stands == most and stands in (0, 1)


def test_a_completion_keeps_what_is_known_and_fills_in_the_weighed_mean():
    logits = np.random.default_rng(6).normal(0, 2, (5, 3, 2))
    known = np.array([[True, True], [False, False], [True, False]])
    weights = np.array([0.5, 0.3, 0.2])
    hidden = np.where(known, logits, np.nan)
    filled = complete(hidden, known, weights)
    np.testing.assert_array_equal(filled[:, known], logits[:, known])
    first, last = sigmoid(logits[:, 0]).mean(axis=1), sigmoid(logits[:, 2, 0])
    mean = logit((0.5 * first + 0.2 * last) / 0.7)
    for family, member in ((1, 0), (1, 1), (2, 1)):
        np.testing.assert_allclose(filled[:, family, member], mean)
    with pytest.raises(ValueError, match="one or more members"):
        complete(logits, np.zeros(3, bool), weights)


@pytest.mark.parametrize(
    ("logits", "known", "words"),
    [
        (np.zeros((4, 3)), np.ones(3, bool), "expected \\(T, F, K\\)"),
        (np.zeros((4, 3, 2)), np.ones(2, bool), "expected \\(F,\\) or \\(F, K\\)"),
        (np.full((4, 3, 2), np.nan), np.array([True, False, False]), "NaN or infinity"),
    ],
)
def test_what_does_not_go_together_is_refused(logits, known, words):
    combine = partial(judge, create_combiner("mean", [1 / 3] * 3))
    with pytest.raises(ValueError, match=words):
        possible(logits, known, combine, Calibration(), threshold=0.5)
