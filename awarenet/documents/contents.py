"""What a document says of an analysis, in the order in which it says it.

One list of sections for the page and for paper, so that the two cannot differ. Everything comes
from the report and its pictures; nothing is measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awarenet.documents import pictures
from awarenet.documents.background import background
from awarenet.documents.blocks import (
    Block,
    Bullets,
    Chart,
    Contents,
    Facts,
    Pictures,
    Section,
    Table,
    Text,
)
from awarenet.documents.evidence_shown import evidence_shown
from awarenet.panels import charts
from awarenet.panels.answer import FOUND, NO_ANSWER, OUTSIDE
from awarenet.panels.checks import CREDENTIALS
from awarenet.report import Input, Person, Provenance, Report
from awarenet.view import VERDICTS, clock, percent, sentence

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis

APART = (
    "What the file says of itself. Anyone can write metadata, and most sites remove it: it is no "
    "part of the probability."
)
FAR_LETTERS = 0x2E80  # from here on a reader may lack the font: CJK, emoji
OVER_TIME = (
    "Each point is one analyzed frame, calibrated like the answer; the band is how far the single "
    "networks disagree in it. Lines break at cuts and where the person is away."
)


def contents(analysis: Analysis) -> Contents:
    """Put the document together."""
    report = analysis.report
    sections = [
        Section("The file", (Facts(_about_input(report.input)),)),
        *_provenance(report.provenance),
        *([_people(analysis), *_over_time(report)] if report.people else []),
        *evidence_shown(analysis),
        *background(report),
    ]
    version = report.versions.get("awarenet", "")
    return Contents(
        name=report.input.name,
        tone=report.verdict or "none",
        heading=_heading(report),
        lead=_lead(report),
        facts=_answer(report),
        scale=charts.scale_drawing(report) if report.status == "ok" else None,
        warnings=tuple(sentence(warning.message) for warning in report.warnings),
        sections=tuple(sections),
        made=f"Made by awarenet {version} at {report.created} (UTC).",
    )


def _heading(report: Report) -> str:
    if report.status != "ok":
        return f"No answer: {NO_ANSWER[report.status][0]}"
    return VERDICTS[report.verdict]


def _lead(report: Report) -> str:
    """Say in one or two sentences what the verdict rests on."""
    if report.status != "ok":
        return NO_ANSWER[report.status][1]
    who = "this face"
    if len(report.people) > 1:
        who = f"person {report.decided_by}, the most suspicious of {len(report.people)} people"
        if report.probability < max(person.probability for person in report.people):
            who = f"person {report.decided_by}, the most suspicious whom the networks can judge"
    decides = next(each for each in report.people if each.id == report.decided_by)
    if decides.competence and decides.competence.outside:
        return sentence(OUTSIDE.format(who=who))
    return FOUND[report.verdict].format(who=who)


def _answer(report: Report) -> tuple[tuple[str, str], ...]:
    if report.status != "ok":
        return ()
    low, high = report.interval
    share = (report.settings.get("verdict") or {}).get("confidence")
    return (
        ("Probability" if report.calibrated else "Score (not calibrated)",
         percent(report.probability)),
        (f"{share:.0%} interval" if share else "Interval", f"{percent(low)} to {percent(high)}"),
        ("Threshold", percent(report.threshold)),
    )  # fmt: skip


def _about_input(source: Input) -> tuple[tuple[str, str], ...]:
    rows = [("Name", source.name)]
    if any(ord(letter) >= FAR_LETTERS for letter in source.name):
        rows.append(("Name in ASCII", ascii(source.name)[1:-1]))
    rows.append(("SHA-256", source.sha256 or "not known"))
    if source.kind:
        rows.append(("Kind", {"image": "picture"}.get(source.kind, source.kind)))
    if source.width and source.height:
        rows.append(("Size", f"{source.width} × {source.height} px"))
    if source.rotation_deg:
        rows.append(("Turned", f"{source.rotation_deg}° clockwise to stand upright"))
    if source.kind == "video" and source.duration_s is not None:
        rows.append(("Duration", f"{clock(source.duration_s)} (min:s)"))
        rows.append(("Frame rate", f"{source.fps:.2f} frames a second" if source.fps else "-"))
    if source.codec:
        rows.append(("Codec", source.codec))
    if source.quantization is not None:
        step = f"a step of {source.quantization:.1f} of 255, as the file states it"
        rows.append(("Last compression", step))
    if source.frames_analyzed:
        rows.append(("Frames analyzed", str(source.frames_analyzed)))
    if source.cuts_s:
        rows.append(("Cuts before", ", ".join(map(clock, source.cuts_s))))
    return tuple(rows)


def _provenance(found: Provenance | None) -> list[Section]:
    if found is None:
        return []
    blocks: list[Block] = [Text(APART, "quiet")]
    credentials = found.credentials
    if credentials is None:
        looked = "The file carries no Content Credentials."
        blocks.append(
            Text(looked if found.looked_for_credentials else "Content Credentials: not looked for.")
        )
    else:
        said = {True: "yes", False: "no", None: "it does not say"}[credentials.ai_generated]
        rows = (
            ("Signed by", credentials.signed_by or "not known"),
            ("Signed at", credentials.signed_at or "not known"),
            ("Made with", credentials.made_with or "not known"),
            ("Actions", ", ".join(credentials.actions) or "none named"),
            ("Made by AI", said),
            ("Did not verify", ", ".join(credentials.problems) or "nothing"),
        )
        blocks += [Text(CREDENTIALS.get(credentials.state, credentials.state)), Facts(rows)]
    if found.remarks:
        blocks.append(Bullets(tuple(found.remarks)))
    if found.container:
        blocks.append(Facts(tuple((k, str(v)) for k, v in found.container.items()), small=True))
    return [Section("Provenance", tuple(blocks))]


def _people(analysis: Analysis) -> Section:
    report = analysis.report
    faces = [pictures.face(analysis, person) for person in report.people]
    rows = tuple(_person(person, report) for person in report.people)
    head = ("Person", "Verdict", "Probability", "Interval", "Seen")
    blocks = [Table("Everyone who was judged, the most suspicious first", head, rows)]
    if any(faces):
        blocks.insert(0, Pictures(tuple(each for each in faces if each)))
    measured = [_worth(person) for person in report.people if person.quality or person.competence]
    if measured:
        head = ("Person", "Face", "Detail", "Light", "Contrast", "Turned",
                "Like the training data")  # fmt: skip
        words = "What their faces are worth: medians over the frames they were seen in"
        blocks.append(Table(words, head, tuple(measured)))
    return Section("People", tuple(blocks))


def _person(person: Person, report: Report) -> tuple[str, ...]:
    low, high = person.interval
    seen = f"{person.frames_seen} frame{'s'[: person.frames_seen > 1]}"
    if report.input.kind == "video":
        seen += f", {clock(person.first_s)} to {clock(person.last_s)}"
    decides = " (decides)" if person.id == report.decided_by else ""
    return (
        f"{person.id}{decides}",
        VERDICTS[person.verdict],
        percent(person.probability),
        f"{percent(low)} to {percent(high)}",
        seen,
    )


def _worth(person: Person) -> tuple[str, ...]:
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
    distance = "not measured"
    if known:
        words = "no" if known.outside else "yes"
        distance = f"{words} (distance {known.distance:.2f}, limit {known.limit:.2f})"
    return (str(person.id), *measured, distance)


def _over_time(report: Report) -> list[Section]:
    blocks = []
    for person in report.people:
        drawing = charts.timeline_drawing(report, person.id)
        if drawing is None:
            continue
        words = f"Person {person.id}"
        if person.worst:
            span = charts.span_words(person.worst.start_s, person.worst.end_s)
            words += f": most suspicious {span}, {percent(person.worst.probability)} there"
        blocks.append(Chart(drawing, f"{words}.", tuple(charts.keys(report))))
    return [Section("Over time", (Text(OVER_TIME, "quiet"), *blocks))] if blocks else []
