"""Charts of a report as inline SVG: scores over time, and (from `bars`) scores side by side.

The same input always gives the same text. The large ones are also to be had as a `Drawing`, for
paper. Everything that comes from a file or a bundle is escaped by `drawing.svg`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import pairwise

from awarenet.panels.bars import bar, range_bars, range_drawing, scale_drawing, wide
from awarenet.panels.drawing import (
    FAMILY,
    INKS,
    Area,
    Dot,
    Drawing,
    Label,
    Line,
    Shape,
    Spot,
    box,
    svg,
    swatch,
)
from awarenet.report import Moment, Person, Report
from awarenet.view import clock, percent
from awarenet.words import ENGLISH, Words

LEFT, RIGHT, TOP, HEIGHT = 66.0, 626.0, 34.0, 330.0  # of the plot of scores over time
BOTTOM = HEIGHT - 34.0
STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300)  # between labels of the time axis
MOST_LABELS = 6
GAP_STEPS = 2.0  # a person who is missing for longer is not joined by a line

Scale = Callable[[float], float]  # seconds to a place on the drawing

__all__ = [
    "bar",
    "family_role",
    "keys",
    "legend",
    "range_bars",
    "range_drawing",
    "sample_step",
    "scale_drawing",
    "span_words",
    "stretches",
    "timeline",
    "timeline_drawing",
]


def timeline(
    report: Report, person_id: int, *, interactive: bool = False, say: Words = ENGLISH
) -> str:
    """Draw one person's scores over time as inline SVG; see `timeline_drawing`.

    Args:
        report: Of any clip.
        person_id: One of its people.
        interactive: Whether each scored frame is a button with `data-frame` and `data-person`.
        say: The reader's language.

    Returns:
        HTML; empty where there is nothing over time: for a picture, or no such person.
    """
    drawing = timeline_drawing(report, person_id, interactive=interactive, say=say)
    return svg(drawing) if drawing else ""


def timeline_drawing(
    report: Report, person_id: int, *, interactive: bool = False, say: Words = ENGLISH
) -> Drawing | None:
    """Lay one person's scores out over the whole clip.

    The line and its points are the ensemble's, the band is how far its members disagree in each
    frame, thin lines are the families'. Lines break at cuts and where the person is away.

    Returns:
        None for a picture, or where there is no such person.
    """
    person = next((each for each in report.people if each.id == person_id), None)
    if person is None or report.input.kind != "video":
        return None
    end = max(report.input.duration_s or 0.0, person.last_s, 0.1)

    def x(time_s: float) -> float:
        return LEFT + (RIGHT - LEFT) * time_s / end

    shapes = [*_axes(end, x), *_worst(person, x, say)]
    for cut in report.input.cuts_s:
        shapes.append(Line(((x(cut), TOP), (x(cut), BOTTOM)), "cut"))
    runs = stretches(report, person)
    shapes += [shape for run in runs for shape in _band(run, x)]
    for place, name in enumerate(report.families):
        role = family_role(place)
        shapes += [
            Line(tuple((x(m.time_s), _y(m.families[name])) for m in run), role)
            for run in runs
            if len(run) > 1 and all(name in m.families for m in run)
        ]
    shapes += [
        Line(tuple((x(m.time_s), _y(m.probability)) for m in run), "together")
        for run in runs
        if len(run) > 1
    ]
    shapes += _threshold(report.threshold, say)
    dots = [
        Dot((x(m.time_s), _y(m.probability)), 4.2 if len(person.timeline) <= 64 else 2.6,
            "together")
        for m in person.timeline
    ]  # fmt: skip
    words = _in_words(report, person, say)
    if not interactive:
        return Drawing(HEIGHT, words, (*shapes, *dots))
    return Drawing(HEIGHT, words, tuple(shapes), tuple(_spots(person, dots)))


def legend(report: Report, say: Words = ENGLISH) -> str:
    """Build the key to the lines of `timeline`, which wraps on a phone."""
    items = "".join(f"<li>{swatch(role)}{escape(name)}</li>" for role, name in keys(report, say))
    return f'<ul class="aw-legend">{items}</ul>'


def keys(report: Report, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """Name the lines of `timeline`: role and words of each."""
    families = [(family_role(place), name) for place, name in enumerate(report.families)]
    found = [("together", say("All networks")), *families, ("threshold", say("Threshold"))]
    return [*found, ("cut", say("Cut to another shot"))] if report.input.cuts_s else found


def family_role(place: int) -> str:
    """Name the look of the line of a report's family, counted from 0."""
    kinds = sum(role.startswith(FAMILY) for role in INKS)
    return f"{FAMILY}{place % kinds}"


def sample_step(report: Report) -> float:
    """Seconds from one analyzed frame to the next; 0 for a picture."""
    return (report.input.duration_s or 0.0) / max(report.input.frames_analyzed, 1)


def stretches(report: Report, person: Person) -> list[list[Moment]]:
    """Split a person's moments where a cut lies between two, or where the person is away.

    Away is who is missing for more than `GAP_STEPS` steps of the sampling.
    """
    longest = GAP_STEPS * sample_step(report) + 1e-6
    runs = [[person.timeline[0]]]
    for before, after in pairwise(person.timeline):
        cut = any(before.time_s < cut_s <= after.time_s for cut_s in report.input.cuts_s)
        if cut or after.time_s - before.time_s > longest:
            runs.append([])
        runs[-1].append(after)
    return runs


def span_words(start_s: float, end_s: float) -> str:
    """Name a stretch of time, from the second it begins in to the one it ends in.

    >>> span_words(12.3, 18.9), span_words(0.4, 1.1)
    ('0:12-0:19', '0:00.4-0:01.1')
    """
    if end_s - start_s < 2:
        return f"{clock(start_s)}-{clock(end_s)}"
    return f"{_minutes(math.floor(start_s))}-{_minutes(math.ceil(end_s))}"


def _y(probability: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * probability


def _axes(end: float, x: Scale) -> Iterator[Shape]:
    for tenths in (0, 25, 50, 75, 100):
        y = _y(tenths / 100)
        yield Line(((LEFT, y), (RIGHT, y)), "grid")
        yield Label((LEFT - 8, y + 5), f"{tenths}%", "end")
    step = next((s for s in STEPS_S if end / s <= MOST_LABELS), 60 * math.ceil(end / 60 / 6))
    for place in range(math.floor(end / step + 1e-6) + 1):
        time_s = place * step
        yield Line(((x(time_s), BOTTOM), (x(time_s), BOTTOM + 5)), "quiet")
        words = clock(time_s) if step < 1 else _minutes(time_s)
        yield Label((x(time_s), BOTTOM + 24), words, "middle")


def _worst(person: Person, x: Scale, say: Words) -> Iterator[Shape]:
    if person.worst is None:
        return
    start, end = x(person.worst.start_s), x(person.worst.end_s)
    middle = (start + end) / 2
    start, end = min(start, middle - 2), max(end, middle + 2)
    yield box(start, TOP, end, BOTTOM, "worst")
    span = span_words(person.worst.start_s, person.worst.end_s)
    words = say("most suspicious {span}", span=span)
    half = wide(words) / 2
    at = min(max(middle, LEFT + half), RIGHT - half)
    yield Label((at, TOP - 12), words, "middle", "inconclusive")


def _band(run: Sequence[Moment], x: Scale) -> Iterator[Shape]:
    """Draw how far the members disagree; a frame alone gets a narrow column."""
    known = [moment for moment in run if moment.interval is not None]
    if len(known) == 1:
        (low, high), at = known[0].interval, x(known[0].time_s)
        yield box(at - 2, _y(high), at + 2, _y(low), "band")
    elif known:
        upper = [(x(m.time_s), _y(m.interval[1])) for m in known]
        lower = [(x(m.time_s), _y(m.interval[0])) for m in reversed(known)]
        yield Area((*upper, *lower), "band")


def _threshold(threshold: float, say: Words) -> Iterator[Shape]:
    y = _y(threshold)
    yield Line(((LEFT, y), (RIGHT, y)), "threshold")
    words = say("threshold {threshold}", threshold=percent(threshold))
    at = y - 7 if threshold < 0.9 else y + 20
    yield Label((RIGHT - 2, at), words, "end", "words")


def _spots(person: Person, dots: Sequence[Dot]) -> Iterator[Spot]:
    """Make a column of each moment, as wide as there is room up to its neighbors."""
    places = [dot.center[0] for dot in dots]
    edges = [LEFT, *((a + b) / 2 for a, b in pairwise(places)), RIGHT]
    for place, (moment, dot) in enumerate(zip(person.timeline, dots, strict=True)):
        left = max(edges[place], places[place] - 24)
        right = min(edges[place + 1], places[place] + 24)
        yield Spot(
            (left, TOP, right - left, BOTTOM - TOP),
            dot,
            f"{clock(moment.time_s)}, {percent(moment.probability)}",
            (("frame", str(moment.frame)), ("person", str(person.id))),
        )


def _in_words(report: Report, person: Person, say: Words) -> str:
    scores = [moment.probability for moment in person.timeline]
    words = [
        say(
            "Person {number}: probability of manipulation over time, {low} to {high} in {count} "
            "frames, {above} of them at or above the threshold of {threshold}.",
            number=person.id,
            low=percent(min(scores)),
            high=percent(max(scores)),
            count=len(scores),
            above=sum(score >= report.threshold for score in scores),
            threshold=percent(report.threshold),
        )
    ]
    if person.worst:
        span = span_words(person.worst.start_s, person.worst.end_s)
        words.append(say("Most suspicious: {span}.", span=span))
    if report.input.cuts_s:
        times = ", ".join(map(clock, report.input.cuts_s))
        words.append(say("Cuts before {times}.", times=times))
    return " ".join(words)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
