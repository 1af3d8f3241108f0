"""The forest plot: what lies where, and what is filled or hollow."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from tests.plot_reading import draw, words
from trainer.plots import difference_forest, scorer_look
from trainer.plots.forest import LEAST

FAMILIES = ("capsule", "xceptionnet")
DIFFERENCES = {
    "all, soft": {"value": 0.03, "low": 0.01, "high": 0.05, "people": 9},
    "capsule": {"value": 0.01, "low": -0.02, "high": 0.04, "people": 9},
    "xceptionnet": {"value": -0.04, "low": -0.06, "high": -0.01, "people": 9},
    "alone": {"value": 0.02, "low": 0.02, "high": 0.02, "people": 1},
    "gone": None,
}


def rows(figure):
    """Scorer -> its mark and the ends of its interval, None where it has none."""
    found = {}
    for container in figure.axes[0].containers:
        mark, _, bars = container
        ends = bars[0].get_segments()[0][:, 0] if bars else None
        found[container.get_label()] = (mark, ends)
    return found


@pytest.fixture
def figure():
    return difference_forest(DIFFERENCES, FAMILIES, reference="capsule-1")


def test_marks_and_intervals_lie_where_the_differences_are_the_first_on_top(figure):
    found = rows(figure)
    assert list(found) == ["all, soft", "capsule", "xceptionnet", "alone"]
    for place, (name, (mark, ends)) in enumerate(found.items()):
        one = DIFFERENCES[name]
        np.testing.assert_allclose(mark.get_xydata(), [[one["value"], place]])
        if name != "alone":
            np.testing.assert_allclose(ends, [one["low"], one["high"]])
    assert found["alone"][1] is None
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top


def test_a_mark_is_filled_only_where_the_interval_leaves_zero_out(figure):
    found = rows(figure)
    filled = {
        name: not same_color(mark.get_markerfacecolor(), "white")
        for name, (mark, _) in found.items()
    }
    expected = {"all, soft": True, "capsule": False, "xceptionnet": True, "alone": False}
    assert filled == expected


def test_ensembles_have_a_mark_of_their_own_and_families_their_colors(figure):
    found = rows(figure)
    assert {name: mark.get_marker() for name, (mark, _) in found.items()} == {
        "all, soft": "D", "capsule": "o", "xceptionnet": "o", "alone": "D"
    }  # fmt: skip
    for family in FAMILIES:
        assert same_color(found[family][0].get_color(), scorer_look(family, FAMILIES).color)


def test_every_number_is_written_with_its_sign_and_what_is_missing_is_said(figure):
    written = words(figure)
    for text in ("+0.030", "+0.010", "-0.040", "+0.020", "not measured"):
        assert written.count(text) == 1
    assert "AUC less that of capsule-1" in written


def test_no_difference_is_in_sight_and_small_ones_look_small():
    axes = difference_forest({"a": {"value": 1e-4, "low": 0.0, "high": 2e-4}}, (), reference="b")
    low, high = axes.axes[0].get_xlim()
    assert low <= -LEAST and high >= LEAST
    far = difference_forest({"a": 0.4, "b": 0.5}, (), reference="c").axes[0].get_xlim()
    assert far[0] < 0 < 0.5 < far[1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("differences", [{}, {"a": None}, {"$x_{y$": float("nan"), "b": 0.1}])
def test_what_is_missing_leaves_a_plot(differences):
    assert draw(difference_forest(differences, FAMILIES, reference="$a$")).std() > 0
