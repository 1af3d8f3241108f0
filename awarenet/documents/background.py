"""The part of a document that a reader needs to judge the answer, and to get it again.

Threshold and its error rates, limits, model, settings, versions, times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from awarenet.documents.blocks import Bullets, Facts, Section, Text
from awarenet.report import ErrorRates, Model, Report
from awarenet.view import percent

PROBABILITY = "The probability is calibrated: of the faces that get it, about that share is fake."
SCORE = "The score is not calibrated: it ranks faces, and is no chance."


def background(report: Report) -> list[Section]:
    """Give these sections."""
    threshold = [Text(f"At {percent(report.threshold)} and above, a face is called manipulated.")]
    if report.error_rates:
        threshold.append(Text(_rates(report.error_rates)))
    threshold.append(Text(PROBABILITY if report.calibrated else SCORE, "quiet"))
    return [
        Section("Threshold", tuple(threshold)),
        Section("What this cannot tell", (Bullets(tuple(report.limits)),)),
        Section("Model", (Facts(_model(report.model)),)),
        Section("Settings", (Facts(tuple(flat(report.settings)), small=True),)),
        Section("Made with", (Facts(_run(report), small=True),)),
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


def _rates(rates: ErrorRates) -> str:
    return (
        f"At {percent(rates.threshold)}, {100 * rates.false_alarm_rate:.0f} of 100 genuine and "
        f"{100 * rates.detection_rate:.0f} of 100 manipulated examples were called manipulated. "
        f"Measured on {rates.measured_on}."
    )


def _model(model: Model) -> tuple[tuple[str, str], ...]:
    return (
        ("Name", model.name),
        ("Source", model.source),
        ("Commit", model.revision or "none: not from the Hub"),
        ("SHA-256 of its config.json", model.sha256),
        ("Families", ", ".join(model.families)),
        ("Networks", str(model.members)),
        ("Vote", model.combiner.replace("_", " ")),
        ("Trained on", model.trained_on),
        ("Calibrated on", model.calibrated_on or "nothing"),
    )


def _run(report: Report) -> tuple[tuple[str, str], ...]:
    spent = report.timing_s.model_dump()
    times = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in spent.items() if seconds)
    return (*report.versions.items(), ("seconds", times), ("created", report.created))
