"""Many files in one table, and two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from awarenet.panels.answer import verdict_card
from awarenet.printable import shown
from awarenet.report import Report
from awarenet.view import NO_ANSWER, bar, caption, chip, percent, table
from awarenet.words import ENGLISH, Words


def batch_table(reports: Sequence[Report], waiting: Sequence[str], say: Words = ENGLISH) -> str:
    """Build the table of a batch: what was found so far, then the names of what waits."""
    rows = [_row(report, say) for report in reports]
    rows += [
        [escape(shown(name)), f'<span class="aw-small">{say("waiting")}</span>', ""]
        for name in waiting
    ]
    if not rows:
        return caption(say("Choose clips and pictures, then analyze all of them."))
    counts = {}
    for report in reports:
        what = report.verdict or "none"
        counts[what] = counts.get(what, 0) + 1
    words = say(
        "{done} of {count} done: {fake} likely manipulated, {unsure} inconclusive, {real} without "
        "a trace, {none} without an answer.",
        done=len(reports),
        count=len(rows),
        fake=counts.get("fake", 0),
        unsure=counts.get("inconclusive", 0),
        real=counts.get("real", 0),
        none=counts.get("none", 0),
    )
    columns = [say("File"), say("Verdict"), say("Probability")]
    return caption(words) + table(columns, rows, "aw-batch")


def compared(left: Report, right: Report, say: Words = ENGLISH) -> str:
    """Put two answers side by side, and say what is different about the files."""
    cells = "".join(f"<div>{verdict_card(each, say)}</div>" for each in (left, right))
    rows = [
        [escape(name), escape(str(a)), escape(str(b))] for name, a, b in _facts(left, right, say)
    ]
    columns = ["", shown(left.input.name), shown(right.input.name)]
    return f'<div class="aw-two">{cells}</div>{_difference(left, right, say)}' + table(
        columns, rows
    )


def _row(report: Report, say: Words) -> list[str]:
    name = escape(shown(report.input.name))
    if report.status != "ok":
        what, _ = NO_ANSWER[report.status]
        words = say("No answer: {what}", what=say(what))
        return [name, f'<span class="aw-small">{escape(words)}</span>', ""]
    low, high = report.interval
    span = escape(say("interval {low} to {high}", low=percent(low), high=percent(high)))
    number = f'<span class="aw-number">{percent(report.probability)}</span>'
    return [
        name,
        chip(report.verdict, say),
        f'{bar(report.probability, (low, high))}{number} <span class="aw-small">{span}</span>',
    ]


def _difference(left: Report, right: Report, say: Words) -> str:
    if left.input.sha256 and left.input.sha256 == right.input.sha256:
        return caption(say("Both files are the same, byte for byte."))
    if left.probability is None or right.probability is None:
        return ""
    apart = max(left.interval[0], right.interval[0]) > min(left.interval[1], right.interval[1])
    words = (
        say("The intervals do not overlap: the networks do see a difference.")
        if apart
        else say("The intervals overlap: the difference may be chance.")
    )
    return caption(words)


def _facts(left: Report, right: Report, say: Words) -> list[tuple[str, object, object]]:
    both = left.input, right.input
    facts = [
        (say("Picture"), *(f"{each.width} × {each.height} px" for each in both)),
        (say("Length"), *(f"{each.duration_s or 0:.1f} s" for each in both)),
        (say("Frame rate"), *(f"{each.fps or 0:.2f}" for each in both)),
        (say("Codec"), *(each.codec for each in both)),
        (say("People"), len(left.people), len(right.people)),
        ("SHA-256", *((each.sha256 or "")[:16] for each in both)),
    ]
    return facts
