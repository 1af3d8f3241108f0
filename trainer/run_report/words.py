"""How numbers are written; what is missing is a dash, never a zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from trainer.plots.figures import Measured, measured
from trainer.run_report.page import Value

NAMES = {  # of figures, as metrics.json calls them
    "auc": "AUC",
    "ap": "average precision",
    "eer": "EER",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "all_fake_f1": "F1 of “all fake”",
    "log_loss": "log-loss, nats",
    "nll": "log-loss, nats",
    "brier": "Brier",
    "ece": "ECE",
    "tpr_at_fpr_1": "detected at 1 % false alarms",
    "tpr_at_fpr_5": "detected at 5 % false alarms",
}
GROUPS = {"by_method": "by method", "by_compression": "by compression", "by_face_px": "face, px"}


def figure_cell(figure: Mapping | float | None, digits: int = 3, *, sign: bool = False) -> Value:
    """Write a figure with its interval below it."""
    found = measured(figure)
    if not found.is_there:
        return Value("–")
    if _of_one(figure):
        return Value(_number(found.value, digits, sign), "one person")
    ends = [_number(end, digits, sign) for end in (found.low, found.high)]
    between = (" to " if sign or found.low < 0 else "–").join(ends)
    return Value(_number(found.value, digits, sign), between if found.arms else "")


def share(figure: Mapping | None) -> Value:
    """Write a rate as a percentage, with its interval below it."""
    found = measured(figure)
    if not found.is_there:
        return Value("–")
    between = f"{found.low:.1%}–{found.high:.1%}" if found.arms else ""
    between = "one person" if _of_one(figure) else between
    return Value(f"{found.value:.1%}", between)


def in_words(found: Measured, *, sign: bool = False) -> str:
    """Write a figure with its interval in one line, for alt texts and sentences."""
    if not found.is_there:
        return "not measured"
    value, low, high = (_number(part, 3, sign) for part in found)
    return f"{value} ({low} to {high})" if found.arms else value


def count(number: object) -> str:
    """Write a count."""
    return f"{number:,}" if isinstance(number, int) else "–"


def listed(names: Iterable[str]) -> str:
    """Join names with commas and an `and`."""
    *most, last = list(names) or ["none"]
    return f"{', '.join(most)} and {last}" if most else last


def name_of(figure: str) -> str:
    """What a figure is called in a table."""
    return NAMES.get(figure, figure.replace("_", " "))


def sentence(words: str) -> str:
    """Begin with a capital letter, and write out figures that are called as in metrics.json."""
    for key, name in (NAMES | GROUPS).items():
        if "_" in key:
            words = words.replace(f"{key} ", f"“{name}” ")
    return words[:1].upper() + words[1:]


def _of_one(figure: Mapping | float | None) -> bool:
    """Whether a figure is of one person, so that no interval over people can be had."""
    return isinstance(figure, Mapping) and figure.get("people") == 1


def _number(value: float, digits: int, sign: bool) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}"
