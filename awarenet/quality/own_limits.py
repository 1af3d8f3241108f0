"""What a verdict of one bundle in particular cannot tell, beside the `LIMITS` of any."""

from __future__ import annotations

from collections.abc import Iterator

OWN_LIMITS = {
    "trained_on": "These networks know only what they were trained on: {data}.",
    "rates": "At a threshold of {threshold:.2f}, {false_alarms:.0%} of genuine and {detected:.0%} "
    "of manipulated examples reached it; measured on {data}.",
}


def own_limits(
    trained_on: str, rates: tuple[float, float, float] | None, measured_on: str
) -> Iterator[tuple[str, dict[str, object]]]:
    """Give these sentences, each as one of `OWN_LIMITS` and the values to put into it.

    Args:
        trained_on: The bundle's own words on its training data; empty: it has none.
        rates: Threshold, share of genuine and share of fake examples at or above it, each 0..1;
            None where it was not measured.
        measured_on: The bundle's own words on the data behind `rates`.
    """
    if trained_on:
        yield OWN_LIMITS["trained_on"], {"data": _unstopped(trained_on)}
    if rates is not None:
        threshold, false_alarms, detected = rates
        yield (
            OWN_LIMITS["rates"],
            {
                "threshold": threshold,
                "false_alarms": false_alarms,
                "detected": detected,
                "data": _unstopped(measured_on),
            },
        )


def _unstopped(text: str) -> str:
    return text.strip().rstrip(".")
