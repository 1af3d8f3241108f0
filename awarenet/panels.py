"""What stands in the page's tabs: scores over time, the vote, heat maps, people; no web framework.

Everything that comes from a file or a bundle is escaped here, or goes out as plain text in a data
frame or a caption. The classes are styled by `assets/page.css`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from awarenet import scratch
from awarenet.report import Blinks, Person, Report
from awarenet.view import VERDICTS, clock, icon, percent, verdict_card

if TYPE_CHECKING:
    import numpy as np

    from awarenet.pipeline import Analysis, Overlay

SURROUNDINGS = 2.2  # side of a heat map on the page, in face boxes
THUMBNAIL_PX = 128
TOGETHER, THRESHOLD = "All networks", "Threshold"
# after Okabe and Ito's, told apart by color-blind people; above 3:1 on white and on dark
COLORS = ("#2a86c8", "#d9622b", "#0b9a74", "#b8629b", "#9a8411", "#7a7fd1", "#94734f")
THRESHOLD_COLOR = "#808793"

TIMELINE_NOTE = "Each point is one analyzed frame, calibrated like the answer above."
FAMILIES_NOTE = (
    "Bars show the family, marks its single networks. Where the marks lie far apart, the networks "
    "disagree, and the interval of the answer is wide."
)
VOTES = {  # combiner -> how the probability came about
    "two_tier": "The probability is the sum of the families' own, each times its learned weight.",
    "mean": "The probability is the mean over all networks.",
    "soft": "The probability is the sum of the families' own, each times its weight.",
    "hard": "Each network votes yes or no; the share of votes makes the probability.",
    "stack": "A forest of decision trees makes the probability of the families' own; a weight says "
    "how much it heeds a family.",
}
HEAT_NOTE = (
    "The warmer, the more a spot spoke for a manipulation. Colors fade with the score, so a face "
    "that counts as genuine stays cool. They show where the networks looked; they do not mark a "
    "forgery."
)


def caption(text: str) -> str:
    """Build a quiet line that says how to read what stands above it."""
    return f'<p class="aw-caption">{escape(text)}</p>'


def person_names(report: Report) -> list[tuple[str, int]]:
    """Name the people for a choice, most suspicious first: (words, id)."""
    return [
        (f"Person {person.id}: {VERDICTS[person.verdict].lower()}", person.id)
        for person in report.people
    ]


def timeline(report: Report, person_id: int | None = None) -> pd.DataFrame:
    """Lay one person's scores out over time, for a line plot.

    Args:
        report: With or without people.
        person_id: Whose; None for the person who decides.

    Returns:
        Columns `time_s` (seconds), `probability` (0..1) and `network`: the ensemble, each family,
        and the threshold as a line of two points. Empty where there is no such person.
    """
    chosen = person_id if person_id is not None else report.decided_by
    rows = []
    for person in report.people:
        if person.id != chosen:
            continue
        for moment in person.timeline:
            rows.append((moment.time_s, moment.probability, TOGETHER))
            rows += [(moment.time_s, p, name) for name, p in moment.families.items()]
        rows += [(t, report.threshold, THRESHOLD) for t in (person.first_s, person.last_s)]
    return pd.DataFrame(rows, columns=["time_s", "probability", "network"])


def line_colors(report: Report) -> dict[str, str]:
    """Give each line of the plot its color, the same for every person and clip of a model."""
    names = [TOGETHER, *report.families]
    colors = {name: COLORS[index % len(COLORS)] for index, name in enumerate(names)}
    return {**colors, THRESHOLD: THRESHOLD_COLOR}


def legend(report: Report) -> str:
    """Build the key to the lines, which wraps on a phone where the plot's own is cut off."""
    items = "".join(
        f'<li><i style="background:{color}"></i>{escape(name)}</li>'
        for name, color in line_colors(report).items()
    )
    return f'<ul class="aw-legend">{items}</ul>'


def families_table(report: Report) -> str:
    """Build the vote: each family's weight and probability as bars, its members as marks."""
    rows = []
    for name, family in sorted(report.families.items(), key=lambda item: -item[1].weight):
        if family.probability is None:
            continue
        each = ", ".join(percent(p) for p in family.members)
        bar = _bar(family.probability, family.members)
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th>'
            f'<td data-label="Weight in the vote">{_bar(family.weight)}'
            f'<span class="aw-number">{percent(family.weight)}</span></td>'
            f'<td data-label="Probability of manipulation">{bar}'
            f'<span class="aw-number">{percent(family.probability)}</span> '
            f'<span class="aw-small">networks: {each}</span></td></tr>'
        )
    return (
        '<table class="aw-table"><thead><tr><th scope="col">Kind of network</th>'
        '<th scope="col">Weight in the vote</th><th scope="col">Probability of manipulation'
        f"</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{caption(VOTES.get(report.model.combiner, ''))}{caption(FAMILIES_NOTE)}"
    )


def people_table(report: Report, thumbnails: Mapping[int, np.ndarray]) -> str:
    """Build one row a person: face, verdict, probability with interval, when they are seen.

    Args:
        report: Any.
        thumbnails: Person id to a face, (h, w, 3) uint8 RGB; people without one are shown too.
    """
    rows = "".join(_person_row(person, report, thumbnails) for person in report.people)
    return (
        '<table class="aw-table aw-people"><thead><tr><th scope="col">Face</th>'
        '<th scope="col">Person</th><th scope="col">Probability of manipulation</th>'
        f'<th scope="col">Seen</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def heat_maps(report: Report, overlays: Sequence[Overlay]) -> list[tuple[Image.Image, str]]:
    """Order the overlays by person, as in the report, time and family; give each a caption.

    Each is cut down to the person's surroundings: in a whole frame the face would be too small.
    """
    order = {name: i for i, name in enumerate(report.families)}  # all networks together: first
    people = [person.id for person in report.people]
    ranked = sorted(
        overlays, key=lambda o: (people.index(o.person), o.time_s, order.get(o.family, -1))
    )
    boxes = {(p.id, moment.frame): moment.box for p in report.people for moment in p.timeline}
    items = []
    for overlay in ranked:
        scale = overlay.image.shape[1] / (report.input.width or overlay.image.shape[1])
        box = boxes.get((overlay.person, overlay.frame))
        image = _surroundings(overlay.image, box and [scale * edge for edge in box])
        parts = [overlay.family if overlay.family in order else TOGETHER]
        if len(report.people) > 1:
            parts.append(f"person {overlay.person}")
        if report.input.kind == "video":
            parts.append(clock(overlay.time_s))
        items.append((image, " · ".join(parts)))
    return items


def telling_tabs(report: Report) -> tuple[bool, ...]:
    """Which tabs have something to say: over time, families, heat maps, people, blinks."""
    judged, video = bool(report.people), report.input.kind == "video"
    explained, several = report.explanation is not None, len(report.people) > 1
    return judged and video, judged, explained, several, _blinks(report) is not None


def eye_openness(report: Report) -> pd.DataFrame:
    """Tabulate how far the eyes of the person who decides were open, for the plot.

    Returns:
        Columns `time_s` (seconds) and `openness` (height over width; NaN where it is not known).
        Empty where blinks were not counted.
    """
    found = _blinks(report)
    rows = [(each.time_s, each.openness) for each in found.timeline] if found else []
    return pd.DataFrame(rows, columns=["time_s", "openness"], dtype=float)


def blinks_note(report: Report) -> str:
    """Say how often the person who decides blinked, when, and what that is worth."""
    found = _blinks(report)
    if found is None:
        return ""
    whose = f"Person {report.decided_by}: " if len(report.people) > 1 else ""
    times = ", ".join(clock(each.time_s) for each in found.blinks)
    return caption(whose + found.indication) + (caption(f"Blinks at {times}.") if times else "")


def answers(analysis: Analysis) -> Iterator[tuple]:
    """Yield what `/analyze` gives for a finished analysis; its file lives until Gradio has it."""
    report = analysis.report
    with scratch.report_file(report) as path:
        maps = heat_maps(report, analysis.overlays)
        people = people_table(report, analysis.thumbnails)
        yield verdict_card(report), maps, people, path, report.to_dict()


def _blinks(report: Report) -> Blinks | None:
    return next((each.blinks for each in report.people if each.blinks), None)


def _surroundings(frame: np.ndarray, box: Sequence[float] | None) -> Image.Image:
    """Cut a square around a face out of a (H, W, 3) uint8 RGB frame; all of it without a box."""
    image = Image.fromarray(frame)
    if box is None:
        return image
    x0, y0, x1, y1 = box
    side = min(round(SURROUNDINGS * max(x1 - x0, y1 - y0)), *image.size)
    left = min(max(round((x0 + x1 - side) / 2), 0), image.width - side)
    top = min(max(round((y0 + y1 - side) / 2), 0), image.height - side)
    return image.crop((left, top, left + side, top + side))


def _bar(value: float, marks: Sequence[float] = ()) -> str:
    ticks = "".join(f'<b style="left:{mark:.2%}"></b>' for mark in marks)
    return f'<div class="aw-bar" aria-hidden="true"><i style="width:{value:.2%}"></i>{ticks}</div>'


def _person_row(person: Person, report: Report, thumbnails: Mapping[int, np.ndarray]) -> str:
    low, high = person.interval
    tone, words = person.verdict, VERDICTS[person.verdict]
    decides = " · decides the clip" if person.id == report.decided_by else ""
    seen = f"{person.frames_seen} frame{'s'[: person.frames_seen > 1]}"
    if report.input.kind == "video":
        seen += f", {clock(person.first_s)} to {clock(person.last_s)}"
    return (
        f"<tr><td>{_thumbnail(person.id, thumbnails)}</td>"
        f'<th scope="row">Person {person.id}{decides}<br>'
        f'<span class="aw-chip aw-{tone}">{icon(tone)}{escape(words)}</span></th>'
        f'<td data-label="Probability of manipulation">{_bar(person.probability, (low, high))}'
        f'<span class="aw-number">{percent(person.probability)}</span> '
        f'<span class="aw-small">interval {percent(low)} to {percent(high)}</span></td>'
        f'<td data-label="Seen" class="aw-small">{seen}</td></tr>'
    )


def _thumbnail(person_id: int, thumbnails: Mapping[int, np.ndarray]) -> str:
    """Embed a face as a data address: it never becomes a file."""
    if person_id not in thumbnails:
        return ""
    image = Image.fromarray(thumbnails[person_id])
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="Face of person {person_id}">'
