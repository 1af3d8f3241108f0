"""The part of a document that a reader needs to judge the answer, and to get it again.

Threshold and its error rates, limits, model, settings, versions, times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from awarenet.documents.blocks import Bullets, Facts, Section, Text
from awarenet.panels.families import vote_words
from awarenet.panels.surroundings import limits
from awarenet.report import ErrorRates, Model, Report
from awarenet.view import percent
from awarenet.words import Words


def background(report: Report, say: Words) -> list[Section]:
    """Give these sections."""
    at = percent(report.threshold)
    threshold = [Text(say("At {threshold} and above, a face is called manipulated.", threshold=at))]
    if report.error_rates:
        threshold += _rates(report.error_rates, say)
    worth = say(
        "The probability is calibrated: of the faces that get it, about that share is fake."
        if report.calibrated
        else "The score is not calibrated: it ranks faces, and is no chance."
    )
    threshold.append(Text(worth, "quiet"))
    return [
        Section(say("Threshold"), tuple(threshold)),
        Section(say("What this cannot tell"), (Bullets(tuple(limits(report, say))),)),
        Section(say("Model"), (Facts(_model(report.model, say)),)),
        Section(say("Settings"), (Facts(tuple(flat(report.settings)), small=True),)),
        Section(say("Versions and times"), (Facts(_run(report, say), small=True),)),
    ]


def flat(settings: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    """Name nested values as in `section.key`.

    >>> list(flat({"faces": {"min_score": 0.8}}))
    [('faces.min_score', '0.8')]
    """
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key}.")
        else:
            shown = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
            yield f"{before}{key}", shown or str(value)


def _rates(rates: ErrorRates, say: Words) -> list[Text]:
    words = say(
        "At {threshold}, {alarms} of 100 genuine and {caught} of 100 manipulated examples were "
        "called manipulated.",
        threshold=percent(rates.threshold),
        alarms=f"{100 * rates.false_alarm_rate:.0f}",
        caught=f"{100 * rates.detection_rate:.0f}",
    )
    return [Text(words), Text(say("Measured on {data}.", data=rates.measured_on.rstrip(".")))]


def _model(model: Model, say: Words) -> tuple[tuple[str, str], ...]:
    return (
        (say("Name"), model.name),
        (say("Source"), model.source),
        (say("Commit"), model.revision or say("none: not from the Hub")),
        (say("SHA-256 of its config.json"), model.sha256),
        (say("Families"), ", ".join(model.families)),
        (say("Networks"), str(model.members)),
        (say("Vote"), vote_words(model.combiner, say)),
        (say("Trained on"), model.trained_on),
        (say("Calibrated on"), model.calibrated_on or say("not calibrated")),
    )


def _run(report: Report, say: Words) -> tuple[tuple[str, str], ...]:
    spent = report.timing_s.model_dump()
    times = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in spent.items() if seconds)
    where = ((say("ran on"), report.runtime),) if report.runtime else ()
    made = (say("seconds"), times), (say("created"), report.created)
    return *report.versions.items(), *where, *made
