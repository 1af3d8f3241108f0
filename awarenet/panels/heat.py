"""Heat maps: where the networks looked, on which parts of the face, and whether that counts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from awarenet.methods import ENSEMBLE
from awarenet.report import ExplainedFrame, Report
from awarenet.view import bar, caption, clock, percent, table
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.pipeline import Overlay

SURROUNDINGS = 2.2  # side of a heat map on the page, in face boxes
NOTE = (
    "The warmer, the more a spot spoke for a manipulation. Colors fade with the score, so a face "
    "that counts as genuine stays cool. They show where the networks looked; they do not mark a "
    "forgery."
)
NO_EVIDENCE = (
    "This person was found genuine: there is nothing to point at, and a map of them has no meaning "
    "as evidence."
)
TOGETHER = "All networks"


def pictures(
    report: Report, overlays: Sequence[Overlay], person: int, say: Words = ENGLISH
) -> list[tuple[Image.Image, str]]:
    """Order one person's overlays by time and family; give each a caption.

    Each is cut down to the person's surroundings: in a whole frame the face would be too small.
    """
    order = {name: i for i, name in enumerate(report.families)}  # all networks together: first
    own = [each for each in overlays if each.person == person]
    own.sort(key=lambda each: (each.time_s, order.get(each.family, -1)))
    items = []
    for overlay in own:
        scale = overlay.image.shape[1] / (report.input.width or overlay.image.shape[1])
        image = surroundings(overlay.image, box_of(report, person, overlay.frame), scale)
        words = [overlay.family if overlay.family in order else say(TOGETHER)]
        if report.input.kind == "video":
            words.append(clock(overlay.time_s))
        items.append((image, " · ".join(words)))
    return items


def box_of(report: Report, person: int, frame: int) -> Sequence[float] | None:
    """Give the box of a person in a frame, px of the frame; None where they are not in it."""
    for each in report.people:
        for moment in each.timeline:
            if (each.id, moment.frame) == (person, frame):
                return moment.box
    return None


def surroundings(frame: np.ndarray, box: Sequence[float] | None, scale: float = 1.0) -> Image.Image:
    """Cut a square around a face out of a frame; all of it without a box.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: The face.
        scale: px of `frame` a px of the box.
    """
    image = Image.fromarray(frame)
    if box is None:
        return image
    x0, y0, x1, y1 = (edge * scale for edge in box)
    side = min(round(SURROUNDINGS * max(x1 - x0, y1 - y0)), *image.size)
    left = min(max(round((x0 + x1 - side) / 2), 0), image.width - side)
    top = min(max(round((y0 + y1 - side) / 2), 0), image.height - side)
    return image.crop((left, top, left + side, top + side))


def meaning(report: Report, person: int, say: Words = ENGLISH) -> str:
    """Say what one person's heat maps are worth: verdict, deletion test, agreement, regions."""
    who = next(each for each in report.people if each.id == person)
    own = [each for each in _frames(report) if each.person == person]
    if not own:
        return caption(say("No heat maps were drawn of this person."))
    body = caption(say(NO_EVIDENCE)) if who.verdict == "real" else ""
    body += caption(say(NOTE))
    for frame in own:
        words = [*_deletion(frame, say), *_agreement(frame, say)]
        if report.input.kind == "video" and words:
            words[0] = f"{clock(frame.time_s)}: {words[0]}"
        body += "".join(map(caption, words))
    return body + regions(report, own, say)


def regions(report: Report, frames: Sequence[ExplainedFrame], say: Words = ENGLISH) -> str:
    """Build the table of how much of the heat lies on which part of the face, over the frames."""
    known = [frame.regions for frame in frames if frame.regions]
    areas = [frame.areas for frame in frames if frame.areas]
    if not known or not areas:
        return ""
    names = [ENSEMBLE, *report.families]
    rows = []
    for region in areas[0]:
        cells = [percent(float(np.mean([each[region] for each in areas])))]
        for name in names:  # a map without any heat has no shares
            shares = [each[name][region] for each in known if name in each]
            if not shares:
                cells.append("–")
                continue
            share = float(np.mean(shares))
            cells.append(f'{bar(share)}<span class="aw-number">{percent(share)}</span>')
        rows.append([escape(say(region)), *cells])
    title = escape(say("Share of the heat by part of the face"))
    columns = [say("Part"), say("Of the picture"), say(TOGETHER), *report.families]
    return f"<h3 class='aw-part'>{title}</h3>" + table(columns, rows, "aw-regions")


def _frames(report: Report) -> list[ExplainedFrame]:
    return report.explanation.frames if report.explanation else []


def _deletion(frame: ExplainedFrame, say: Words) -> list[str]:
    found = frame.deletion
    if found is None:
        return []
    return [
        say(
            "Blanking the hottest {share} changes the probability by {hottest}; a random {share} "
            "by {random}.",
            share=f"{found.share:.0%}",
            hottest=f"{100 * found.hottest:+.0f}",
            random=f"{100 * found.random:+.0f}",
        )
    ]


def _agreement(frame: ExplainedFrame, say: Words) -> list[str]:
    if frame.agreement is None:
        return []
    return [say("The families' maps correlate by {figure}.", figure=f"{frame.agreement:.2f}")]
