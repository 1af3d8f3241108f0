"""Figures hold what they were given, whatever is missing, and leave no state behind."""

import itertools
import math
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import same_color, to_rgb
from sklearn.metrics import roc_auc_score

from tests.plot_reading import by_gid, draw, scored, words
from trainer.plots import (
    FAKE,
    REAL,
    auc_bars,
    confusion_matrix,
    family_colors,
    family_weights,
    heat_map,
    learning_curves,
    precision_recall_curves,
    reliability,
    robustness_curves,
    roc_curves,
    score_distributions,
    scorer_look,
)
from trainer.plots.style import FAMILIES, SIZE_PT, shorten

NAMES = ("xception", "res2net101", "efficientnet_b7")
NAN = float("nan")


EVERY_KIND = {
    "learning curves": lambda: learning_curves(
        {("xception", 0): [{"step": 1, "loss": NAN}]}, NAMES
    ),
    "no learning curves": lambda: learning_curves({}, NAMES),
    "weights": lambda: family_weights({"xception": NAN}, NAMES),
    "roc of one class": lambda: roc_curves(np.ones(4), {"two tiers": np.ones(4)}, NAMES),
    "roc of nothing": lambda: roc_curves(np.array([]), {}, NAMES),
    "precision of nothing": lambda: precision_recall_curves(np.array([]), {}, NAMES),
    "precision of NaN": lambda: precision_recall_curves(
        np.array([0, 1]), {"two tiers": np.array([NAN, NAN])}, NAMES
    ),
    "confusion of nothing": lambda: confusion_matrix(np.array([]), np.array([]), 0.5),
    "distributions of nothing": lambda: score_distributions(np.array([]), np.array([])),
    "reliability of nothing": lambda: reliability({}),
    "reliability of empty bins": lambda: reliability(
        {"a": [{"low": 0, "high": 1, "mean_probability": None, "share_fake": NAN, "count": 0}]}
    ),
    "no corruptions": lambda: robustness_curves({}),
    "corruptions without figures": lambda: robustness_curves({"jpeg": [{"level": "70"}]}),
    "heat map of nothing": lambda: heat_map({}, [], []),
    "heat map of empty cells": lambda: heat_map({("a", "b"): NAN}, ["a"], ["b", "c"]),
    "no bars": lambda: auc_bars({}),
    "bars of NaN": lambda: auc_bars({"a": NAN, "b": None, "c": {"value": None}}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_what_is_missing_or_nan_leaves_a_plot_that_says_so(kind):
    figure = EVERY_KIND[kind]()
    assert draw(figure).std() > 0
    said = " ".join(words(figure))
    assert any(w in said for w in ("no data", "not ", "needs real", "none", "–")), said


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 3, 12])
def test_one_to_twelve_families_have_colors_of_their_own_in_every_plot(count):
    names = [f"family_{i}" for i in range(count)]
    colors = family_colors(names)
    assert len(set(colors.values())) == count
    assert not {REAL, FAKE} & set(colors.values())
    labels, scores = scored()
    lines = [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.5}]
    learning = learning_curves({(name, 0): lines for name in names}, names)
    roc = roc_curves(labels, {name: scores for name in names}, names)
    weights = family_weights({name: 1 / count for name in names}, names)
    for name, bar in zip(names, weights.axes[0].patches, strict=True):
        assert same_color(by_gid(learning.axes[0], f"{name}-0").get_color(), colors[name])
        assert same_color(by_gid(roc.axes[0], name).get_color(), colors[name])
        assert same_color(bar.get_facecolor(), colors[name])
    for figure in (learning, roc, weights):
        draw(figure)


def test_families_can_be_told_apart_by_color_or_by_marker():
    looks = [scorer_look(f"f{i}", [f"f{i}" for i in range(12)]) for i in range(12)]
    assert len({(look.color, look.marker) for look in looks}) == 12
    distances = [
        np.abs(np.subtract(to_rgb(a), to_rgb(b))).max()
        for a, b in itertools.combinations([*FAMILIES, REAL, FAKE], 2)
    ]
    assert min(distances) > 0.1


def test_learning_curves_hold_the_points_of_every_member_and_skip_what_is_nan():
    lines = [
        {"step": 10, "loss": 0.7, "validation_auc": 0.6, "learning_rate": 1e-4},
        {"step": 20, "loss": NAN, "validation_auc": 0.8, "learning_rate": 5e-5},
        {"step": 30, "loss": 0.3, "validation_auc": None, "learning_rate": 0.0},
    ]
    figure = learning_curves({("xception", 0): lines, ("xception", 1): lines[:1]}, NAMES)
    loss, validation_loss, auc, rate = figure.axes
    np.testing.assert_allclose(by_gid(loss, "xception-0").get_xydata(), [[10, 0.7], [30, 0.3]])
    np.testing.assert_allclose(by_gid(auc, "xception-0").get_xydata(), [[10, 0.6], [20, 0.8]])
    np.testing.assert_allclose(by_gid(rate, "xception-0").get_ydata(), [1e-4, 5e-5, 0])
    assert by_gid(loss, "xception-1").get_linestyle() != by_gid(loss, "xception-0").get_linestyle()
    assert "no data" in [text.get_text() for text in validation_loss.texts]
    assert {"member 0", "member 1"} < set(words(figure))


def test_bars_of_weights_are_the_shares_and_the_line_is_the_plain_mean():
    figure = family_weights({"xception": 0.5, "res2net101": 0.3, "efficientnet_b7": 0.2}, NAMES)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.3, 0.2]
    (line,) = [line for line in axes.lines if line.get_label() == "plain mean"]
    assert line.get_xdata()[0] == pytest.approx(1 / 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 3000))
def test_the_area_under_a_thinned_roc_curve_is_the_auc(seed, count):
    labels, scores = scored(count, seed)
    curve = by_gid(roc_curves(labels, {"two tiers": scores}, NAMES).axes[0], "two tiers")
    x, y = curve.get_xydata().T
    assert len(x) <= 402
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(labels, scores), abs=0.0005)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


def test_a_roc_curve_passes_over_what_has_no_answer():
    labels, scores = scored()
    known = roc_curves(labels[5:], {"two tiers": scores[5:]}, NAMES)
    gaps = roc_curves(labels, {"two tiers": np.r_[np.full(5, NAN), scores[5:]]}, NAMES)
    points = [by_gid(figure.axes[0], "two tiers").get_xydata() for figure in (known, gaps)]
    np.testing.assert_array_equal(*points)


def test_the_band_of_a_curve_spans_what_was_given():
    labels, scores = scored()
    band = (np.array([0.0, 1.0]), np.array([0.2, 0.9]), np.array([0.6, 1.0]))
    axes = roc_curves(labels, {"two tiers": scores}, NAMES, bands={"two tiers": band}).axes[0]
    (area,) = axes.collections
    assert {(0.0, 0.2), (0.0, 0.6), (1.0, 0.9), (1.0, 1.0)} <= {
        tuple(point) for point in area.get_paths()[0].vertices
    }


def test_the_baseline_of_precision_is_the_share_of_fakes():
    labels, scores = scored(300)
    axes = precision_recall_curves(labels, {"two tiers": scores}, NAMES).axes[0]
    assert by_gid(axes, "all fake").get_ydata()[0] == pytest.approx(200 / 300)
    x, y = by_gid(axes, "two tiers").get_xydata().T
    assert (x[0], y[0]) == (0, 1) and x[-1] == 1
    assert y[-1] == pytest.approx(200 / 300)


def test_the_confusion_matrix_counts_rows_and_leaves_out_what_has_no_answer():
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    figure = confusion_matrix(labels, np.array([0.1, 0.5, NAN, 0.9, 0.6, 0.2, 0.8]), 0.5)
    cells = {text.get_gid(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {"00": "1\n50.0%", "01": "1\n50.0%", "10": "1\n25.0%", "11": "3\n75.0%"}
    assert "1 unanswered" in figure.axes[0].get_title(loc="left")


def test_real_and_fake_have_their_two_colors_wherever_they_stand():
    labels, scores = scored()
    axes = score_distributions(labels, scores, 0.4).axes[0]
    assert same_color(by_gid(axes, "real").get_edgecolor(), REAL)
    assert same_color(by_gid(axes, "fake").get_edgecolor(), FAKE)
    rows = confusion_matrix(labels, scores, 0.5).axes[0].get_yticklabels()
    assert [row.get_color() for row in rows] == [REAL, FAKE]


def test_distributions_are_shares_of_each_label_and_the_threshold_is_drawn():
    labels, scores = scored()
    axes = score_distributions(labels, scores, 0.4).axes[0]
    for name, label in (("real", 0), ("fake", 1)):
        expected = np.histogram(scores[labels == label], np.linspace(0, 1, 21))[0]
        drawn = by_gid(axes, name).get_data().values
        np.testing.assert_allclose(drawn, expected / (labels == label).sum())
    assert [line.get_xdata()[0] for line in axes.lines] == [0.4]


def test_reliability_shows_shares_against_what_was_said_and_skips_empty_bins():
    rows = [
        {"low": 0, "high": 0.5, "mean_probability": 0.2, "share_fake": 0.1, "count": 30},
        {"low": 0.5, "high": 0.6, "mean_probability": None, "share_fake": None, "count": 0},
        {"low": 0.6, "high": 1, "mean_probability": 0.8, "share_fake": 0.9, "count": 12},
    ]
    above, below = reliability({"before": rows, "after": rows[:1]}).axes
    np.testing.assert_allclose(by_gid(above, "before").get_xydata(), [[0.2, 0.1], [0.8, 0.9]])
    np.testing.assert_allclose(by_gid(above, "after").get_xydata(), [[0.2, 0.1]])
    assert sorted(bar.get_height() for bar in below.patches) == [12, 30, 30]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_text_is_at_least_eight_points(kind):
    figure = EVERY_KIND[kind]()
    draw(figure)
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= SIZE_PT


@given(st.text(max_size=80))
def test_names_from_the_data_are_one_short_line_and_no_formula(name):
    short = shorten(name)
    assert "\n" not in short and len(short.replace("\\$", "$")) <= 22
    assert "$" not in short.replace("\\$", "")


@pytest.mark.filterwarnings("error")
def test_dollars_and_markup_in_names_are_drawn_as_they_are():
    figure = auc_bars({"$x_{y$": 0.9, "a$b$c": 0.8, "<script>": 0.7})
    draw(figure)
    assert "<script>" in words(figure)


def test_plotting_changes_no_settings_of_matplotlib_and_never_loads_pyplot():
    before = dict(matplotlib.rcParams)
    labels, scores = scored()
    draw(roc_curves(labels, {"two tiers": scores}, NAMES))
    assert dict(matplotlib.rcParams) == before
    code = "import sys, trainer.plots; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_same_data_gives_the_same_picture():
    labels, scores = scored()
    one, other = (draw(score_distributions(labels, scores, 0.5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not math.isclose(one.std(), 0)
