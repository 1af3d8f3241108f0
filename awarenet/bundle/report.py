"""What a report says of the bundle that judged."""

from __future__ import annotations

from awarenet import report as parts
from awarenet.bundle import Bundle
from awarenet.quality import LIMITS
from awarenet.quality.own_limits import own_limits


def model_of(bundle: Bundle) -> parts.Model:
    """Name the bundle, its networks and how they vote."""
    config, ensemble = bundle.config, bundle.ensemble
    return parts.Model(
        source=bundle.source,
        revision=bundle.revision,
        sha256=bundle.sha256,
        name=config.name,
        families=list(ensemble.families),
        members=len(ensemble.families) * ensemble.members_per_family,
        combiner=config.combiner.name,
        trained_on=config.trained_on.text,
        metrics=config.metrics,
        calibrated_on=config.calibration.fitted_on if config.calibration else None,
    )


def limits_at(bundle: Bundle, threshold: float) -> list[str]:
    """Say what an answer of this bundle at this threshold cannot tell."""
    measured = error_rates_at(bundle, threshold)
    own = own_limits(
        bundle.config.trained_on.text,
        measured and (measured.threshold, measured.false_alarm_rate, measured.detection_rate),
        bundle.config.thresholds.fitted_on,
    )
    return [*LIMITS, *(template.format(**values) for template, values in own)]


def error_rates_at(bundle: Bundle, threshold: float) -> parts.ErrorRates | None:
    """Give the error rates at a threshold: those of the nearest measured one below it."""
    thresholds = bundle.config.thresholds
    below = [row for row in thresholds.table if row.threshold <= threshold]
    if not below:
        return None
    row = max(below, key=lambda row: row.threshold)
    return parts.ErrorRates(
        threshold=row.threshold,
        false_alarm_rate=row.false_alarm_rate,
        detection_rate=row.detection_rate,
        measured_on=thresholds.fitted_on,
    )
