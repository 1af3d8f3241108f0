"""Charts of numbers side by side: what damage does to a score, and small bars; as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from awarenet.panels.drawing import (
    FIRST_SQUARE,
    INKS,
    WIDTH,
    Dot,
    Drawing,
    Label,
    Line,
    Shape,
    box,
    number,
    svg,
)
from awarenet.report import Report, Stability
from awarenet.view import VERDICTS, percent
from awarenet.words import ENGLISH, Words

EDGE, ROW = 14.0, 56.0  # beside a rail, and from one rail to the next
LETTER = 11.2  # about the width of a letter of the largest text, which a phone shows


def range_bars(
    stability: Stability,
    threshold: float,
    names: Mapping[str, str] | None = None,
    say: Words = ENGLISH,
) -> str:
    """Draw what damage does to one person's probability, as inline SVG.

    Args:
        stability: Of a report.
        threshold: Where "fake" begins, 0..1.
        names: Damage -> words in the reader's language; a missing one is shown by its own name.
        say: The reader's language.
    """
    return svg(range_drawing(stability, threshold, names, say))


def range_drawing(
    stability: Stability,
    threshold: float,
    names: Mapping[str, str] | None = None,
    say: Words = ENGLISH,
) -> Drawing:
    """Lay out what damage does to one person's probability: a rail each, the range behind all."""
    rows = [(say("untouched"), stability.untouched, "")]
    for score in stability.scores:
        words = (names or {}).get(score.damage, score.damage.replace("_", " "))
        rows.append((words, score.probability, score.verdict))

    def x(probability: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * probability

    top, bottom = 32.0, 32.0 + ROW * len(rows)
    shapes: list[Shape] = [box(x(stability.low), top, x(stability.high), bottom, "band")]
    at, mark = x(threshold), say("threshold {threshold}", threshold=percent(threshold))
    half = wide(mark) / 2
    shapes += [
        Line(((at, top - 6), (at, bottom)), "threshold"),
        Label((min(max(at, half), WIDTH - half), top - 12), mark, "middle", "words"),
    ]
    for place, (words, probability, verdict) in enumerate(rows):
        y = top + ROW * (place + 1) - 12
        value = f"{percent(probability)} {say(VERDICTS[verdict]) if verdict else ''}".strip()
        shapes += [
            Line(((x(0), y), (x(1), y)), "rail"),
            Dot((x(probability), y), 8, verdict or "together"),
            Label((x(0), y - 16), words, "start", "words"),
            Label((x(1), y - 16), value, "end", verdict or "words"),
        ]
    shapes += [Label((x(0), bottom + 20), "0%"), Label((x(1), bottom + 20), "100%", "end")]
    said = say.listed(f"{words} {percent(probability)}" for words, probability, _ in rows)
    words = say(
        "Probability of manipulation after damage: {scores}. It ranges from {low} to {high}; "
        "threshold {threshold}.",
        scores=said,
        low=percent(stability.low),
        high=percent(stability.high),
        threshold=percent(threshold),
    )
    return Drawing(bottom + 28, words, tuple(shapes))


def scale_drawing(report: Report, say: Words = ENGLISH) -> Drawing:
    """Lay the answer out on one rail: probability, its interval, the threshold."""
    low, high = report.interval

    def x(probability: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * probability

    y, at = 48.0, x(report.threshold)
    left, right = x(low), max(x(high), x(low) + 3)
    words = say("threshold {threshold}", threshold=percent(report.threshold))
    half = wide(words) / 2
    place = min(max(at, half), WIDTH - half)
    point = x(report.probability)
    shapes = (
        Line(((x(0), y), (x(1), y)), "rail"),
        box(left, y - 7, right, y + 7, f"{report.verdict}-band"),
        Line(((at, y - 18), (at, y + 16)), "threshold"),
        box(point - 3, y - 13, point + 3, y + 13, report.verdict),
        Label((place, y - 26), words, "middle", "words"),
        Label((x(0), y + 38), f"0% {say('genuine')}"),
        Label((x(1), y + 38), f"100% {say('manipulated')}", "end"),
    )
    return Drawing(y + 46, spoken(report, say), shapes)


def spoken(report: Report, say: Words = ENGLISH) -> str:
    """Say in one sentence what is drawn of an answer."""
    low, high = report.interval
    return say(
        "Probability of manipulation {probability}, interval {low} to {high}, threshold "
        "{threshold}",
        probability=percent(report.probability),
        low=percent(low),
        high=percent(high),
        threshold=percent(report.threshold),
    )


def wide(words: str) -> float:
    """Estimate how wide a label is, in units of a drawing; a Chinese letter is a square."""
    return LETTER * sum(2 if ord(letter) >= FIRST_SQUARE else 1 for letter in words)


def bar(
    value: float,
    *,
    marks: Sequence[float] = (),
    interval: tuple[float, float] | None = None,
    threshold: float | None = None,
    role: str = "together",
) -> str:
    """Draw a small bar from 0 to 1 as inline SVG; the words beside it must say the same.

    Args:
        value: How far it reaches.
        marks: Ticks on it, as of single networks.
        interval: Low and high, as a light band.
        threshold: A line across, if any.
        role: What it is drawn in; see `drawing.INKS`.
    """
    ink = INKS[role]
    color = f"var({ink.variable},{ink.color})" if ink.variable else ink.color
    parts = [_rect(0, 100, 4, 8, "var(--aw-track,#e4e7ec)"), _rect(0, value * 100, 4, 8, color)]
    if interval:
        low, high = interval
        parts.append(_rect(low * 100, (high - low) * 100, 1, 14, color, ";opacity:.3"))
    parts += [_rect(mark * 100 - 0.6, 1.2, 2, 12, "var(--aw-ink,#101828)") for mark in marks]
    if threshold is not None:
        parts.append(_rect(threshold * 100 - 0.3, 0.6, 0, 16, "var(--aw-ink,#101828)"))
    return (
        '<svg class="aw-small-bar" viewBox="0 0 100 16" preserveAspectRatio="none" '
        f'aria-hidden="true" style="width:100%;height:16px">{"".join(parts)}</svg>'
    )


def _rect(x: float, width: float, y: float, height: float, color: str, more: str = "") -> str:
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" style="fill:{color}{more}"/>'
    )
