"""From the members' logits to a probability, an interval and a verdict; needs only NumPy.

A frame: what the ensemble's combiner makes of the members' logits; see `combine`. A track, one
person: the mean of its frames' log-odds (or, of votes, their mean), calibrated. A clip: its most
suspicious track that was seen often enough. Every probability that leaves this module is
calibrated, so all of them share one scale and can be held against the same threshold.

Shapes: T frames of one person, F families, K members a family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from awarenet.odds import CLIP, frame_odds, logit, pool, sigmoid
from awarenet.resampling import Combine, redrawn


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
        return sigmoid(self.scale * np.asarray(log_odds, np.float64) + self.offset)


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
    frame_intervals: np.ndarray | None  # (T, 2) float64 low, high; None with one member a family


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
    frames, families = combine(logits), sigmoid(logits).mean(axis=2)
    members = np.clip(logits, -logit(1 - CLIP), logit(1 - CLIP))
    probability = float(calibration.apply(pool(frames, pooling)))
    each = calibration.apply(frame_odds(frames, pooling))
    low, high, bands = 0.0, 1.0, None
    if logits.shape[0] > 1 or logits.shape[2] > 1:  # else there is nothing to redraw
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        spread, drawn = redrawn(logits, combine, frames, pooling, resamples=resamples, seed=seed)
        low, high = (float(p) for p in calibration.apply(np.quantile(spread, tails)))
        if logits.shape[2] > 1:
            found = calibration.apply(np.quantile(frame_odds(drawn, pooling), tails, axis=0))
            bands = np.stack([np.minimum(found[0], each), np.maximum(found[1], each)], axis=1)
    return TrackScore(
        probability=probability,
        interval=(min(low, probability), max(high, probability)),
        families=calibration.apply(logit(families).mean(axis=0)),
        members=calibration.apply(members.mean(axis=0)),
        frames=each,
        frame_families=calibration.apply(logit(families)),
        frame_members=calibration.apply(members),
        frame_intervals=bands,
    )


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


def decide_known(
    probabilities: Sequence[float],
    frames_seen: Sequence[int],
    min_frames: int,
    outside: Sequence[bool],
    verdicts: Sequence[str],
) -> int:
    """Pick the person who decides the clip where some are nobody that the networks know.

    A face that the networks do not know, as on a poster, has a number that means nothing: it may
    leave a clip without a verdict, but it does not hide somebody else's fake.

    Args:
        probabilities: P(fake) of each track.
        frames_seen: As `decide_clip` takes it.
        min_frames: As `decide_clip` takes it.
        outside: Whether each lies outside of what the networks know.
        verdicts: On each; "inconclusive" on those outside.

    Returns:
        Index into them.

    Raises:
        ValueError: As `decide_clip`.
    """
    first = decide_clip(probabilities, frames_seen, min_frames)
    if not outside[first]:
        return first
    inside = [-1.0 if out else p for p, out in zip(probabilities, outside, strict=True)]
    known = decide_clip(inside, frames_seen, min_frames)
    return known if verdicts[known] == "fake" else first
