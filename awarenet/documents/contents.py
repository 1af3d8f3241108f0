"""What a document says of an analysis, in the order in which it says it.

One list of sections for the page and for paper, so that the two cannot differ. Everything comes
from the report and its pictures; nothing is measured here. `say` is the reader's language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awarenet.documents import pictures
from awarenet.documents.background import background
from awarenet.documents.blocks import Chart, Contents, Facts, Pictures, Section, Table, Text
from awarenet.documents.evidence_shown import evidence_shown
from awarenet.documents.source import about_input, provenance
from awarenet.panels import charts
from awarenet.panels.answer import NO_ANSWER, explained, figures
from awarenet.panels.people import seen
from awarenet.printable import shown
from awarenet.report import Person, Report
from awarenet.view import VERDICTS, percent, sentence
from awarenet.words import Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis


def contents(analysis: Analysis, say: Words) -> Contents:
    """Put the document together."""
    report = analysis.report
    answered = report.status == "ok"
    sections = [
        Section(say("The file"), (Facts(about_input(report.input, say)),)),
        *provenance(report.provenance, say),
        *([_people(analysis, say), *_over_time(report, say)] if report.people else []),
        *evidence_shown(analysis, say),
        *background(report, say),
    ]
    return Contents(
        language=say.language,
        title=say("awarenet report on"),
        name=shown(report.input.name),
        tone=report.verdict or "none",
        heading=_heading(report, say),
        lead=explained(report, say) if answered else say(NO_ANSWER[report.status][1]),
        facts=figures(report, say) if answered else (),
        scale=charts.scale_drawing(report, say) if answered else None,
        warnings=tuple(sentence(say.notice(warning)) for warning in report.warnings),
        sections=tuple(sections),
        made=say(
            "Made by awarenet {version} at {time} (UTC).",
            version=report.versions.get("awarenet", ""),
            time=report.created,
        ),
    )


def _heading(report: Report, say: Words) -> str:
    if report.status != "ok":
        return say("No answer: {what}", what=say(NO_ANSWER[report.status][0]))
    return say(VERDICTS[report.verdict])


def _people(analysis: Analysis, say: Words) -> Section:
    report = analysis.report
    faces = [pictures.face(analysis, person, say) for person in report.people]
    rows = tuple(_person(person, report, say) for person in report.people)
    head = (say("Person"), say("Verdict"), say("Probability"), say("Interval"), say("Seen"))
    blocks = [Table(say("Everyone who was judged, the most suspicious first"), head, rows)]
    if any(faces):
        blocks.insert(0, Pictures(tuple(each for each in faces if each)))
    known = [person for person in report.people if person.quality or person.competence]
    if known:
        head = (
            say("Person"), say("Face"), say("Detail"), say("Light"), say("Contrast"),
            say("Turned"), say("Like the training data"),
        )  # fmt: skip
        words = say("What their faces are worth: medians over the frames they were seen in")
        blocks.append(Table(words, head, tuple(_worth(person, say) for person in known)))
    return Section(say("People"), tuple(blocks))


def _person(person: Person, report: Report, say: Words) -> tuple[str, ...]:
    low, high = person.interval
    decides = person.id == report.decided_by
    return (
        say("{number} (decides)", number=person.id) if decides else str(person.id),
        say(VERDICTS[person.verdict]),
        percent(person.probability),
        say("{low} to {high}", low=percent(low), high=percent(high)),
        seen(report, person, say),
    )


def _worth(person: Person, say: Words) -> tuple[str, ...]:
    quality, known = person.quality, person.competence
    measured = ("-",) * 5
    if quality:
        measured = (
            f"{quality.face_px:.0f} px",
            f"{quality.sharpness:.0f}",
            f"{quality.light:.2f}",
            f"{quality.contrast:.2f}",
            f"{quality.turned_deg:.0f}°",
        )
    distance = say("not measured")
    if known:
        distance = say(
            "{answer} (distance {distance}, limit {limit})",
            answer=say("no" if known.outside else "yes"),
            distance=f"{known.distance:.2f}",
            limit=f"{known.limit:.2f}",
        )
    return (str(person.id), *measured, distance)


def _over_time(report: Report, say: Words) -> list[Section]:
    blocks = []
    for person in report.people:
        drawing = charts.timeline_drawing(report, person.id, say=say)
        if drawing is None:
            continue
        words = say("Person {number}", number=person.id)
        if person.worst:
            words = say(
                "Person {number}: most suspicious {span}, {probability} there.",
                number=person.id,
                span=charts.span_words(person.worst.start_s, person.worst.end_s),
                probability=percent(person.worst.probability),
            )
        blocks.append(Chart(drawing, words, tuple(charts.keys(report, say))))
    note = say(
        "Each point is one analyzed frame, calibrated like the answer; the band is how far the "
        "single networks disagree in it. Lines break at cuts and where the person is away."
    )
    return [Section(say("Over time"), (Text(note, "quiet"), *blocks))] if blocks else []
