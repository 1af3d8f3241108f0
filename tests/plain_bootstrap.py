"""The bootstrap over people as anybody would write it first: a loop that copies and sorts anew."""

from collections.abc import Callable, Sequence

import numpy as np

from awarenet.errors import AwareNetError


def with_interval(
    figure: Callable[[np.ndarray], float], people: Sequence[str], *, resamples: int, seed: int = 0
) -> dict:
    """Measure a figure of samples, and of as many draws of whole people; 95 % of these.

    Args:
        figure: Takes (M,) positions, some of them repeated; raises AwareNetError where it has no
            value (then that draw is passed over).
        people: (N,) whom each position shows.
        resamples: Draws.
        seed: Of the draws.
    """
    names = sorted(set(people))
    positions = [[at for at, who in enumerate(people) if who == name] for name in names]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(len(names), size=len(names))
        try:
            values.append(figure(np.array([at for who in drawn for at in positions[who]])))
        except AwareNetError:
            continue
    value = figure(np.arange(len(people)))
    low, high = np.quantile(values, [0.025, 0.975]) if values else (value, value)
    return {
        "value": round(float(value), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "people": len(names),
        "count": len(people),
    }
