"""From the members' logits to a probability, an interval and a verdict; needs only NumPy.

A frame: what the ensemble's combiner makes of the members' logits; see `combine`. A track, one
person: the mean of its frames' log-odds (or, of votes, their mean), calibrated. A clip: its most
suspicious track that was seen often enough. Every probability that leaves this module is
calibrated, so all of them share one scale and can be held against the same threshold.

Shapes: T frames of one person, F families, K members a family, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Combine = Callable[[np.ndarray], np.ndarray]  # (T, F, K) logits -> (T,) probabilities
POOLINGS = ("log_odds", "mean")
FEWEST_FOR_CORRELATION = 8  # frames; of fewer, no correlation can be told from chance
CLIP = 1e-6  # probabilities are kept this far from 0 and 1: log-odds of at most 13.8


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(scale * log-odds + offset); the default changes nothing.

    Source: Platt, Probabilistic outputs for support vector machines, 1999.
    """

    scale: float = 1.0  # above 0, or more suspicion would mean less probability
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would turn the order of clips around."""
        if not (np.isfinite([self.scale, self.offset]).all() and self.scale > 0):
            raise ValueError(f"{self}: expected a finite scale above 0 and a finite offset")

    def apply(self, log_odds: np.ndarray) -> np.ndarray:
        """Map log-odds of any shape to probabilities 0..1 of the same shape."""
        return _sigmoid(self.scale * np.asarray(log_odds, np.float64) + self.offset)


@dataclass(frozen=True)
class TrackScore:
    """What the ensemble says of one person, all of it calibrated P(fake) in 0..1."""

    probability: float
    interval: tuple[float, float]  # low, high; holds the probability
    families: np.ndarray  # (F,) float64
    members: np.ndarray  # (F, K) float64
    frames: np.ndarray  # (T,) float64, the ensemble's frame by frame
    frame_families: np.ndarray  # (T, F) float64
    frame_members: np.ndarray  # (T, F, K) float64


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
        return float(_logit(frames).mean())
    return float(vote_odds(np.mean(frames), len(frames)))


def frame_odds(frames: np.ndarray, pooling: str) -> np.ndarray:
    """(T,) log-odds of (T,) probabilities, of every frame for itself; see `pool`."""
    return _logit(frames) if pooling == "log_odds" else vote_odds(frames, 1)


def vote_odds(share: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    """Log-odds of the share 0..1 of `count` frames' votes, half a frame added on each side."""
    return np.log(share * count + 0.5) - np.log((1 - share) * count + 0.5)


def track_score(
    logits: np.ndarray,
    combine: Combine,
    calibration: Calibration = Calibration(),  # noqa: B008 - frozen
    *,
    pooling: str = "log_odds",
    confidence: float = 0.9,
    resamples: int = 400,
    seed: int = 0,
) -> TrackScore:
    """Score one person and say how far that score can be trusted.

    The interval is a percentile bootstrap. Each resample redraws, at once, the frames and the
    members within each family, and scores the person anew; so it is wide where the members
    disagree or the frames do. Each redraw takes one less than there are (but at least one), which
    makes its spread that of a mean of so few instead of too small (Rao and Wu, Resampling
    inference with complex survey data, 1988). Frames that resemble their neighbors say less than
    as many that do not: they count as `effective_frames`.

    Where there is nothing to redraw, the interval shows less than it should: with one frame only
    the members' disagreement, with one member only the frames'. With one frame and one member no
    spread can be measured at all; the interval is then 0..1, so that no verdict rests on it.

    Args:
        logits: (T, F, K) any float, above 0 leans fake; frames in their order in time.
        combine: The ensemble's, see `combine.Combiner.numbers`; takes any number of members.
        calibration: Fitted on whole clips; applied to every probability that is returned.
        pooling: The combiner's, as `pool` takes it.
        confidence: Share of the resamples inside the interval, above 0 and below 1.
        resamples: R, 1 or more.
        seed: Of the redraws; the same seed gives the same interval.

    Raises:
        ValueError: Logits that are not (T, F, K) or not finite, another pooling, or confidence or
            resamples out of range.
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            f"confidence={confidence}, resamples={resamples}; expected 0..1 and 1 or more"
        )
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 3 or 0 in logits.shape:
        raise ValueError(f"logits {logits.shape}; expected (T, F, K), 1 or more of each")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinity; expected finite numbers")
    frames, families = combine(logits), _sigmoid(logits).mean(axis=2)
    members = np.clip(logits, -_logit(1 - CLIP), _logit(1 - CLIP))
    probability = float(calibration.apply(pool(frames, pooling)))
    spread = _resampled(logits, combine, frames, pooling, resamples=resamples, seed=seed)
    if spread is None:
        low, high = 0.0, 1.0
    else:
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = (float(p) for p in calibration.apply(np.quantile(spread, tails)))
    return TrackScore(
        probability=probability,
        interval=(min(low, probability), max(high, probability)),
        families=calibration.apply(_logit(families).mean(axis=0)),
        members=calibration.apply(members.mean(axis=0)),
        frames=calibration.apply(frame_odds(frames, pooling)),
        frame_families=calibration.apply(_logit(families)),
        frame_members=calibration.apply(members),
    )


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


def verdict(probability: float, interval: tuple[float, float], threshold: float) -> str:
    """Say `fake` or `real` only where the whole interval lies on one side of the threshold.

    Args:
        probability: Calibrated P(fake), 0..1.
        interval: Its low and high end; must hold the probability.
        threshold: 0..1; a low end that reaches it counts as fake.

    Raises:
        ValueError: The interval does not hold the probability, or one of the three is NaN.
    """
    low, high = interval
    if not (0 <= low <= probability <= high <= 1 and 0 <= threshold <= 1):
        raise ValueError(
            f"probability {probability}, interval {interval}, threshold {threshold}; "
            "expected 0 <= low <= probability <= high <= 1 and a threshold in 0..1"
        )
    if low >= threshold:
        return "fake"
    return "real" if high < threshold else "inconclusive"


def decide_clip(probabilities: Sequence[float], frames_seen: Sequence[int], min_frames: int) -> int:
    """Pick the person who decides the clip: the most suspicious of those seen often enough.

    Many people mean many chances of a false alarm, and a face that flashes by is judged on little;
    so a track of fewer than `min_frames` frames decides only where no track has more frames.

    Args:
        probabilities: P(fake) of each track.
        frames_seen: Scored frames of each track.
        min_frames: Frames that a track needs.

    Returns:
        Index into both. Of equals, the one seen in more frames, then the earlier one.

    Raises:
        ValueError: There is no track, or the two differ in length.
    """
    if not probabilities or len(probabilities) != len(frames_seen):
        raise ValueError(
            f"{len(probabilities)} probabilities, {len(frames_seen)} counts; expected as many, 1+"
        )
    enough = min(min_frames, max(frames_seen))
    allowed = [index for index, seen in enumerate(frames_seen) if seen >= enough]
    return max(allowed, key=lambda index: (probabilities[index], frames_seen[index], -index))


def _resampled(
    logits: np.ndarray,
    combine: Combine,
    frames: np.ndarray,
    pooling: str,
    *,
    resamples: int,
    seed: int,
) -> np.ndarray | None:
    """(R,) float64 log-odds of each resample; None where there is nothing to redraw."""
    count, families, members = logits.shape
    if count == 1 and members == 1:
        return None
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
    share = frame_counts / frame_counts.sum(axis=1, keepdims=True)  # (R, T)
    if pooling == "log_odds":
        return np.einsum("rt,rt->r", _logit(drawn)[which.ravel()], share)
    return vote_odds(np.einsum("rt,rt->r", drawn[which.ravel()], share), count)


def _check_pooling(pooling: str) -> None:
    if pooling not in POOLINGS:
        raise ValueError(f"pooling {pooling!r}; there are {', '.join(POOLINGS)}")


def _sigmoid(values: np.ndarray) -> np.ndarray:
    """Logistic function that does not overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1, small) / (1 + small)


def _logit(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, clipped to CLIP..1-CLIP."""
    probabilities = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.log(probabilities) - np.log1p(-probabilities)
