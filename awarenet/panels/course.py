"""A person's scores over time, and the frame that was clicked."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from awarenet.panels import charts
from awarenet.panels.people import data_url
from awarenet.report import Moment, Person, Report
from awarenet.view import caption, clock, percent
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.explain import Preview

NOTE = (
    "Each point is one analyzed frame, calibrated like the answer above; the band is how far the "
    "networks disagree there. Choose a point to see its frame."
)
LINE_PX = 3
COLORS = {"fake": (224, 72, 55), "real": (22, 140, 120), "inconclusive": (196, 132, 10)}


def course(report: Report, person: Person, say: Words = ENGLISH) -> str:
    """Build the chart of one person, and name the stretch that looks worst."""
    if report.input.kind != "video":
        return caption(say("A picture has no course over time."))
    if person.worst is not None:
        span = charts.span_words(person.worst.start_s, person.worst.end_s)
        words = say(
            "Most suspicious: {span}, {probability}.",
            span=span,
            probability=percent(person.worst.probability),
        )
    else:
        words = say("No stretch stands out from the rest.")
    chart = charts.timeline(report, person.id, interactive=True, say=say)
    return chart + charts.legend(report, say) + caption(words) + caption(say(NOTE))


def moment_card(
    report: Report,
    person: Person,
    moment: Moment,
    picture: Image.Image | None,
    say: Words = ENGLISH,
) -> str:
    """Build what a clicked point shows: the frame, its time, each family's opinion."""
    title = say(
        "Person {number} at {time}: {probability}",
        number=person.id,
        time=clock(moment.time_s),
        probability=percent(moment.probability),
    )
    families = ", ".join(f"{name} {percent(p)}" for name, p in moment.families.items())
    shown = ""
    if picture is not None:
        shown = f'<img src="{data_url(picture)}" alt="{escape(title)}">'
    body = f"<h3 class='aw-part'>{escape(title)}</h3>{shown}{caption(families)}"
    return f'<figure class="aw-moment">{body}</figure>'


def framed(report: Report, frame: int, preview: Preview) -> Image.Image:
    """Draw the box of everybody who was judged in a frame, in the color of their verdict."""
    picture = Image.fromarray(preview.image())
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(picture.width // 45, 12))
    for person in report.people:
        for moment in person.timeline:
            if moment.frame == frame:
                box = tuple(preview.scaled(moment.box))
                draw.rectangle(box, outline=COLORS[person.verdict], width=LINE_PX)
                words = f"{person.id}: {percent(moment.probability)}"
                place = (max(box[0], 0), max(box[1] - 1.3 * font.size, 0))
                draw.rectangle(draw.textbbox(place, words, font), fill=(16, 24, 40))
                draw.text(place, words, fill=(255, 255, 255), font=font)
    return picture


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Put a picture beside another, at the height of the first."""
    width = round(right.width * left.height / right.height)
    both = Image.new("RGB", (left.width + width, left.height))
    both.paste(left, (0, 0))
    both.paste(right.resize((width, left.height)), (left.width, 0))
    return both


def eye_openness(person: Person) -> pd.DataFrame:
    """Tabulate how far a person's eyes were open, for a plot.

    Returns:
        Columns `time_s` (seconds) and `openness` (height over width; NaN where it is not known).
        Empty where blinks were not counted.
    """
    moments = person.blinks.timeline if person.blinks else []
    rows = [(each.time_s, each.openness) for each in moments]
    return pd.DataFrame(rows, columns=["time_s", "openness"], dtype=float)
