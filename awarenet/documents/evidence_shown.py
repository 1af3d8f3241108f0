"""The part of a document that shows how the networks came to their answer, and how far it stands.

Families and other votes, heat maps with what was measured on them, damage, blinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awarenet.documents import pictures
from awarenet.documents.blocks import Block, Bullets, Chart, Detail, Pictures, Section, Table, Text
from awarenet.explain import ENSEMBLE
from awarenet.panels import charts
from awarenet.panels.families import VOTES, agreement, vote_words
from awarenet.panels.heat import NO_EVIDENCE, NOTE, TOGETHER, box_of
from awarenet.report import Deletion, ExplainedFrame, Person, Report
from awarenet.stability import DAMAGES
from awarenet.view import VERDICTS, clock, percent

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis


def evidence_shown(analysis: Analysis) -> list[Section]:
    """Give these sections, as far as the report has something to say in them."""
    report = analysis.report
    sections = []
    if report.people:
        sections.append(_families(report))
    if report.explanation and report.explanation.frames:
        sections.append(_heat_maps(analysis))
    if report.stability:
        sections.append(_stability(report))
    counted = next((person.blinks for person in report.people if person.blinks), None)
    if counted:
        times = ", ".join(clock(blink.time_s) for blink in counted.blinks) or "none"
        sections.append(Section("Blinks", (Text(counted.indication), Text(f"Seen at: {times}."))))
    return sections


def _families(report: Report) -> Section:
    rows = [
        (name, f"{family.weight:.1%}", percent(family.probability),
         ", ".join(map(percent, family.members)))
        for name, family in sorted(report.families.items(), key=lambda item: -item[1].weight)
        if family.probability is not None
    ]  # fmt: skip
    head = ("Kind of network", "Weight", "Probability", "Single networks")
    blocks: list[Block] = [Table(f"Person {report.decided_by}", head, tuple(rows))]
    decides = next(each for each in report.people if each.id == report.decided_by)
    if words := agreement(report, decides):
        blocks.append(Text(words))
    if report.model.combiner in VOTES:
        blocks.append(Text(VOTES[report.model.combiner], "quiet"))
    if report.other_votes:
        others = tuple(
            (vote_words(vote.name), VERDICTS[vote.verdict], percent(vote.probability),
             "its own" if vote.calibrated else "the bundle's")
            for vote in report.other_votes
        )  # fmt: skip
        head = ("Vote", "Verdict", "Probability", "Calibration")
        blocks.append(Table("What it would be called by another vote", head, others))
    return Section("Families", tuple(blocks))


def _heat_maps(analysis: Analysis) -> Section:
    report = analysis.report
    blocks: list[Block] = [Text(NOTE, "quiet")]
    people = {person.id: person for person in report.people}
    for explained in report.explanation.frames:
        person = people.get(explained.person)
        if person is None:
            continue
        shown = _explained(analysis, explained, person)
        if person.id == report.decided_by:
            blocks += shown
        else:
            words = f"Person {person.id} at {clock(explained.time_s)}: see the HTML report."
            blocks.append(Detail(tuple(shown), words))
    blocks.append(Text(f"Method: {report.explanation.method}.", "quiet"))
    return Section("Heat maps", tuple(blocks))


def _explained(analysis: Analysis, explained: ExplainedFrame, person: Person) -> list[Block]:
    report = analysis.report
    box = box_of(report, person.id, explained.frame) or person.box_of_best
    shown = dict(pictures.maps(analysis, person.id, explained.frame, box))
    order = [ENSEMBLE, *report.families]
    strip = [shown[name] for name in sorted(shown, key=lambda n: order.index(n))]
    plain = pictures.before(analysis, person.id, explained.frame, box)
    strip = [plain, *strip] if plain else strip
    words = f"Person {person.id}"
    if report.input.kind == "video":
        words += f" at {clock(explained.time_s)} (frame {explained.frame})"
    blocks: list[Block] = [
        Pictures(tuple(strip), words) if strip else Text(f"{words}: the pictures were not kept.")
    ]
    if person.verdict == "real":
        blocks.append(Text(NO_EVIDENCE, "warning"))
    if explained.regions:
        blocks.append(_regions(explained, [name for name in order if name in explained.regions]))
    said = []
    if explained.agreement is not None:
        said.append(
            f"Agreement between the families' maps: a correlation of {explained.agreement:.2f}, "
            "where 1 is the same map and 0 none in common."
        )
    if explained.deletion:
        said.append(_deleted(explained.deletion))
    return [*blocks, Bullets(tuple(said))] if said else blocks


def _regions(explained: ExplainedFrame, names: list[str]) -> Table:
    regions = list(dict.fromkeys(part for name in names for part in explained.regions[name]))
    rows = tuple(
        (
            TOGETHER if name == ENSEMBLE else name,
            *(f"{explained.regions[name].get(part, 0):.0%}" for part in regions),
        )
        for name in names
    )
    return Table("Share of the heat by part of the face", ("Map", *regions), rows)


def _deleted(deletion: Deletion) -> str:
    return (
        f"Deletion test: blanking the hottest {deletion.share:.0%} of the face changes the "
        f"probability by {deletion.hottest:+.2f}; blanking as much elsewhere by "
        f"{deletion.random:+.2f} (mean of {deletion.draws} draws)."
    )


def _stability(report: Report) -> Section:
    found = report.stability
    names = {name: damage.words for name, damage in DAMAGES.items()}
    drawing = charts.range_drawing(found, report.threshold, names)
    words = (
        f"{found.frames} frames of person {found.person}, scored again after damage as copies "
        f"suffer it: {percent(found.low)} to {percent(found.high)}."
    )
    flips = [names.get(name, name) for name in found.flips_under]
    said = f"The verdict flips under: {', '.join(flips)}." if flips else "No damage flips it."
    tone = "warning" if flips else ""
    return Section("Stability", (Text(words), Chart(drawing), Text(said, tone)))
