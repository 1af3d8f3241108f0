"""Reading figures back: what was drawn, and every word on it."""

import matplotlib
import numpy as np


def by_gid(axes, gid):
    """The one artist of an axes that was drawn for this name."""
    (found,) = [artist for artist in axes.get_children() if artist.get_gid() == gid]
    return found


def figure_of(value, spread=0.02):
    return {"value": value, "low": value - spread, "high": value + spread, "people": 9, "count": 50}


def draw(figure):
    """Lay the figure out as savefig does; warnings are errors here."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def words(figure):
    """Every text that can be seen."""
    texts = figure.findobj(matplotlib.text.Text)
    return [text.get_text() for text in texts if text.get_visible() and text.get_text()]


def scored(count=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.zeros(count // 3, int), np.ones(count - count // 3, int)]
    return labels, 1 / (1 + np.exp(-(labels * 2 - 1 + rng.normal(0, 1.5, count))))
