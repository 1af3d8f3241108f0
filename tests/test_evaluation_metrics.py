"""Figures, against scikit-learn and cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as oracle

from awarenet.errors import AwareNetError
from trainer.evaluation.metrics import FIGURES, Ranked, auc, bins_of, log_odds, measure

THRESHOLD = 0.4
REAL_THEN_FAKE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.3, 0.35, 0.8, 0.2, 0.7, 0.8, 0.9])  # at 0.8 one of each

# few values, so that ties are common; weights of 0 leave people out, as a bootstrap does
cases = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(np.linspace(0, 1, 13)), st.integers(0, 3)),
    min_size=4,
    max_size=40,
).filter(lambda rows: {0, 1} <= {label for label, _, weight in rows if weight})


def columns(rows: list[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    return labels, scores, weights.astype(float)


def eer_of_scikit_learn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Where a line through the ROC curve's points meets the falling diagonal, by root finding."""
    alarms, hits, _ = oracle.roc_curve(
        labels, scores, sample_weight=weights, drop_intermediate=False
    )
    walk = np.arange(len(alarms), dtype=float)  # a way along the curve that never stands still
    curve = interp1d(walk, np.stack([alarms, hits]))
    return float(curve(brentq(lambda at: curve(at).sum() - 1, 0, walk[-1]))[0])


def ece_by_loops(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    off = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        at = (scores > low) & (scores <= high) | ((number == 0) & (scores == 0))
        if weights[at].sum():
            share = np.average(labels[at], weights=weights[at])
            said = np.average(scores[at], weights=weights[at])
            off += weights[at].sum() * abs(share - said)
    return off / weights.sum()


def tpr_of_scikit_learn(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, rate: float
) -> float:
    alarms, hits, _ = oracle.roc_curve(
        labels, scores, sample_weight=weights, drop_intermediate=False
    )
    return float(hits[alarms <= rate + 1e-12].max())


@given(cases)
@settings(max_examples=60, deadline=None)
def test_every_figure_is_that_of_scikit_learn_with_and_without_weights(rows):
    labels, scores, weights = columns(rows)
    for given_weights in (weights, None):
        used = np.ones(len(labels)) if given_weights is None else weights
        found = measure(labels, scores, threshold=THRESHOLD, weights=given_weights)
        flagged, seen = scores >= THRESHOLD, used > 0
        extra = {"sample_weight": used}
        expected = {
            "auc": oracle.roc_auc_score(labels, scores, **extra),
            "ap": oracle.average_precision_score(labels, scores, **extra),
            "eer": eer_of_scikit_learn(labels, scores, used),
            "accuracy": oracle.accuracy_score(labels, flagged, **extra),
            "balanced_accuracy": oracle.balanced_accuracy_score(
                labels[seen], flagged[seen], sample_weight=used[seen]
            ),
            "sensitivity": oracle.recall_score(labels, flagged, **extra),
            "specificity": oracle.recall_score(labels, flagged, pos_label=0, **extra),
            "f1": oracle.f1_score(labels, flagged, zero_division=0, **extra),
            "all_fake_f1": oracle.f1_score(labels, np.ones(len(labels)), **extra),
            "log_loss": oracle.log_loss(labels, np.clip(scores, 1e-6, 1 - 1e-6), **extra),
            "brier": oracle.brier_score_loss(labels, scores, **extra),
            "ece": ece_by_loops(labels, scores, used),
            "tpr_at_fpr_1": tpr_of_scikit_learn(labels, scores, used, 0.01),
            "tpr_at_fpr_5": tpr_of_scikit_learn(labels, scores, used, 0.05),
        }
        assert expected.keys() == FIGURES.keys()
        assert found == pytest.approx(expected, abs=1e-9)


def test_a_case_worked_out_by_hand():
    found = measure(REAL_THEN_FAKE, SCORES, threshold=0.75)
    # pairs won by the fakes: 0.2 beats 1; 0.7 beats 3; 0.8 beats 3 and ties with 1; 0.9 beats 4
    assert found["auc"] == pytest.approx((1 + 3 + 3.5 + 4) / 16)
    # cuts at 0.9 (1 of 1 right), 0.8 (2 of 3), 0.7 (3 of 4), 0.2 (4 of 7), one fake gained at each
    assert found["ap"] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 7) / 4)
    # at 0.7 one of four genuine ones is flagged and one of four fakes is missed
    assert found["eer"] == pytest.approx(1 / 4)
    assert found["accuracy"] == pytest.approx(5 / 8)
    # from 0.75 up there are two of the four fakes, and one of the four genuine ones
    assert (found["sensitivity"], found["specificity"]) == (2 / 4, 3 / 4)
    assert found["f1"] == pytest.approx(2 * 2 / (4 + 2 + 1))
    assert found["all_fake_f1"] == pytest.approx(2 / 3)
    # nobody genuine may be flagged at 1 % of four, which leaves the one at 0.9
    assert found["tpr_at_fpr_1"] == found["tpr_at_fpr_5"] == 1 / 4


@pytest.mark.parametrize(("threshold", "flagged"), [(0.0, 1), (0.95, 0)])
def test_flagging_all_or_nothing_moves_sensitivity_and_specificity_to_opposite_ends(
    threshold, flagged
):
    found = measure(REAL_THEN_FAKE, SCORES, threshold=threshold)
    assert (found["sensitivity"], found["specificity"]) == (flagged, 1 - flagged)
    assert found["balanced_accuracy"] == 0.5


def test_between_two_points_the_equal_error_rate_lies_on_their_line():
    # ROC points (0, 0), (0, 1/2), (1, 1): the second line meets the falling diagonal at 1/3
    assert measure(np.array([1, 0, 1]), np.array([0.9, 0.5, 0.5]))["eer"] == pytest.approx(1 / 3)


def test_the_rate_of_detection_is_read_at_the_lowest_threshold_that_is_allowed():
    genuine, fakes = np.linspace(0, 0.98, 100), np.array([0.985, 0.975, 0.965, 0.945, 0.935])
    labels = np.repeat([0, 1], [100, 5])
    found = measure(labels, np.concatenate([genuine, fakes]))
    # 1 of 100 lies above 0.9702 (0.98 itself), 5 of 100 above 0.9306
    assert (found["tpr_at_fpr_1"], found["tpr_at_fpr_5"]) == (2 / 5, 1.0)


def test_a_perfect_and_a_hopeless_detector():
    labels = np.repeat([0, 1], 20)
    best = measure(labels, labels.astype(float))
    assert best["auc"] == best["ap"] == best["accuracy"] == best["tpr_at_fpr_1"] == 1
    assert best["eer"] == best["brier"] == best["ece"] == 0
    worst = measure(labels, 1.0 - labels)
    assert worst["auc"] == worst["accuracy"] == worst["f1"] == worst["tpr_at_fpr_5"] == 0
    assert worst["eer"] == worst["brier"] == worst["ece"] == 1
    assert worst["log_loss"] == pytest.approx(-np.log(1e-6))
    blind = measure(labels, np.full(40, 0.5))
    assert blind["auc"] == blind["eer"] == blind["ap"] == 0.5
    assert blind["tpr_at_fpr_1"] == 0


@given(cases)
@settings(max_examples=60, deadline=None)
def test_ranks_alone_make_the_auc(rows):
    labels, scores, _ = columns(rows)
    if len(np.unique(labels)) < 2:
        return
    expected = oracle.roc_auc_score(labels, scores)
    for stretched in (3 * scores - 7, np.exp(scores), scores**3):
        assert auc(labels, stretched) == pytest.approx(expected)
    assert auc(1 - labels, scores) == pytest.approx(1 - expected)
    assert auc(labels, -scores) == pytest.approx(1 - expected)


@given(cases)
@settings(max_examples=60, deadline=None)
def test_a_weight_of_two_is_the_sample_twice_and_of_none_is_no_sample(rows):
    labels, scores, weights = columns(rows)
    often = np.repeat(np.arange(len(labels)), weights.astype(int))
    weighed = measure(labels, scores, weights=weights)
    assert weighed == pytest.approx(measure(labels[often], scores[often]))


def test_many_weighings_at_once_are_each_of_them_alone():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 60), rng.random(60).round(1)
    weights = rng.integers(0, 4, (7, 60))
    together = Ranked(labels, scores, scores).weigh(weights)
    for name, figure in FIGURES.items():
        alone = [measure(labels, scores, weights=row, names=[name])[name] for row in weights]
        assert figure(together) == pytest.approx(alone)


def test_scores_and_probabilities_may_be_on_two_scales():
    odds = np.array([-30.0, -2.0, 1.0, 40.0])
    labels = np.array([0, 1, 0, 1])
    plain = Ranked(labels, odds)
    assert plain.probabilities[::-1] == pytest.approx(1 / (1 + np.exp(-odds)))
    rounded = np.array([0.0, 0.5, 0.5, 1.0])
    assert float(FIGURES["auc"](Ranked(labels, odds, rounded).weigh())[0]) == auc(labels, odds)


def test_the_last_digit_of_a_probability_is_no_order_of_its_own():
    scores, labels = 0.3 + np.arange(200) * 1e-13, np.arange(200) % 2
    probabilities = scores + np.random.default_rng(0).normal(0, 1e-12, 200)
    ranked = Ranked(labels, scores, probabilities)
    assert float(FIGURES["auc"](ranked.weigh())[0]) == pytest.approx(auc(labels, scores))
    assert (np.diff(ranked.probabilities) <= 0).all()


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused_by_every_figure(label):
    with pytest.raises(AwareNetError, match="needs real and fake faces"):
        auc(np.full(3, label), np.arange(3.0))
    with pytest.raises(AwareNetError, match="needs real and fake faces"):
        measure(np.full(3, label), np.array([0.1, 0.2, 0.3]))
    with pytest.raises(AwareNetError, match="real or fake faces only"):
        measure(np.array([0, 1]), np.array([0.1, 0.2]), weights=np.array([1 - label, label]))


@pytest.mark.parametrize(
    ("labels", "scores", "probabilities", "said"),
    [
        ([0, 1], [0.5], None, "labels .2,., scores .1,."),
        ([0, 2], [0.5, 0.6], None, "labels of 0 .real. and 1 .fake."),
        ([0, 1], [0.5, np.nan], None, "finite scores"),
        ([0, 1], [0.5, 0.6], [0.6, 0.5], "another order"),
        ([0, 1], [0.5, 0.5], [0.6, 0.5], "another order"),
    ],
)
def test_what_no_figure_can_be_computed_of_is_refused(labels, scores, probabilities, said):
    with pytest.raises(ValueError, match=said):
        Ranked(np.array(labels), np.array(scores), probabilities)


def test_bins_are_open_below_and_closed_above():
    edges = np.array([0, 1 / 15, 1 / 15 + 1e-9, 14 / 15, 14 / 15 + 1e-9, 1])
    assert bins_of(edges).tolist() == [0, 0, 1, 13, 14, 14]


@given(st.floats(-13, 13))
def test_log_odds_undo_a_sigmoid(value):
    assert log_odds(np.array([[1 / (1 + np.exp(-value))]])) == pytest.approx(value, abs=1e-6)


def test_log_odds_of_certainty_are_finite():
    assert log_odds(np.array([0.0, 0.5, 1.0])) == pytest.approx([-13.8155, 0, 13.8155], abs=1e-3)
