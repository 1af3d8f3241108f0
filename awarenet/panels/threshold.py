"""What a threshold means in people: how many genuine clips it flags, how many fakes it catches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awarenet.view import caption
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.bundle.config import Thresholds


def meaning(thresholds: Thresholds, threshold: float, say: Words = ENGLISH) -> str:
    """Say how often a threshold is wrong, by the bundle's own table.

    Args:
        thresholds: Of a bundle.
        threshold: 0..1.
        say: The reader's language.
    """
    below = [row for row in thresholds.table if row.threshold <= threshold + 1e-9]
    if not below:
        return caption(say("How often this threshold is wrong was not measured."))
    row = max(below, key=lambda row: row.threshold)
    words = say(
        "From {threshold}: of 100 genuine clips {alarms} are flagged, of 100 manipulated ones "
        "{caught} are caught.",
        threshold=f"{threshold:.0%}",
        alarms=f"{100 * row.false_alarm_rate:.0f}",
        caught=f"{100 * row.detection_rate:.0f}",
    )
    measured = say("Measured on {data}.", data=thresholds.fitted_on.rstrip("."))
    return caption(words) + caption(measured)
