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
from awarenet.panels.people import indication
from awarenet.report import Deletion, ExplainedFrame, Person, Report
from awarenet.stability import DAMAGES
from awarenet.view import VERDICTS, clock, percent
from awarenet.words import Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis


def evidence_shown(analysis: Analysis, say: Words) -> list[Section]:
    """Give these sections, as far as the report has something to say in them."""
    report = analysis.report
    sections = []
    if report.people:
        sections.append(_families(report, say))
    if report.explanation and report.explanation.frames:
        sections.append(_heat_maps(analysis, say))
    if report.stability:
        sections.append(_stability(report, say))
    counted = next((person.blinks for person in report.people if person.blinks), None)
    if counted:
        said = [Text(indication(report, counted, say))]
        if times := ", ".join(clock(blink.time_s) for blink in counted.blinks):
            said.append(Text(say("Blinks at {times}.", times=times)))
        sections.append(Section(say("Blinks"), tuple(said)))
    return sections


def _families(report: Report, say: Words) -> Section:
    rows = [
        (name, f"{family.weight:.1%}", percent(family.probability),
         ", ".join(map(percent, family.members)))
        for name, family in sorted(report.families.items(), key=lambda item: -item[1].weight)
        if family.probability is not None
    ]  # fmt: skip
    head = (
        say("Kind of network"), say("Weight in the vote"), say("Probability"),
        say("Single networks"),
    )  # fmt: skip
    who = say("Person {number}", number=report.decided_by)
    blocks: list[Block] = [Table(who, head, tuple(rows))]
    decides = next(each for each in report.people if each.id == report.decided_by)
    if words := agreement(report, decides, say):
        blocks.append(Text(words))
    if report.model.combiner in VOTES:
        blocks.append(Text(say(VOTES[report.model.combiner]), "quiet"))
    if report.other_votes:
        others = tuple(
            (vote_words(vote.name, say), say(VERDICTS[vote.verdict]), percent(vote.probability),
             say("its own" if vote.calibrated else "the bundle's"))
            for vote in report.other_votes
        )  # fmt: skip
        head = (say("Vote"), say("Verdict"), say("Probability"), say("Calibration"))
        blocks.append(Table(say("If they voted in another way"), head, others))
    return Section(say("Families"), tuple(blocks))


def _heat_maps(analysis: Analysis, say: Words) -> Section:
    report = analysis.report
    blocks: list[Block] = [Text(say(NOTE), "quiet")]
    people = {person.id: person for person in report.people}
    for explained in report.explanation.frames:
        person = people.get(explained.person)
        if person is None:
            continue
        shown = _explained(analysis, explained, person, say)
        if person.id == report.decided_by:
            blocks += shown
        else:
            words = say(
                "Person {number} at {time}: see the HTML report.",
                number=person.id,
                time=clock(explained.time_s),
            )
            blocks.append(Detail(tuple(shown), words))
    blocks.append(Text(say("Method: {name}.", name=report.explanation.method), "quiet"))
    return Section(say("Heat maps"), tuple(blocks))


def _explained(
    analysis: Analysis, explained: ExplainedFrame, person: Person, say: Words
) -> list[Block]:
    report = analysis.report
    box = box_of(report, person.id, explained.frame) or person.box_of_best
    shown = dict(pictures.maps(analysis, person.id, explained.frame, box, say))
    order = [ENSEMBLE, *report.families]
    strip = [shown[name] for name in sorted(shown, key=lambda n: order.index(n))]
    plain = pictures.before(analysis, person.id, explained.frame, box, say)
    strip = [plain, *strip] if plain else strip
    words = say("Person {number}", number=person.id)
    if report.input.kind == "video":
        words = say(
            "Person {number} at {time} (frame {frame})",
            number=person.id,
            time=clock(explained.time_s),
            frame=explained.frame,
        )
    blocks: list[Block] = [
        Pictures(tuple(strip), words)
        if strip
        else Text(say("{who}: the pictures were not kept.", who=words))
    ]
    if person.verdict == "real":
        blocks.append(Text(say(NO_EVIDENCE), "warning"))
    if explained.regions:
        names = [name for name in order if name in explained.regions]
        blocks.append(_regions(explained, names, say))
    said = []
    if explained.agreement is not None:
        said.append(
            say(
                "Agreement between the families' maps: a correlation of {figure}, where 1 is the "
                "same map and 0 none in common.",
                figure=f"{explained.agreement:.2f}",
            )
        )
    if explained.deletion:
        said.append(_deleted(explained.deletion, say))
    return [*blocks, Bullets(tuple(said))] if said else blocks


def _regions(explained: ExplainedFrame, names: list[str], say: Words) -> Table:
    regions = list(dict.fromkeys(part for name in names for part in explained.regions[name]))
    rows = tuple(
        (
            say(TOGETHER) if name == ENSEMBLE else name,
            *(f"{explained.regions[name].get(part, 0):.0%}" for part in regions),
        )
        for name in names
    )
    head = (say("Map"), *map(say, regions))
    return Table(say("Share of the heat by part of the face"), head, rows)


def _deleted(deletion: Deletion, say: Words) -> str:
    return say(
        "Deletion test: blanking the hottest {share} of the face changes the probability by "
        "{hottest}; blanking as much elsewhere by {random} (mean of {draws} draws).",
        share=f"{deletion.share:.0%}",
        hottest=f"{deletion.hottest:+.2f}",
        random=f"{deletion.random:+.2f}",
        draws=deletion.draws,
    )


def _stability(report: Report, say: Words) -> Section:
    found = report.stability
    names = {name: say(damage.words) for name, damage in DAMAGES.items()}
    drawing = charts.range_drawing(found, report.threshold, names, say)
    words = say(
        "{frames} frames of person {number}, scored again after damage as copies suffer it: {low} "
        "to {high}.",
        frames=found.frames,
        number=found.person,
        low=percent(found.low),
        high=percent(found.high),
    )
    flips = say.listed(names.get(name, name) for name in found.flips_under)
    if flips:
        said = say("The verdict flips under: {names}.", names=flips)
    else:
        said = say("The verdict does not flip under any of these.")
    tone = "warning" if flips else ""
    return Section(say("Stability"), (Text(words), Chart(drawing), Text(said, tone)))
