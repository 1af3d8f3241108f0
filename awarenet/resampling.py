"""Redraw frames and members, to say how far a score can be trusted; needs only NumPy.

Shapes: T frames of one person, F families, K members a family, R resamples,
C choices of members.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from awarenet.odds import frame_odds, logit, vote_odds

Combine = Callable[[np.ndarray], np.ndarray]  # (T, F, K) logits -> (T,) probabilities
FEWEST_FOR_CORRELATION = 8  # frames; of fewer, no correlation can be told from chance


def effective_frames(values: np.ndarray) -> float:
    """Say how many independent frames would fix the mean as well as these do.

    With r the correlation of neighbors, T (1 - r) / (1 + r) (Bayley and Hammersley, 1946,
    https://doi.org/10.2307/2983560, for a first-order process); r is corrected for its bias in
    short series (Kendall, 1954, https://doi.org/10.1093/biomet/41.3-4.403) and never below 0.

    Args:
        values: (T,) one number a frame, in order of time and evenly spaced.

    Returns:
        1..T; T itself where there are fewer than 8 frames or all are alike.
    """
    values = np.asarray(values, np.float64)
    count = len(values)
    moved = values - values.mean()
    power = float(moved @ moved)
    if count < FEWEST_FOR_CORRELATION or power < 1e-12:
        return float(count)
    found = float(moved[1:] @ moved[:-1]) / power
    correlation = min(max((found * count + 1) / (count - 3), 0.0), 1.0)
    return max(count * (1 - correlation) / (1 + correlation), 1.0)


def frame_numbers(count: int) -> range:
    """Give the numbers of frames that `draw_counts` takes of T, whatever their correlation."""
    if count < FEWEST_FOR_CORRELATION:
        return range(max(count - 1, 1), max(count, 2))
    return range(1, count)


def draw_counts(
    frames: int, families: int, members: int, *, effective: float, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw with replacement: how often each frame and each member is in each resample.

    Args:
        frames: T.
        families: F.
        members: K.
        effective: What the frames count as, 1..T.
        resamples: R.
        seed: Of the draws.

    Returns:
        (R, T) int64 and (R, F, K) int64. A row sums to one less than `effective`, rounded, or than
        there are members; at least to 1.
    """
    generator = np.random.default_rng(seed)
    even = np.full(frames, 1 / frames)
    frame_counts = generator.multinomial(max(round(effective - 1), 1), even, size=resamples)
    even = np.full(members, 1 / members)
    member_counts = generator.multinomial(max(members - 1, 1), even, size=(resamples, families))
    return frame_counts, member_counts


def redrawn(
    logits: np.ndarray,
    combine: Combine,
    frames: np.ndarray,
    pooling: str,
    *,
    resamples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Score a person anew with other frames and other members.

    Args:
        logits: (T, F, K) float64.
        combine: As `scoring.track_score` takes it.
        frames: (T,) what it makes of the logits.
        pooling: As `odds.pool` takes it.
        resamples: R.
        seed: Of the draws.

    Returns:
        (R,) log-odds of the person, with frames and members redrawn; and (R, T) probabilities of
        every frame, with members redrawn.
    """
    count, families, members = logits.shape
    effective = effective_frames(frame_odds(frames, pooling))
    frame_counts, member_counts = draw_counts(
        count, families, members, effective=effective, resamples=resamples, seed=seed
    )
    # nine members leave a few hundred choices: each is combined once, however often it is drawn
    choices, which = np.unique(member_counts.reshape(resamples, -1), axis=0, return_inverse=True)
    numbers, rows = np.arange(members), np.arange(families)[:, None]
    drawn = np.empty((len(choices), count))
    for place, choice in enumerate(choices.reshape(-1, families, members)):
        picked = np.stack([np.repeat(numbers, times) for times in choice])  # (F, K - 1 or 1)
        drawn[place] = combine(logits[:, rows, picked])
    drawn = drawn[which.ravel()]
    return averaged(frame_values(drawn, pooling), frame_counts, pooling), drawn


def frame_values(frames: np.ndarray, pooling: str) -> np.ndarray:
    """Turn probabilities of any shape into what a person's number is a mean of; see `odds.pool`."""
    return logit(frames) if pooling == "log_odds" else frames


def averaged(values: np.ndarray, frame_counts: np.ndarray, pooling: str) -> np.ndarray:
    """Make one number of a person's frames, some of which count more often than others.

    Args:
        values: (R, T) of `frame_values`.
        frame_counts: (R, T) how often each frame is in each resample.
        pooling: As `odds.pool` takes it.

    Returns:
        (R,) log-odds.
    """
    share = frame_counts / frame_counts.sum(axis=1, keepdims=True)  # (R, T)
    means = np.einsum("rt,rt->r", values, share)
    return means if pooling == "log_odds" else vote_odds(means, values.shape[1])


@dataclass(frozen=True)
class Choices:
    """Every choice of members that `draw_counts` can make in some families."""

    families: np.ndarray  # their numbers, rising; in the others member 0 is taken
    codes: np.ndarray  # (n,) int64, of the choices in one family, rising
    picked: np.ndarray  # (n ** families, F, K - 1 or 1) int64, numbers of members

    @classmethod
    def of(cls, families: int, members: int, matter: np.ndarray, most: int) -> Choices | None:
        """List the choices.

        Args:
            families: F.
            members: K.
            matter: Numbers of the families in which it matters who is drawn, rising.
            most: Numbers that the list may hold.

        Returns:
            None where it would hold more.
        """
        size = max(members - 1, 1)
        each = math.comb(members + size - 1, size)
        if max(each, each ** len(matter)) * families * size > most:
            return None
        own = np.array(list(itertools.combinations_with_replacement(range(members), size)))
        codes = _code((own[:, :, None] == np.arange(members)).sum(axis=1))
        own, codes = own[np.argsort(codes)], np.sort(codes)
        picked = np.zeros((each ** len(matter), families, size), np.int64)
        together = list(itertools.product(range(each), repeat=len(matter)))
        picked[:, matter] = own[np.array(together, np.int64)]
        return cls(matter, codes, picked)

    def combined(self, logits: np.ndarray, combine: Combine) -> np.ndarray:
        """Map (T, F, K) logits to (C, T) probabilities, of every choice in every frame."""
        chosen = logits[:, np.arange(self.picked.shape[1])[:, None], self.picked]
        found = combine(chosen.reshape(-1, *self.picked.shape[1:]))
        return found.reshape(len(logits), -1).T

    def find(self, member_counts: np.ndarray) -> np.ndarray:
        """(R,) places of (R, F, K) counts among the choices."""
        rows = np.zeros(len(member_counts), np.int64)
        for family in self.families:
            own = np.searchsorted(self.codes, _code(member_counts[:, family]))
            rows = rows * len(self.codes) + own
        return rows


def _code(counts: np.ndarray) -> np.ndarray:
    """Make one whole number of (..., K) counts; of other counts, another."""
    members = counts.shape[-1]
    return counts @ members ** np.arange(members)  # a count is below K, but for the 1 of 1
