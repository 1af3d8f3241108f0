"""Which stretch of a clip looks most manipulated; needs only NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST_FRAMES = 6  # of the clip; in fewer, no stretch can be told from chance
SHUFFLES = 200
CHANCE = 0.05  # a stretch counts if so few shuffled clips have one that stands out as much
ROUNDING = 1e-9  # log-odds; sums of the same numbers in another order differ by less


def worst_segment(
    times_s: Sequence[float], probabilities: np.ndarray, seed: int = 0
) -> tuple[float, float, float] | None:
    """Find the stretch of neighboring frames that stands out most, if any does.

    It is the stretch with the largest sum of log-odds above the clip's mean (Bentley, Programming
    pearls: algorithm design techniques, 1984, https://doi.org/10.1145/358234.381162). Any series
    has one; it counts only where shuffling the frames seldom gives one as large.

    Args:
        times_s: (T,) of the frames, s, rising.
        probabilities: (T,) P(fake) of each, 0..1.
        seed: Of the shuffles.

    Returns:
        Start and end, s, and the stretch's probability (by the mean of its log-odds); None where
        nothing stands out.
    """
    clipped = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    odds = np.log(clipped) - np.log1p(-clipped)
    if len(odds) < FEWEST_FRAMES or np.ptp(odds) < 1e-6:
        return None
    above = odds - odds.mean()
    best, first, last = _largest_sum(above)
    generator = np.random.default_rng(seed)
    chance = [_largest_sum(generator.permutation(above))[0] for _ in range(SHUFFLES)]
    if np.mean(np.array(chance) >= best - ROUNDING) > CHANCE:
        return None
    mean = odds[first : last + 1].mean()
    return float(times_s[first]), float(times_s[last]), float(1 / (1 + np.exp(-mean)))


def _largest_sum(values: np.ndarray) -> tuple[float, int, int]:
    """Sum, first and last place of the neighbors that sum to most."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(sums[:-1])  # before each place
    last = int(np.argmax(sums[1:] - lowest))
    first = int(np.argmin(sums[: last + 1]))
    return float(sums[last + 1] - sums[first]), first, last
