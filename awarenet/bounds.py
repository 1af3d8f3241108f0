"""What the networks that have not run can still change; needs only NumPy.

A combiner that is `monotone` gives no lower probability when a logit rises, and neither do pooling,
calibration, the resamples' mean and their quantiles. So whatever the missing networks would have
said, every one of these numbers lies between the one that it takes where they are all sure of a
real face and the one where they are all sure of a fake. What of the interval is not monotone is how
many frames a resample takes (`resampling.effective_frames`); that is a whole number below T, so all
of them are tried, each with the draws that it would have brought.

Shapes: T frames of one person, F families, K members a family, R resamples, C choices of members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from awarenet.odds import logit, pool, sigmoid
from awarenet.resampling import Choices, Combine, averaged, draw_counts, frame_numbers, frame_values
from awarenet.scoring import Calibration, track_score, verdict

REAL, FAKE = -800.0, 800.0  # logits whose sigmoid is 0 and 1 to the last of 64 bits
# log-odds. The bounds sum the same numbers in another order, so a probability may be 1e-15 off;
# next to `odds.CLIP` that is 1e-9 of log-odds, and a thousand times as much does no harm
MARGIN = 1e-6
ROUNDED_OFF = 1e-9  # of a probability: keeps rounding from undoing the margin of a flat calibration
MOST_NUMBERS = 2_000_000  # that may be worked through, about 0.1 s; beyond, the rough bounds stay

_Ends = tuple[float, float]  # of what a number may be: lowest, highest


@dataclass(frozen=True)
class Possible:
    """What can become of one person, whatever the networks that have not run would say."""

    verdicts: frozenset[str]  # holds every verdict that is possible; one: it is settled
    low: float  # P(fake), calibrated and rounded as in a report, is at least this
    high: float  # and at most this

    @property
    def settled(self) -> bool:
        """Whether one verdict is left."""
        return len(self.verdicts) == 1


def possible(
    logits: np.ndarray,
    known: np.ndarray,
    combine: Combine,
    calibration: Calibration,
    *,
    threshold: float,
    pooling: str = "log_odds",
    confidence: float = 0.9,
    resamples: int = 400,
    seed: int = 0,
) -> Possible:
    """Bound the verdict of `scoring.track_score`, given a part of its logits.

    It is rounded to six digits first, as in a report. The others may come out as any finite number.

    Args:
        logits: (T, F, K) any float; what is not known may hold anything, NaN too.
        known: (F,) bool, families that have run; or (F, K) bool, members that have.
        combine: A monotone combiner's, as `track_score` takes it.
        calibration: As `track_score` takes it, like all that follows but the threshold.
        threshold: Where "fake" begins, 0..1.
        pooling: Of the combiner.
        confidence: Of the interval.
        resamples: R.
        seed: Of the draws.

    Raises:
        ValueError: Shapes that do not go together, or a known logit that is not finite.
    """
    logits, known = _checked(logits, known)
    if known.all():
        score = track_score(
            logits, combine, calibration,
            pooling=pooling, confidence=confidence, resamples=resamples, seed=seed,
        )  # fmt: skip
        point, *interval = (round(p, 6) for p in (score.probability, *score.interval))
        return Possible(frozenset({verdict(point, tuple(interval), threshold)}), point, point)
    count, _, members = logits.shape
    real, fake = (np.where(known, logits, end) for end in (REAL, FAKE))
    scale = _Scale(calibration, threshold)
    person = pool(combine(real), pooling), pool(combine(fake), pooling)  # log-odds
    low, high = scale.outward(person)
    if count == members == 1:  # nothing to redraw: the interval is 0..1
        return Possible(frozenset({verdict(low, (0.0, 1.0), threshold)}), low, high)
    # no resample leaves what the extreme member of every family says of the extreme frame
    bottom = combine(real.min(axis=2, keepdims=True)).min()
    top = combine(fake.max(axis=2, keepdims=True)).max()
    bottom, top = (pool(np.full(count, extreme), pooling) for extreme in (bottom, top))
    found = scale.verdicts((bottom, person[1]), (person[0], top))
    if len(found) > 1:
        tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
        finer: frozenset[str] = frozenset()
        for spreads in _resampled((real, fake), known, combine, pooling, resamples, seed):
            least, most = (np.quantile(spread, tails) for spread in spreads)
            # the interval is widened to hold the probability
            low_end = min(least[0], person[0]), min(most[0], person[1])
            high_end = max(least[1], person[0]), max(most[1], person[1])
            finer |= scale.verdicts(low_end, high_end)
            if len(finer) > 1:  # one number of frames is enough to leave it open
                break
        found = finer if len(finer) == 1 else found
    return Possible(found, low, high)


def decided(
    people: Sequence[Possible],
    frames_seen: Sequence[int],
    min_frames: int,
    outside: Sequence[bool],
) -> str | None:
    """Say what a clip's verdict is, once neither it nor any person's can change any more.

    Who decides the clip, see `scoring.decide_known`, may still change among people on whom the
    verdict is the same.

    Args:
        people: One or more.
        frames_seen: Of each; the whole number, not only what was scored so far.
        min_frames: As `scoring.decide_clip` takes it.
        outside: Whether each lies outside of what the networks know: "inconclusive", come what may.

    Returns:
        The verdict, or None where it is open.

    Raises:
        ValueError: There is nobody, or the sequences differ in length.
    """
    if not people or not len(people) == len(frames_seen) == len(outside):
        raise ValueError(
            f"{len(people)} people, {len(frames_seen)} counts, {len(outside)} outside; "
            "expected as many, 1+"
        )
    verdicts = []
    for person, out in zip(people, outside, strict=True):
        if not (person.settled or out):
            return None
        verdicts.append("inconclusive" if out else next(iter(person.verdicts)))
    enough = min(min_frames, max(frames_seen))
    allowed = [place for place, seen in enumerate(frames_seen) if seen >= enough]
    inside = [place for place in allowed if not outside[place]]
    # where somebody outside comes first, the most suspicious inside speaks only to say "fake"
    instead = {verdicts[place] for place in _may_lead(people, inside)} or {"inconclusive"}
    instead = {each if each == "fake" else "inconclusive" for each in instead}
    left: set[str] = set()
    for place in _may_lead(people, allowed):
        left |= instead if outside[place] else {verdicts[place]}
    return left.pop() if len(left) == 1 else None


def complete(logits: np.ndarray, known: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Put in, for the networks that have not run, what the others say on the whole.

    That is one of the ways in which it could have come, so a verdict that is settled is its verdict
    too; its probability is a stand-in, and so is its interval.

    Args:
        logits: (T, F, K) any float; what is not known may hold anything.
        known: As `possible` takes it; one or more.
        weights: (F,) share of each family, positive.

    Returns:
        (T, F, K) float64, finite; in each frame every missing network says the mean probability of
        the families that spoke, weighed.

    Raises:
        ValueError: Shapes that do not go together, nobody spoke, or a known logit is not finite.
    """
    logits, known = _checked(logits, known)
    weights = np.asarray(weights, np.float64)
    if weights.shape != known.shape[:1] or not (weights > 0).all() or not known.any():
        raise ValueError(
            f"weights {weights.tolist()}, {known.sum()} members known; expected a share above 0 "
            f"for each of {len(known)} families, and one or more members"
        )
    spoke = known.sum(axis=1)  # (F,)
    shares = np.where(spoke > 0, weights, 0) / weights[spoke > 0].sum()
    each = known * (shares / np.maximum(spoke, 1))[:, None]  # (F, K), sums to 1
    means = np.einsum("tfk,fk->t", sigmoid(logits), each)
    return np.where(known, logits, logit(means)[:, None, None])


@dataclass(frozen=True)
class _Scale:
    """From bounds of log-odds to those of what a report says."""

    calibration: Calibration
    threshold: float

    def outward(self, ends: _Ends) -> _Ends:
        """Give rounded probabilities that are surely below and above."""
        moved = self.calibration.apply(np.array([ends[0] - MARGIN, ends[1] + MARGIN]))
        moved = np.clip(moved + [-ROUNDED_OFF, ROUNDED_OFF], 0, 1)
        return round(float(moved[0]), 6), round(float(moved[1]), 6)

    def verdicts(self, low: _Ends, high: _Ends) -> frozenset[str]:
        """Give the verdicts of all intervals whose low and whose high end may lie so."""
        (low_least, low_most), (high_least, high_most) = self.outward(low), self.outward(high)
        fits = {
            "fake": low_most >= self.threshold,
            "real": high_least < self.threshold,
            "inconclusive": low_least < self.threshold <= high_most,
        }
        return frozenset(name for name, fit in fits.items() if fit)


def _resampled(
    ends: tuple[np.ndarray, np.ndarray],
    known: np.ndarray,
    combine: Combine,
    pooling: str,
    resamples: int,
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give (R,) log-odds of both ends' resamples, for every number of frames; nothing if too many.

    The fewest frames come first: they spread most, so they are the likeliest to leave it open.
    """
    count = len(ends[0])
    numbers = frame_numbers(count)
    # whoever is drawn of the other families says the same
    choices = Choices.of(
        *ends[0].shape[1:], np.flatnonzero(known.any(axis=1)), MOST_NUMBERS // count
    )
    if choices is None or len(numbers) * resamples * count > MOST_NUMBERS:
        return
    tables = [frame_values(choices.combined(end, combine), pooling) for end in ends]
    for number in numbers:
        frame_counts, member_counts = draw_counts(
            *ends[0].shape, effective=number + 1, resamples=resamples, seed=seed
        )
        which = choices.find(member_counts)
        yield tuple(averaged(table[which], frame_counts, pooling) for table in tables)


def _may_lead(people: Sequence[Possible], among: Sequence[int]) -> list[int]:
    """Places of those who may be the most suspicious, among some; nobody among nobody."""
    least = max((people[place].low for place in among), default=0.0)
    return [place for place in among if people[place].high >= least]


def _checked(logits: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give (T, F, K) float64, 0 where nothing is known, and (F, K) bool; raises ValueError."""
    logits, known = np.asarray(logits, np.float64), np.asarray(known, bool)
    if logits.ndim != 3 or 0 in logits.shape:
        raise ValueError(f"logits {logits.shape}; expected (T, F, K), 1 or more of each")
    if known.shape not in (logits.shape[1:2], logits.shape[1:]):
        raise ValueError(f"known {known.shape}; expected (F,) or (F, K) of {logits.shape[1:]}")
    known = np.broadcast_to(known if known.ndim == 2 else known[:, None], logits.shape[1:])
    logits = np.where(known, logits, 0.0)
    if not np.isfinite(logits).all():
        raise ValueError("known logits hold NaN or infinity; expected finite numbers")
    return logits, known
