"""The vote: each family's weight and probability, how far they agree, and what other votes say."""

from __future__ import annotations

from html import escape

from awarenet.report import Person, Report
from awarenet.view import bar, caption, chip, percent, table
from awarenet.words import ENGLISH, Words

NOTE = (
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
OTHER_VOTES = {  # what `OtherVote.name` begins with -> words
    "mean": "plain mean of all networks",
    "hard": "majority of the networks",
    "soft": "families by weights that a search found",
    "stack": "forest of decision trees",
    "two_tier": "learned weights of the families",
}
CHOICES = {  # what it ends with
    "best": "of the two best families",
    "smallest": "of the two smallest families",
    "all": "",
}


def vote(report: Report, person: Person, say: Words = ENGLISH) -> str:
    """Build the table of families for one person, then how far they agree."""
    rows, votes = [], dict(zip(person.families, person.members, strict=False))
    for name, family in report.families.items():
        if name not in person.families:  # left out, as it could not have changed the verdict
            continue
        probability, members = person.families[name], votes.get(name, [])
        each = ", ".join(percent(p) for p in members)
        marks = f' <span class="aw-small">{escape(say("networks"))}: {each}</span>' if each else ""
        rows.append(
            (
                -family.weight,
                [
                    escape(name),
                    f'{bar(family.weight)}<span class="aw-number">{percent(family.weight)}</span>',
                    f"{bar(probability, members)}"
                    f'<span class="aw-number">{percent(probability)}</span>{marks}',
                ],
            )
        )
    rows.sort(key=lambda row: row[0])
    columns = [say("Kind of network"), say("Weight in the vote"), say("Probability")]
    words = [agreement(report, person, say), say(VOTES.get(report.model.combiner, "")), say(NOTE)]
    return table(columns, [row for _, row in rows]) + "".join(map(caption, filter(None, words)))


def agreement(report: Report, person: Person, say: Words = ENGLISH) -> str:
    """Say in a sentence how many families are of the ensemble's opinion on a person."""
    fake = person.probability >= report.threshold
    same = sum((p >= report.threshold) == fake for p in person.families.values())
    count = len(person.families)
    if count < 2:
        return ""
    if same == count:
        return say("All {count} families lie on the same side of the threshold.", count=count)
    return say(
        "{apart} of {count} families disagree with the answer: they lie on the other side of the "
        "threshold.",
        apart=count - same,
        count=count,
    )


def vote_words(name: str, say: Words = ENGLISH) -> str:
    """Name a way to vote: `hard_best` is the majority of the networks, of the two best families."""
    if name in OTHER_VOTES:
        return say(OTHER_VOTES[name])
    way, _, choice = name.partition("_")
    words = say(OTHER_VOTES.get(way, name))
    return say.listed([words, say(CHOICES[choice])]) if CHOICES.get(choice) else words


def other_votes(report: Report, say: Words = ENGLISH) -> str:
    """Build the table of what the clip would be called if the networks voted in another way."""
    if not report.other_votes:
        return ""
    rows = []
    for other in report.other_votes:
        words = vote_words(other.name, say)
        note = "" if other.calibrated else f' <span class="aw-small">{say("not calibrated")}</span>'
        number = f'<span class="aw-number">{percent(other.probability)}</span>{note}'
        rows.append([escape(words), bar(other.probability) + number, chip(other.verdict, say)])
    title = escape(say("If they voted in another way"))
    columns = [say("Vote"), say("Probability"), say("Verdict")]
    return f"<h3 class='aw-part'>{title}</h3>" + table(columns, rows)


def engine(report: Report, say: Words = ENGLISH) -> str:
    """Say what the networks ran on, and why."""
    if not report.runtime:
        return ""
    return caption(say("The networks ran on: {what}", what=report.runtime))
