"""AUCs side by side: bars, corruptions and the matrix of data sets hold the numbers given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tests.plot_reading import by_gid, figure_of
from trainer.plots import auc_bars, heat_map, robustness_curves
from trainer.plots.figures import measured

NAN = float("nan")


def test_bars_of_aucs_start_at_chance_and_have_their_intervals():
    axes = auc_bars({"good": figure_of(0.9), "bad": figure_of(0.4, 0.05), "gone": NAN}).axes[0]
    good, bad = by_gid(axes, "good"), by_gid(axes, "bad")
    assert (good.get_x(), good.get_width()) == (0.5, pytest.approx(0.4))
    assert bad.get_x() + bad.get_width() == pytest.approx(0.4)
    ends = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    np.testing.assert_allclose(ends, [[0.88, 0.92], [0.35, 0.45]])
    assert axes.get_xlim()[0] <= 0.35
    assert [label.get_text() for label in axes.get_yticklabels()] == ["good", "bad", "gone"]


def test_an_interval_over_one_person_is_none():
    assert measured({**figure_of(0.9), "people": 1}).arms is None
    assert measured(figure_of(0.9)).arms == pytest.approx((0.02, 0.02))


def test_levels_of_a_corruption_are_joined_in_their_order_and_others_are_not():
    sweeps = {
        "jpeg": [{"level": "70", "auc": figure_of(0.9)}, {"level": "30", "auc": figure_of(0.8)}],
        "blur": [{"level": "1", "auc": None}, {"level": "2", "auc": figure_of(0.7)}],
    }
    axes = robustness_curves(sweeps, clean=figure_of(0.95)).axes[0]
    np.testing.assert_allclose(by_gid(axes, "jpeg").get_ydata(), [0.9, 0.8])
    np.testing.assert_allclose(by_gid(axes, "blur").get_ydata(), [0.7])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["70", "30", "1", "2"]
    assert axes.get_ylim()[0] <= 0.68
    assert any(line.get_ydata()[0] == 0.95 for line in axes.lines)


def test_the_heat_map_writes_every_number_in_and_outlines_what_was_learned_from():
    cells = {("a", "x"): figure_of(0.91), ("a", "y"): 0.55, ("b", "x"): NAN}
    axes = heat_map(cells, ["a", "b"], ["x", "y"], learned={("a", "x")}).axes[0]
    written = {text.get_gid(): text.get_text() for text in axes.texts}
    assert written == {"a|x": "0.910\n0.89–0.93", "a|y": "0.550", "b|x": "–", "b|y": "–"}
    values = axes.images[0].get_array()
    np.testing.assert_array_equal(values.mask, [[False, False], [True, True]])
    (frame,) = axes.patches
    assert frame.get_x() < 0 < frame.get_x() + frame.get_width() < 0.5


def test_numbers_in_the_heat_map_stand_out_from_their_cells():
    values = np.linspace(0.5, 1, 21)
    columns = [f"{value:.3f}" for value in values]
    axes = heat_map({("a", c): float(c) for c in columns}, ["a"], columns).axes[0]

    def luminance(color):
        part = np.asarray(to_rgb(color))
        return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [
            0.2126, 0.7152, 0.0722,
        ]  # fmt: skip

    for value, text in zip(values, axes.texts, strict=True):
        pair = sorted(map(luminance, (axes.images[0].to_rgba(value)[:3], text.get_color())))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) > 4, value
