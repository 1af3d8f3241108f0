"""Where each person is, and how they were judged, at any time of a clip.

Only sampled frames were looked at. Between two of them a box is interpolated, where both lie in one
shot and close to each other; around one of them it stands still for a moment. Everywhere else there
is no box, since nobody knows.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from awarenet.panels.charts import sample_step, stretches
from awarenet.report import Moment, Person, Report
from awarenet.video import TICK_S, Frame

FARTHEST_S = 3.0  # apart, two boxes are not joined: a head has moved by then, and come back
HELD_S = 0.5  # a box stands this long before and after its frame, at most


@dataclass(frozen=True)
class Place:
    """Where a person is in a frame."""

    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in px of the frame
    moment: Moment  # the nearest one that was analyzed
    analyzed: bool  # this very frame was, so that the box is not a guess


class Course:
    """One person through a clip; asked for the clip's frames in their order."""

    def __init__(self, report: Report, person: Person):
        self._runs = [piece for run in stretches(report, person) for piece in _near(run)]
        self._cuts = report.input.cuts_s
        self._held = min(sample_step(report) / 2, HELD_S)
        self._starts = [run[0].time_s for run in self._runs]
        self._frames = {moment.frame for run in self._runs for moment in run}
        self._shots: dict[int, int] = {}  # of the analyzed frames that passed by

    def at(self, frame: Frame) -> Place | None:
        """Say where the person is in a frame; None where that is not known."""
        if frame.index in self._frames:
            self._shots[frame.index] = frame.shot
        time_s = max(frame.time_s, 0.0)
        number = bisect_right(self._starts, time_s + TICK_S) - 1
        if number >= 0:
            run = self._runs[number]
            if time_s <= run[-1].time_s + TICK_S:
                return _between(run, time_s, frame.index)
            last = run[-1]
            if time_s - last.time_s <= self._held and self._shots.get(last.frame) == frame.shot:
                return Place(last.box, last, False)
        if number + 1 < len(self._runs):
            first = self._runs[number + 1][0]
            cut = any(time_s < cut_s <= first.time_s for cut_s in self._cuts)
            if first.time_s - time_s <= self._held and not cut:
                return Place(first.box, first, False)
        return None


def _near(run: list[Moment]) -> list[list[Moment]]:
    """Split a run where two moments are too far apart to say what lies between them."""
    pieces = [run[:1]]
    for moment in run[1:]:
        if moment.time_s - pieces[-1][-1].time_s > FARTHEST_S:
            pieces.append([])
        pieces[-1].append(moment)
    return pieces


def _between(run: list[Moment], time_s: float, index: int) -> Place:
    """Interpolate a box between the two moments around a time, straight and evenly."""
    after = bisect_right([moment.time_s for moment in run], time_s + TICK_S)
    before = run[max(after - 1, 0)]
    following = run[min(after, len(run) - 1)]
    span = following.time_s - before.time_s
    share = (time_s - before.time_s) / span if span > 0 else 0.0
    share = min(max(share, 0.0), 1.0)
    box = tuple(a + (b - a) * share for a, b in zip(before.box, following.box, strict=True))
    return Place(box, before if share < 0.5 else following, before.frame == index)
