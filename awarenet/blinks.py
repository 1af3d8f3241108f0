"""Find blinks in a curve of how far two eyes are open, and say how often that is.

A blink is a dip of both eyes at once that closes and opens again within 50 to 500 ms. Lids that
stay down longer (a glance at the keyboard, a yawn) are no blink. How far eyes open differs from
person to person and drifts with the pose, so the curve is measured against the person's own.
Idea: Li et al., In Ictu Oculi, 2018, https://arxiv.org/abs/1806.02877. Early fakes hardly blinked;
today's do, and many people hardly blink before a camera: the rate is an indication, never a proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SHORTEST_S, LONGEST_S = 0.05, 0.5  # of a blink
BASELINE_S = 1.5  # window of the median that is "open"; over twice the longest blink
TYPICAL = 75  # percentile of a person's whole curve
OPEN_AT_LEAST = 0.5  # of the typical openness: below it, "open" is no longer believed
RIM = 0.8  # of open: a blink lasts while the eyes are below it, and each eye goes below it
CLOSED = 0.65  # of open: the mean of both eyes goes below it; real partial blinks reach 0.57
NOISE = 6.0  # standard deviations that a dip has to be deep
GAP_S = 0.25  # longest step over which a curve counts as seen
# Blinks a minute of healthy adults while they read, rest and talk, means.
# Bentivoglio et al., 1997, https://doi.org/10.1002/mds.870120629
READING, AT_REST, TALKING = 4.5, 17, 26

# Of codes, what they say in English.
NOT_COUNTED = {  # a notice of the report
    "blinks_need_video": "blinks were not counted: a single picture shows none",
    "blinks_too_few_frames": "blinks were not counted: the clip has {fps:.1f} frames a second, at "
    "least {limit:g} are needed",
    "blinks_too_short": "blinks were not counted: both eyes of the person who decides can be "
    "judged for {seconds:.1f} s, at least {limit:g} s are needed; the face has to be turned to "
    "the camera, with eyes {eye_px} px wide or more",
    "blinks_unread": "blinks were not counted: {error}",
}
INDICATIONS = {  # sentences of `indication`
    "one": "1 blink in {seconds:.0f} s: {rate:.0f} a minute ({confidence:.0%} interval {low:.0f} "
    "to {high:.0f}).",
    "counted": "{count} blinks in {seconds:.0f} s: {rate:.0f} a minute ({confidence:.0%} interval "
    "{low:.0f} to {high:.0f}).",
    "known": "People blink about {reading:g} times a minute while they read, {at_rest} at rest and "
    "{talking} while they talk.",
    "rare": "That is rarer than usual. Some manipulated clips show it, and so do people who "
    "stare, act or were filmed between two blinks.",
    "often": "That is more often than usual, which alone says little.",
    "usual": "That is within what is usual, which manipulated clips reach too.",
    "no_part": "It is an indication only, and no part of the probability.",
}


@dataclass(frozen=True)
class Blink:
    """Lids that went down and up again."""

    time_s: float  # when they are lowest
    duration_s: float


def measure_openness(lids: np.ndarray) -> np.ndarray:
    """Measure how far eyes are open: mean height of the opening over its width.

    Args:
        lids: (..., 15, 2) px, as `landmarks.trace_eyelids` gives them: a closed line, whose corners
            are the points 0 and 8.

    Returns:
        (...) 0 or more; about 0.25 for an open eye, below 0.05 for a closed one.
    """
    x, y = lids[..., 0], lids[..., 1]
    area = np.abs((x * np.roll(y, -1, -1) - y * np.roll(x, -1, -1)).sum(-1)) / 2
    width = np.linalg.norm(lids[..., 8, :] - lids[..., 0, :], axis=-1)
    return area / np.maximum(width, 1e-6) ** 2


def find_blinks(time_s: np.ndarray, openness: np.ndarray) -> list[Blink]:
    """Find the blinks of one person.

    Args:
        time_s: (n,) ascending.
        openness: (n, 2) of either eye, see `measure_openness`; NaN where it is not known.

    Returns:
        In order of time. Only blinks whose beginning and end were both seen.
    """
    seen = np.isfinite(openness).all(1)
    if not seen.any() or not openness[seen].any():
        return []
    time_s, shares = time_s[seen], _shares_of_open(time_s[seen], openness[seen])
    mean, opener = shares.mean(1), shares.max(1)
    steps = np.abs(np.diff(mean))
    noise = 1.4826 / np.sqrt(2) * float(np.median(steps)) if len(steps) else 0.0  # robust sd
    limit = min(CLOSED, 1 - NOISE * noise)
    blinks = []
    for first, last in _runs(mean < RIM):
        if first == 0 or last == len(mean) - 1:
            continue
        inside, around = slice(first, last + 1), slice(first - 1, last + 2)
        if np.diff(time_s[around]).max() > GAP_S:
            continue
        if mean[inside].min() >= limit or opener[inside].min() >= RIM:
            continue
        begins = _crossing(time_s, mean, first - 1, first)
        duration = _crossing(time_s, mean, last, last + 1) - begins
        if SHORTEST_S <= duration <= LONGEST_S:
            lowest = first + int(np.argmin(mean[inside]))
            blinks.append(Blink(float(time_s[lowest]), float(duration)))
    return blinks


def rate_interval(count: int, seconds: float, confidence: float) -> tuple[float, float]:
    """Bound the rate behind a number of blinks, as if they came at random and independently.

    Args:
        count: Blinks seen, 0 or more.
        seconds: Watched, above 0.
        confidence: Share of such intervals that hold the true rate, above 0 and below 1.

    Returns:
        Low and high, blinks a minute.

    Source:
        Exact limits of a Poisson mean: Garwood, 1936, https://doi.org/10.1093/biomet/28.3-4.437.
    """
    from scipy.special import gammaincinv  # late: it takes 0.2 s

    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low / seconds * 60, float(gammaincinv(count + 1, 1 - tail)) / seconds * 60


def indication(count: int, seconds: float, interval: tuple[float, float], confidence: float) -> str:
    """Say what a number of blinks means, and what not; `interval` in blinks a minute."""
    found = indications(count, seconds, interval, confidence)
    return " ".join(template.format(**values) for template, values in found)


def indications(
    count: int, seconds: float, interval: tuple[float, float], confidence: float
) -> Iterator[tuple[str, dict[str, object]]]:
    """Give the sentences of `indication`, each as one of `INDICATIONS` and its values."""
    low, high = interval
    yield (
        INDICATIONS["one" if count == 1 else "counted"],
        {
            "count": count,
            "seconds": seconds,
            "rate": count / seconds * 60,
            "confidence": confidence,
            "low": low,
            "high": high,
        },
    )
    yield INDICATIONS["known"], {"reading": READING, "at_rest": AT_REST, "talking": TALKING}
    meaning = "rare" if high < READING else "often" if low > TALKING else "usual"
    yield INDICATIONS[meaning], {}
    yield INDICATIONS["no_part"], {}


def _shares_of_open(time_s: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """Openness as a share of what is open for this person at that time: (n, 2), 1 is open."""
    typical = np.percentile(openness, TYPICAL, axis=0)
    first = np.searchsorted(time_s, time_s - BASELINE_S / 2)
    last = np.searchsorted(time_s, time_s + BASELINE_S / 2, side="right")
    local = [np.median(openness[a:b], axis=0) for a, b in zip(first, last, strict=True)]
    return openness / np.maximum(np.stack(local), np.maximum(OPEN_AT_LEAST * typical, 1e-6))


def _runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last place of each unbroken run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2):
        yield int(start), int(end) - 1


def _crossing(time_s: np.ndarray, curve: np.ndarray, before: int, after: int) -> float:
    """When a curve passes `RIM` between two places next to each other."""
    way = (RIM - curve[before]) / (curve[after] - curve[before])
    return float(time_s[before] + way * (time_s[after] - time_s[before]))
