"""Probabilities and log-odds, and how a person's frames become one number; needs only NumPy.

Shapes: T frames of one person.
"""

from __future__ import annotations

import numpy as np

POOLINGS = ("log_odds", "mean")
CLIP = 1e-6  # probabilities are kept this far from 0 and 1: log-odds of at most 13.8


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Logistic function that does not overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1, small) / (1 + small)


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, clipped to CLIP..1-CLIP."""
    probabilities = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.log(probabilities) - np.log1p(-probabilities)


def pool(frames: np.ndarray, pooling: str) -> float:
    """Make one number, log-odds, of a person's frames.

    Args:
        frames: (T,) probabilities, T 1 or more.
        pooling: `log_odds`, their mean log-odds, where a few certain frames outweigh many
            undecided ones; or `mean`, the log-odds of their mean, for votes: frames that know only
            a few values. Half a vote is added on each side, so that a unanimous one stays finite.

    Raises:
        ValueError: Another pooling.
    """
    _check_pooling(pooling)
    if pooling == "log_odds":
        return float(logit(frames).mean())
    return float(vote_odds(np.mean(frames), len(frames)))


def frame_odds(frames: np.ndarray, pooling: str) -> np.ndarray:
    """(T,) log-odds of (T,) probabilities, of every frame for itself; see `pool`."""
    return logit(frames) if pooling == "log_odds" else vote_odds(frames, 1)


def vote_odds(share: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    """Log-odds of the share 0..1 of `count` frames' votes, half a frame added on each side."""
    return np.log(share * count + 0.5) - np.log((1 - share) * count + 0.5)


def _check_pooling(pooling: str) -> None:
    if pooling not in POOLINGS:
        raise ValueError(f"pooling {pooling!r}; there are {', '.join(POOLINGS)}")
