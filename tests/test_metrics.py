"""Figures and their intervals, against scikit-learn and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from awarenet.errors import AwareNetError
from trainer.metrics import auc, auc_with_interval, log_odds, rate_with_interval, with_interval


def auc_by_counting(labels: list[int], scores: list[float]) -> float:
    """Share of pairs of a fake and a real one in which the fake scores higher; ties count half."""
    wins = [
        1.0 if fake > real else 0.5 if fake == real else 0.0
        for fake, truth in zip(scores, labels, strict=True)
        for real, other in zip(scores, labels, strict=True)
        if truth == 1 and other == 0
    ]
    return sum(wins) / len(wins)


def crowd(people: int = 12, each: int = 4, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels, scores and people; the scores of one person lie together."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], people * each // 2)
    own = np.repeat(rng.normal(0, 1, people), each)
    names = np.repeat([f"person {number}" for number in range(people)], each)
    return labels, own + labels * 0.8 + rng.normal(0, 0.5, len(labels)), names


scored = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=2, max_size=30)


@given(scored.filter(lambda rows: len({label for label, _ in rows}) == 2))
@settings(max_examples=40, deadline=None)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    expected = auc_by_counting(labels.tolist(), scores.tolist())
    assert auc(labels, scores) == pytest.approx(expected)
    assert auc(labels, -scores) == pytest.approx(1 - expected)


@pytest.mark.parametrize("label", [0, 1])
def test_an_auc_of_one_class_is_refused(label):
    with pytest.raises(AwareNetError, match="needs real and fake faces"):
        auc(np.full(3, label), np.arange(3.0))


def test_the_interval_is_that_of_a_plain_loop_over_people():
    labels, scores, names = crowd()
    found = auc_with_interval(labels, scores, names, resamples=60)
    rng = np.random.default_rng(0)
    everyone = sorted(set(names))
    values = []
    for _ in range(60):
        drawn_labels, drawn_scores = [], []
        for who in rng.integers(len(everyone), size=len(everyone)):
            for label, score, name in zip(labels, scores, names, strict=True):
                if name == everyone[who]:
                    drawn_labels.append(label)
                    drawn_scores.append(score)
        values.append(roc_auc_score(drawn_labels, drawn_scores))
    assert found["value"] == round(roc_auc_score(labels, scores), 4)
    assert found["low"] == round(np.percentile(values, 2.5), 4)
    assert found["high"] == round(np.percentile(values, 97.5), 4)
    assert (found["people"], found["count"]) == (12, 48)


def test_people_may_stand_in_any_order():
    labels, scores, names = crowd()
    order = np.random.default_rng(1).permutation(len(labels))
    found = auc_with_interval(labels[order], scores[order], names[order], resamples=40)
    assert found == auc_with_interval(labels, scores, names, resamples=40)


def test_more_frames_of_the_same_people_are_no_more_certain():
    hits = np.tile([True, True, False, False], 5)
    names = np.repeat([f"p{number}" for number in range(10)], 2)
    once = rate_with_interval(hits, names, resamples=300)
    often = rate_with_interval(np.repeat(hits, 20), np.repeat(names, 20), resamples=300)
    assert (once["low"], once["high"]) == (often["low"], often["high"])
    assert (once["count"], often["count"]) == (20, 400)


def test_more_people_are_more_certain():
    widths = []
    for people in (6, 60):
        hits = np.arange(people) % 3 == 0
        figure = rate_with_interval(hits, [str(n) for n in range(people)], resamples=400)
        assert figure["low"] <= figure["value"] == round(1 / 3, 4) <= figure["high"]
        widths.append(figure["high"] - figure["low"])
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(60):
        drawn = rng.random(60) < 0.4
        figure = rate_with_interval(drawn, [str(n) for n in range(60)], resamples=100)
        hits += figure["low"] <= 0.4 <= figure["high"]
    assert 0.85 < hits / 60 <= 1


def test_one_person_alone_has_no_spread():
    figure = rate_with_interval(np.array([True, False]), ["ann", "ann"], resamples=20)
    assert (figure["value"], figure["low"], figure["high"], figure["people"]) == (0.5, 0.5, 0.5, 1)


def test_draws_without_a_value_are_passed_over():
    labels, scores = np.array([0, 1, 1]), np.array([0.1, 0.9, 0.8])
    found = auc_with_interval(labels, scores, ["ann", "bob", "cid"], resamples=100)
    assert (found["value"], found["low"], found["high"]) == (1.0, 1.0, 1.0)


def test_where_no_draw_has_a_value_the_interval_is_the_value():
    def only_all(at: np.ndarray) -> float:
        if len(set(at.tolist())) < 40:
            raise AwareNetError("somebody is missing")
        return 0.25

    found = with_interval(only_all, [str(n) for n in range(40)], resamples=30)
    assert (found["low"], found["value"], found["high"]) == (0.25, 0.25, 0.25)


def test_a_higher_confidence_is_a_wider_interval():
    hits = np.arange(30) % 2 == 0

    def width(confidence: float) -> float:
        figure = with_interval(
            lambda at: float(hits[at].mean()),
            [str(n) for n in range(30)],
            resamples=300,
            confidence=confidence,
        )
        return figure["high"] - figure["low"]

    assert width(0.5) < width(0.9) < width(0.99)


@given(st.floats(-13, 13))
def test_log_odds_undo_a_sigmoid(value):
    assert log_odds(np.array([[1 / (1 + np.exp(-value))]])) == pytest.approx(value, abs=1e-6)


def test_log_odds_of_certainty_are_finite():
    assert log_odds(np.array([0.0, 0.5, 1.0])) == pytest.approx([-13.8155, 0, 13.8155], abs=1e-3)
