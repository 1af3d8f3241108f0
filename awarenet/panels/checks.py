"""What else speaks for or against an answer: stability under damage, and where the file is from."""

from __future__ import annotations

from html import escape

from awarenet.panels import charts
from awarenet.panels.answer import CREDENTIALS
from awarenet.report import Provenance, Report
from awarenet.stability import DAMAGES
from awarenet.view import caption, listed, percent
from awarenet.words import ENGLISH, Words


def stability(report: Report, say: Words = ENGLISH) -> str:
    """Build the chart of what damage does to the answer, and say where it flips."""
    found = report.stability
    if found is None:
        return caption(say("Not tested. Switch it on under Settings and analyze again."))
    if found.flips_under:
        names = say.listed(say(DAMAGES[name].words) for name in found.flips_under)
        words = say("The verdict flips under: {names}.", names=names)
    else:
        words = say("The verdict does not flip under any of these.")
    span = say(
        "Person {number}, {frames} frames: {low} to {high}.",
        number=found.person,
        frames=found.frames,
        low=percent(found.low),
        high=percent(found.high),
    )
    named = {name: say(damage.words) for name, damage in DAMAGES.items()}
    return charts.range_bars(found, report.threshold, named, say) + caption(span) + caption(words)


def provenance(report: Report, say: Words = ENGLISH) -> str:
    """Say where the file says it is from: apart from the networks, and before their opinion."""
    found = report.provenance
    if found is None:
        return caption(say("Not read."))
    title = escape(say("Content Credentials"))
    body = f"<h3 class='aw-part'>{title}</h3>" + _credentials(found, say)
    rows = "".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in found.container.items()
    )
    body += f"<h3 class='aw-part'>{escape(say('What the file says of itself'))}</h3>"
    body += listed(remarks(found, say), "aw-remarks")
    body += f'<dl class="aw-container">{rows}</dl>' if rows else ""
    return body + caption(
        say("None of this is part of the probability. Metadata is easily changed or lost.")
    )


def remarks(found: Provenance, say: Words = ENGLISH) -> list[str]:
    """Say what stands out in what a file says of itself."""
    known = {each.message: each for each in found.notices}
    return [say.notice(known[text]) if text in known else say(text) for text in found.remarks]


def _credentials(found: Provenance, say: Words) -> str:
    signed = found.credentials
    if signed is None:
        if not found.looked_for_credentials:
            return caption(say("Not looked for: c2pa-python is not installed."))
        return caption(say("The file carries none. Most genuine files carry none either."))
    words = [say(CREDENTIALS.get(signed.state, signed.state))]
    if signed.signed_by:
        words.append(say("Signed by {name}.", name=signed.signed_by))
    if signed.signed_at:
        words.append(say("Signed at {time}.", time=signed.signed_at))
    if signed.made_with:
        words.append(say("Made with {name}.", name=signed.made_with))
    if signed.ai_generated:
        words.append(say("It says that it was made by a generative model."))
    if signed.actions:
        words.append(say("Actions: {actions}.", actions=", ".join(signed.actions)))
    if signed.problems:
        words.append(say("What did not verify: {codes}.", codes=", ".join(signed.problems)))
    return "".join(map(caption, words))
