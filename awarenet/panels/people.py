"""The people of a clip: face, verdict and interval, when they are seen, what that is worth."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape

import numpy as np
from PIL import Image

from awarenet.blinks import indications
from awarenet.report import Blinks, Person, Report
from awarenet.view import VERDICTS, bar, caption, chip, clock, percent
from awarenet.words import ENGLISH, Words

THUMBNAIL_PX = 128


def names(report: Report, say: Words = ENGLISH) -> list[tuple[str, int]]:
    """Name the people for a choice, most suspicious first: (words, id)."""
    return [
        (
            say(
                "Person {number}: {verdict}",
                number=person.id,
                verdict=say(VERDICTS[person.verdict]),
            ),
            person.id,
        )
        for person in report.people
    ]


def cards(
    report: Report,
    thumbnails: Mapping[int, np.ndarray],
    chosen: int | None,
    say: Words = ENGLISH,
) -> str:
    """Build a card a person; a click on it chooses them (`data-person`).

    Args:
        report: Any.
        thumbnails: Person id to a face, (h, w, 3) uint8 RGB; people without one are shown too.
        chosen: Id of the person whom the other tabs show.
        say: The reader's language.
    """
    if not report.people:
        return caption(say("Nobody was judged."))
    items = "".join(_card(report, each, thumbnails, chosen, say) for each in report.people)
    return f'<ul class="aw-persons">{items}</ul>'


def worth(person: Person, say: Words = ENGLISH) -> str:
    """List what a person's faces are worth: measured facts, and whether the networks know such."""
    found, quality = [], person.quality
    if quality is not None:
        found += [
            (say("Face"), f"{quality.face_px:.0f} px"),
            (say("Detail"), f"{quality.sharpness:.0f}"),
            (say("Light"), f"{quality.light:.0%}"),
            (say("Contrast"), f"{quality.contrast:.0%}"),
            (say("Turned"), f"{quality.turned_deg:.0f}°"),
        ]
    if person.competence is not None:
        words = say("outside the training data") if person.competence.outside else say("inside")
        figure = f"{person.competence.distance:.1f} / {person.competence.limit:.1f}"
        found.append((say("Training data"), f"{words} ({figure})"))
    if person.blinks is not None:
        found.append((say("Blinks"), str(len(person.blinks.blinks))))
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found
    )
    return f'<dl class="aw-worth">{cells}</dl>' if cells else ""


def seen(report: Report, person: Person, say: Words = ENGLISH) -> str:
    """Say in how many frames a person was seen, and in a clip from when to when."""
    one = person.frames_seen == 1
    words = [say("1 frame") if one else say("{frames} frames", frames=person.frames_seen)]
    if report.input.kind == "video":
        first, last = clock(person.first_s), clock(person.last_s)
        words.append(say("{start} to {end}", start=first, end=last))
    return say.listed(words)


def blinks(report: Report, person: Person, say: Words = ENGLISH) -> str:
    """Say how often a person blinked, when, and what that is worth; empty if it was not counted."""
    found = person.blinks
    if found is None:
        return ""
    title = escape(say("Blinks"))
    times = ", ".join(clock(each.time_s) for each in found.blinks)
    body = caption(indication(report, found, say))
    if times:
        body += caption(say("Blinks at {times}.", times=times))
    return f"<h3 class='aw-part'>{title}</h3>{body}"


def indication(report: Report, found: Blinks, say: Words = ENGLISH) -> str:
    """Say what a number of blinks means; one of another version stays as the report has it."""
    confidence = report.settings.get("verdict", {}).get("confidence")
    if not isinstance(confidence, float):
        return found.indication
    counted = (len(found.blinks), found.seconds, found.interval, confidence)
    sentences = list(indications(*counted))
    if ENGLISH.joined(sentences) != found.indication:
        return found.indication
    return say.joined(sentences)


def _card(
    report: Report,
    person: Person,
    thumbnails: Mapping[int, np.ndarray],
    chosen: int | None,
    say: Words,
) -> str:
    low, high = person.interval
    when = seen(report, person, say)
    decides = ""
    if len(report.people) > 1 and person.id == report.decided_by:
        decides = f' <span class="aw-small">{escape(say("decides the clip"))}</span>'
    span = escape(say("interval {low} to {high}", low=percent(low), high=percent(high)))
    name = escape(say("Person {number}", number=person.id))
    alt = escape(say("Face of person {number}", number=person.id))
    pressed = "true" if person.id == chosen else "false"
    return (
        f'<li><button type="button" class="aw-person" data-person="{person.id}" '
        f'aria-pressed="{pressed}">{thumbnail(thumbnails.get(person.id), alt)}<span>'
        f"<b>{name}</b>{decides}<br>{chip(person.verdict, say)}"
        f"{bar(person.probability, (low, high))}"
        f'<span class="aw-number">{percent(person.probability)}</span> '
        f'<span class="aw-small">{span}</span><br><span class="aw-small">{escape(when)}</span>'
        f"</span></button>{worth(person, say)}</li>"
    )


def thumbnail(face: np.ndarray | None, alt: str) -> str:
    """Embed a face, (h, w, 3) uint8 RGB, as a data address: it never becomes a file."""
    if face is None:
        return ""
    image = Image.fromarray(face)
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return f'<img src="{data_url(image)}" alt="{alt}">'


def data_url(image: Image.Image) -> str:
    """Write a picture as the address of itself, a JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
