"""Calibration: fitted as defined, compared on people who were left out."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from awarenet.errors import AwareNetError, SettingsError
from awarenet.scoring import Calibration
from trainer.evaluation.calibration import (
    METHODS,
    choose,
    compare,
    even_weights,
    fit_isotonic,
    left_out,
    reliability,
)


def crowd(
    scale: float, offset: float, *, people: int = 60, each: int = 20, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Clips whose true P(fake) is sigmoid(scale * log-odds + offset), and who is in them."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 3, people * each)
    labels = (rng.random(people * each) < expit(scale * log_odds + offset)).astype(int)
    return log_odds, labels, np.repeat([f"person {n}" for n in range(people)], each)


def fitted_by_hand(log_odds: np.ndarray, labels: np.ndarray, *, offset: bool) -> list[float]:
    """Scale and offset that minimize the log-loss of even classes and half the scale squared."""

    def loss(parameters: np.ndarray) -> float:
        odds = parameters[0] * log_odds + (parameters[1] if offset else 0)
        loss = np.logaddexp(0, np.where(labels == 1, -odds, odds))
        return float((even_weights(labels) * loss).sum() + parameters[0] ** 2 / 2)

    return minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7}).x.tolist()


@pytest.mark.parametrize(("method", "offset"), [("platt", True), ("temperature", False)])
def test_the_parameters_are_those_of_the_highest_likelihood(method, offset):
    log_odds, labels, people = crowd(0.5, 1.0, people=15)
    found = choose(method, log_odds, labels, people)
    scale, shift = fitted_by_hand(log_odds, labels, offset=offset)
    assert found.scale == pytest.approx(scale, abs=1e-3)
    assert found.offset == pytest.approx(shift if offset else 0.0, abs=1e-3)
    assert found.method == method


def test_a_known_distortion_is_undone():
    log_odds, labels, people = crowd(0.4, 0.0, people=200)
    assert choose("temperature", log_odds, labels, people).scale == pytest.approx(0.4, abs=0.03)
    found = choose("platt", log_odds, labels, people)
    assert found[1:] == pytest.approx((0.4, 0.0), abs=0.06)


def test_classes_weigh_the_same_however_many_there_are():
    log_odds, labels, people = crowd(0.6, 0.0, people=200)
    keep = (labels == 1) | (np.arange(len(labels)) % 4 == 0)  # four fakes to a genuine clip
    found = choose("platt", log_odds[keep], labels[keep], people[keep])
    assert found[1:] == pytest.approx((0.6, 0.0), abs=0.1)
    weights = even_weights(labels[keep])
    assert weights[labels[keep] == 1].sum() == pytest.approx(weights[labels[keep] == 0].sum())
    assert weights.sum() == pytest.approx(keep.sum())


def test_what_is_chosen_fits_into_a_bundle():
    log_odds, labels, people = crowd(0.5, -0.7, people=10)
    found = choose("platt", log_odds, labels, people)
    expected = METHODS["platt"](log_odds, labels)(log_odds)
    calibration = Calibration(found.scale, found.offset)
    np.testing.assert_allclose(calibration.apply(log_odds), expected, rtol=1e-12)


@pytest.mark.parametrize(("offset", "better"), [(2.5, "platt"), (0.0, "temperature")])
def test_auto_takes_what_predicts_left_out_people_better(offset, better):
    # an offset that is not there is a parameter that can only be wrong, if not by much
    log_odds, labels, people = crowd(0.5, offset, people=30, seed=4)
    found = choose("auto", log_odds, labels, people)
    assert found == choose(better, log_odds, labels, people)
    figures = compare("auto", log_odds, labels, people)
    losses = {name: figures["methods"][name]["nll"] for name in ("platt", "temperature")}
    assert min(losses, key=losses.get) == figures["chosen"] == better


def test_a_distortion_shows_in_every_figure_and_calibration_lowers_it():
    log_odds, labels, people = crowd(0.3, 1.5)
    figures = compare("platt", log_odds, labels, people)
    found = figures["methods"]
    assert list(found) == ["none", "temperature", "platt", "isotonic"]
    for figure in ("nll", "brier", "ece"):
        assert found["platt"][figure] < found["temperature"][figure] < found["none"][figure]
        assert found["isotonic"][figure] < found["none"][figure]
    assert figures["chosen"] == "platt"
    assert sum(row["count"] for row in figures["reliability"]) == len(labels)
    assert "1200 clips of 60 people" in figures["protocol"]
    assert "5 folds of whole people" in figures["protocol"]


def test_nobody_is_scored_by_a_calibrator_that_was_fitted_on_them():
    log_odds, labels, people = crowd(1.0, 0.0, people=7, each=6)
    seen = []

    def remember(odds: np.ndarray, truth: np.ndarray):
        fitted_on = set(odds.tolist())

        def apply(asked: np.ndarray) -> np.ndarray:
            seen.append((fitted_on, set(asked.tolist())))
            return np.full(len(asked), 0.5)

        return apply

    left_out(remember, log_odds, labels, people)
    owner = dict(zip(log_odds.tolist(), people.tolist(), strict=True))
    assert len(seen) == 5
    assert set().union(*(asked for _, asked in seen)) == set(log_odds.tolist())
    for fitted_on, asked in seen:
        assert not {owner[odds] for odds in fitted_on} & {owner[odds] for odds in asked}


def test_the_choice_of_a_fold_is_made_without_its_people(monkeypatch):
    log_odds, labels, people = crowd(0.5, 1.0, people=8, each=10)
    asked = []

    def better(odds: np.ndarray, truth: np.ndarray, others: np.ndarray) -> str:
        asked.append(set(others.tolist()))
        return "platt"

    monkeypatch.setattr("trainer.evaluation.calibration._better", better)
    figures = compare("auto", log_odds, labels, people)
    everyone = set(people.tolist())
    assert asked[0] == everyone  # for the bundle; then once for each fold
    assert len(asked) == 6 and all(others < everyone for others in asked[1:])
    assert figures["methods"]["auto"] == figures["methods"]["platt"]


def test_what_people_say_of_themselves_is_not_used():
    # each person's clips are right for that person alone: only who was fitted on them can know
    rng = np.random.default_rng(0)
    people = np.repeat([f"p{n}" for n in range(12)], 20)
    log_odds = np.repeat(np.arange(12) - 6.0, 20) + rng.normal(0, 0.01, 240)
    labels = np.repeat(rng.permutation([0, 1] * 6), 20)
    own = fit_isotonic(log_odds, labels)(log_odds)
    others = left_out(fit_isotonic, log_odds, labels, people)

    def loss(values: np.ndarray) -> float:
        return float(-np.log(np.where(labels == 1, values, 1 - values)).mean())

    assert loss(others) > 1.5 * loss(own)


def test_isotonic_probabilities_rise_and_stay_off_the_ends():
    log_odds, labels, _ = crowd(2.0, 0.0, people=10)
    found = fit_isotonic(log_odds, labels)(np.linspace(-50, 50, 200))
    assert (np.diff(found) >= 0).all()
    assert 0 < found.min() < 0.1 and 0.9 < found.max() < 1


def test_reliability_counts_what_came_true():
    labels = np.array([0, 0, 1, 1, 1, 0])
    probabilities = np.array([0.01, 0.05, 0.05, 0.97, 0.99, 0.5])
    rows = reliability(labels, probabilities, np.array([1.0, 1, 2, 1, 1, 1]))
    assert [(row["low"], row["high"], row["count"]) for row in rows] == [
        (0.0, 0.0667, 3), (0.4667, 0.5333, 1), (0.9333, 1.0, 2),
    ]  # fmt: skip
    assert rows[0]["share_fake"] == 0.5 and rows[0]["mean_probability"] == 0.04
    assert rows[2]["share_fake"] == 1 and rows[2]["mean_probability"] == 0.98


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_fakes_that_score_lower_are_refused(method):
    log_odds, labels, people = crowd(-1.0, 0.0)
    with pytest.raises(AwareNetError, match="fakes score lower than genuine clips"):
        choose(method, log_odds, labels, people)


@pytest.mark.parametrize("method", ["platt", "temperature", "auto"])
def test_classes_that_do_not_overlap_have_a_finite_scale(method):
    log_odds = np.concatenate([np.full(20, -13.0), np.full(20, 13.0)])
    people = np.tile([f"p{n}" for n in range(10)], 4)
    found = choose(method, log_odds, np.repeat([0, 1], 20), people)
    assert 0 < found.scale < 10 and abs(found.offset) < 10


def test_one_class_and_unknown_methods_are_refused():
    log_odds, labels, people = crowd(1.0, 0.0)
    with pytest.raises(AwareNetError, match="real and fake clips of people"):
        choose("platt", log_odds, np.zeros_like(labels), people)
    with pytest.raises(SettingsError, match="expected platt, temperature or auto"):
        choose("isotonic", log_odds, labels, people)
    with pytest.raises(ValueError, match="1199 labels"):
        choose("platt", log_odds, labels[1:], people)


def test_too_few_people_to_leave_anybody_out_is_said():
    log_odds, labels, people = crowd(1.0, 0.0, people=1)
    assert choose("platt", log_odds, labels, people).scale > 0  # this needs nobody left out
    with pytest.raises(AwareNetError, match="expected two or more"):
        compare("platt", log_odds, labels, people)
    two = np.where(labels == 1, "ann", "bob")
    with pytest.raises(AwareNetError, match="all genuine or all fake"):
        choose("auto", log_odds, labels, two)
