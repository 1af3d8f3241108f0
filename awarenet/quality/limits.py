"""What no verdict can tell: of any bundle, and of one in particular."""

from __future__ import annotations

from collections.abc import Sequence

LIMITS = (  # what no verdict of this program can tell, whoever trained the bundle
    "A probability is the opinion of these networks, not a proof. Look for other evidence before "
    "you act on it.",
    "It looks for faces that were swapped or blended into a picture. It is blind to video that "
    "was generated as a whole, to voices, captions and anything that is not a face.",
    'A verdict of "real" means only that no trace it knows was found. Methods it was not trained '
    "on, strong compression and small faces hide them.",
    "Filters, make-up, scaling and poor recordings can look like a manipulation.",
    "The interval shows how far the networks and the frames disagree. It does not cover what all "
    "of them get wrong together, as on material unlike the training data.",
    "Heat maps show where the networks looked. They do not mark a forgery.",
)


def limits_of(
    trained_on: str,
    fitted_on: str,
    rates: Sequence[tuple[float, float, float]],
    threshold: float,
) -> list[str]:
    """Say plainly what a verdict cannot tell: any bundle's, and this one's in particular.

    Args:
        trained_on: The bundle's own words on its training data.
        fitted_on: The bundle's own words on the data behind `rates`.
        rates: Threshold, share of genuine and share of fake examples at or above it, each 0..1.
        threshold: The one in use.
    """
    lines = [*LIMITS]
    if trained_on:
        lines.append(f"These networks know only what they were trained on: {_sentence(trained_on)}")
    below = [rate for rate in rates if rate[0] <= threshold]
    if below:
        at, false_alarms, detected = max(below)
        lines.append(
            f"At a threshold of {at:.2f}, {false_alarms:.0%} of genuine and {detected:.0%} of "
            f"manipulated examples reached it; measured on {_sentence(fitted_on)}"
        )
    return lines


def _sentence(text: str) -> str:
    return text.strip().rstrip(".") + "."
