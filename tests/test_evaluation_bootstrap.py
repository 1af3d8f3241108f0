"""Intervals over people, against plain loops over the same draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_bootstrap import with_interval
from sklearn.metrics import roc_auc_score

from trainer.evaluation.bootstrap import (
    auc_with_interval,
    draw_people,
    figures_with_intervals,
    paired_difference,
    rate_with_interval,
)
from trainer.evaluation.metrics import FIGURES, Ranked, measure


def crowd(people: int = 12, each: int = 4, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels, scores and people; the scores of one person lie together."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], people * each // 2)
    own = np.repeat(rng.normal(0, 1, people), each)
    names = np.repeat([f"person {number}" for number in range(people)], each)
    return labels, own + labels * 0.8 + rng.normal(0, 0.5, len(labels)), names


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


# few people of one class each, so that some draws have no figure; and scores with ties
crowds = st.tuples(st.integers(2, 9), st.integers(1, 5), st.integers(0, 10**6), st.booleans())


@given(crowds)
@settings(max_examples=25, deadline=None)
def test_weighing_people_is_drawing_their_frames_again(drawn):
    people, each, seed, apart = drawn
    rng = np.random.default_rng(seed)
    names = np.repeat([f"person {number}" for number in range(people)], each)
    labels = rng.integers(0, 2, len(names))
    if apart:
        labels = np.repeat(rng.permutation(np.arange(people) % 2), each)
    labels[0], labels[-1] = 0, 1
    scores = rng.random(len(names)).round(1)
    found = figures_with_intervals(
        Ranked(labels, scores, scores), draw_people(names, resamples=30, seed=5)
    )
    assert found.keys() == FIGURES.keys()
    for name in FIGURES:
        plain = with_interval(
            lambda at, name=name: measure(labels[at], scores[at], names=[name])[name],
            names,
            resamples=30,
            seed=5,
        )
        assert found[name] == pytest.approx(plain, abs=1.01e-4)  # of rounding to four digits


def test_more_samples_than_a_block_holds_are_all_drawn(monkeypatch):
    labels, scores, names = crowd()
    whole = auc_with_interval(labels, scores, names, resamples=70)
    for block in (1, 100, 1000):
        monkeypatch.setattr("trainer.evaluation.bootstrap.BLOCK", block)
        assert auc_with_interval(labels, scores, names, resamples=70) == whole


def test_a_rate_is_that_of_a_plain_loop_over_people():
    labels, scores, names = crowd(seed=3)
    hits = scores > 0.3
    plain = with_interval(lambda at: float(hits[at].mean()), names, resamples=80)
    assert rate_with_interval(hits, names, resamples=80) == plain


def test_a_paired_difference_takes_the_same_people_for_both():
    labels, scores, names = crowd(people=20, seed=1)
    other = scores + np.random.default_rng(2).normal(0, 1, len(scores))
    found = paired_difference(
        Ranked(labels, scores), Ranked(labels, other), draw_people(names, resamples=90)
    )
    differences = []

    def difference(at: np.ndarray) -> float:
        differences.append(
            roc_auc_score(labels[at], scores[at]) - roc_auc_score(labels[at], other[at])
        )
        return differences[-1]

    plain = with_interval(difference, names, resamples=90)
    assert {key: found[key] for key in plain} == plain
    assert found["above_zero"] == round(np.mean(np.array(differences[:90]) > 0), 4)
    assert 0 < found["above_zero"] <= 1


def test_a_scorer_against_itself_is_never_ahead():
    labels, scores, names = crowd()
    draws = draw_people(names, resamples=50)
    found = paired_difference(Ranked(labels, scores), Ranked(labels, 2 * scores), draws)
    assert (found["value"], found["low"], found["high"], found["above_zero"]) == (0, 0, 0, 0)


def test_swapping_two_scorers_turns_the_difference_around():
    labels, scores, names = crowd()
    other = Ranked(labels, np.roll(scores, 7))
    draws = draw_people(names, resamples=50)
    one = paired_difference(Ranked(labels, scores), other, draws, "brier")
    back = paired_difference(other, Ranked(labels, scores), draws, "brier")
    assert (one["value"], one["low"], one["high"]) == (-back["value"], -back["high"], -back["low"])


def test_a_difference_is_surer_than_two_figures_apart():
    labels, scores, names = crowd(people=40)
    other = scores + np.random.default_rng(0).normal(0, 0.05, len(scores))
    draws = draw_people(names, resamples=200)
    figures = [
        figures_with_intervals(Ranked(labels, values), draws, ["auc"])["auc"]
        for values in (scores, other)
    ]
    found = paired_difference(Ranked(labels, scores), Ranked(labels, other), draws)
    assert found["high"] - found["low"] < min(f["high"] - f["low"] for f in figures) / 3


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


def test_a_higher_confidence_is_a_wider_interval():
    labels = np.arange(60) % 2
    ranked = Ranked(labels, np.random.default_rng(2).normal(0, 1, 60) + labels)
    flat = Ranked(labels, np.random.default_rng(3).normal(0, 1, 60))
    draws = draw_people([str(n) for n in range(60)], resamples=300)

    def width(confidence: float) -> float:
        found = paired_difference(ranked, flat, draws, confidence=confidence)
        return found["high"] - found["low"]

    assert width(0.5) < width(0.9) < width(0.99)
