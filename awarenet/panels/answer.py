"""The answer: words, icon, figures with their margin, then what weakens them."""

from __future__ import annotations

from html import escape

from awarenet.panels.bars import spoken
from awarenet.printable import shown
from awarenet.report import Report
from awarenet.view import NO_ANSWER, VERDICTS, bar, caption, card, head, listed, percent
from awarenet.words import ENGLISH, Words

FOUND = {
    "fake": "The networks found traces of manipulation in {who}. Look closer before you rely on "
    "it.",
    "real": "The networks found no trace of manipulation in {who}. This does not prove the clip "
    "genuine.",
    "inconclusive": "The networks cannot tell for {who}: the interval reaches across the "
    "threshold.",
}
CREDENTIALS = {  # state -> words
    "trusted": "The file carries Content Credentials, signed by somebody on the trust list.",
    "valid": "The file carries Content Credentials that fit it. Who signed them is not on the "
    "trust list.",
    "invalid": "The file carries Content Credentials that do not fit it: it was changed after "
    "they were signed, or they are forged.",
}
OUTSIDE = (
    "{who} is unlike the faces these networks were trained on, so their opinion is not worth "
    "a verdict."
)


def verdict_card(report: Report, say: Words = ENGLISH) -> str:
    """Build the answer; a report without a verdict never shows a number."""
    warnings = listed((say.notice(each) for each in report.warnings), "aw-warnings")
    if report.status != "ok":
        what, advice = NO_ANSWER[report.status]
        title = say("No answer: {what}", what=say(what))
        return card("none", head("none", title, say(advice)) + warnings + _about(report, say))
    body = _credentials(report, say)
    body += head(report.verdict, say(VERDICTS[report.verdict]), explained(report, say))
    body += _scale(report, say) + _figures(report, say) + _error_rates(report, say)
    return card(report.verdict, body + warnings + _about(report, say))


def working_card(name: str, say: Words = ENGLISH) -> str:
    """Build what stands in the place of the answer while there is none yet."""
    title = escape(say("Analyzing"))
    return card("working", f"<h3>{title}</h3><p class='aw-caption'>{escape(shown(name))}</p>")


def forming_card(name: str, probability: float, faces: int, say: Words = ENGLISH) -> str:
    """Build what stands there once the first faces are judged; it is no verdict."""
    words = say(
        "So far {probability}, after {faces} faces. This is not the answer yet.",
        probability=percent(probability),
        faces=faces,
    )
    rail = f'<div class="aw-forming">{bar(probability)}</div>'
    title = escape(say("Analyzing"))
    body = f"<h3>{title}</h3><p class='aw-caption'>{escape(shown(name))}</p>{rail}{caption(words)}"
    return card("working", body)


def progress(stage: str, done: int, total: int, say: Words = ENGLISH) -> str:
    """Build the line that says which stage runs and how far it is."""
    words = escape(say("{stage}: {done} of {total}", stage=say(stage), done=done, total=total))
    return (
        f'<div class="aw-progress"><span aria-live="polite">{words}</span>'
        f'<div class="aw-bar" role="progressbar" aria-label="{words}" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{done}">'
        f'<i style="width:{done / max(total, 1):.0%}"></i></div></div>'
    )


def kept_note(report: Report, say: Words = ENGLISH) -> str:
    """Build the line under which an answer stands that was given before."""
    words = say(
        "Worked out on {date}, from the same file, by the same model, with the same settings.",
        date=report.created[:16].replace("T", " ") + " UTC",
    )
    return caption(words)


def stopping(say: Words = ENGLISH) -> str:
    """Build the line that stands there from Stop until the run has ended."""
    words = escape(say("Stopping …"))
    return f'<div class="aw-progress"><span aria-live="polite">{words}</span></div>'


def stopped_card(say: Words = ENGLISH) -> str:
    """Build what stands in the place of the answer after Stop."""
    return card("", f"<h3>{escape(say('Stopped'))}</h3>{caption(say('There is no answer.'))}")


def failed_card(message: str, say: Words = ENGLISH) -> str:
    """Build what stands in the place of the answer where there is not even a report."""
    return card("none", head("none", say("No answer"), message))


def welcome_card(say: Words = ENGLISH) -> str:
    """Build what stands in the place of the answer before there is one."""
    steps = (
        say("Every person in the clip is found and followed."),
        say("Each face is judged by several networks of different kinds."),
        say(
            "You see how far they agree, when and where they found something, and what they "
            "cannot tell."
        ),
    )
    items = "".join(f"<li>{escape(step)}</li>" for step in steps)
    title = escape(say("The answer appears here"))
    return card("", f"<h3>{title}</h3><ol class='aw-steps'>{items}</ol>")


def _credentials(report: Report, say: Words) -> str:
    """Say first what was signed for, where a file carries that; the networks have no part in it."""
    if report.provenance is None or report.provenance.credentials is None:
        return ""
    words = say(CREDENTIALS.get(report.provenance.credentials.state, ""))
    return f'<p class="aw-signed">{escape(words)} {escape(say("See Provenance."))}</p>'


def explained(report: Report, say: Words = ENGLISH) -> str:
    """Say in one or two sentences what a verdict rests on."""
    who = say("this face")
    if len(report.people) > 1:
        who = say(
            "person {number}, the most suspicious of {count} people",
            number=report.decided_by,
            count=len(report.people),
        )
        if report.probability < max(each.probability for each in report.people):
            who = say(
                "person {number}, the most suspicious whom the networks can judge",
                number=report.decided_by,
            )
    decides = next(each for each in report.people if each.id == report.decided_by)
    if decides.competence and decides.competence.outside:
        text = say(OUTSIDE, who=who)
        return text[:1].upper() + text[1:]
    return say(FOUND[report.verdict], who=who)


def _scale(report: Report, say: Words) -> str:
    """Draw probability, interval and threshold on one rail from 0 to 100%."""
    low, high = report.interval
    label = spoken(report, say)
    at = report.threshold * 100
    mark = escape(say("threshold {threshold}", threshold=percent(report.threshold)))
    ends = f"<span>0% · {say('genuine')}</span><span>100% · {say('manipulated')}</span>"
    return (
        f'<div class="aw-scale" role="img" aria-label="{escape(label)}"><div class="aw-rail">'
        f'<i class="aw-band" style="left:{low:.2%};width:{high - low:.2%}"></i>'
        f'<i class="aw-mark" style="left:{at:.2f}%"></i>'
        f'<span class="aw-mark-label" style="left:{at:.2f}%;transform:translateX(-{at:.0f}%)">'
        f"{mark}</span>"
        f'<i class="aw-point" style="left:{report.probability:.2%}"></i></div>'
        f'<div class="aw-ends">{ends}</div></div>'
    )


def _figures(report: Report, say: Words) -> str:
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in figures(report, say)
    )
    return f'<dl class="aw-facts">{cells}</dl>'


def figures(report: Report, say: Words = ENGLISH) -> tuple[tuple[str, str], ...]:
    """Name probability, interval and threshold of a verdict, each with its value."""
    low, high = report.interval
    share = report.settings.get("verdict", {}).get("confidence")
    span = say("{low} to {high}", low=percent(low), high=percent(high))
    return (
        (
            say("Probability" if report.calibrated else "Score (not calibrated)"),
            percent(report.probability),
        ),
        (say("{share} interval", share=f"{share:.0%}") if share else say("Interval"), span),
        (say("Threshold"), percent(report.threshold)),
    )


def _error_rates(report: Report, say: Words) -> str:
    """Say what the threshold means in people, where that was measured."""
    rates = report.error_rates
    if rates is None:
        return ""
    return caption(
        say(
            "At this threshold {alarms} of 100 genuine and {caught} of 100 manipulated examples "
            "of the test were called manipulated.",
            alarms=f"{100 * rates.false_alarm_rate:.0f}",
            caught=f"{100 * rates.detection_rate:.0f}",
        )
    )


def _about(report: Report, say: Words) -> str:
    """Name what was judged, so that an answer is never read for another file."""
    source, model = report.input, report.model
    words = [source.name]
    if source.width and source.height:
        words.append(f"{source.width} × {source.height} px")
    if source.kind == "video" and source.duration_s is not None:
        words.append(say("{seconds} s long", seconds=f"{source.duration_s:.1f}"))
    if source.frames_analyzed == 1:
        words.append(say("1 frame analyzed"))
    elif source.frames_analyzed:
        words.append(say("{frames} frames analyzed", frames=source.frames_analyzed))
    words += [
        say("model {name}, {members} networks", name=model.name, members=model.members),
        say("took {seconds} s", seconds=f"{report.timing_s.total:.1f}"),
    ]
    return f'<p class="aw-meta">{escape(" · ".join(words))}</p>'
