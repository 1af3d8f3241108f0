"""Reading figures with intervals as metrics.json holds them: any part may be missing or NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

Figure = Mapping[str, float | int | None]


class Measured(NamedTuple):
    """A value and its 95 % interval; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def is_there(self) -> bool:
        """Whether anything was measured."""
        return math.isfinite(self.value)

    @property
    def arms(self) -> tuple[float, float] | None:
        """Length of the interval below and above the value, or None where there is none."""
        if not (self.is_there and math.isfinite(self.low) and math.isfinite(self.high)):
            return None
        return max(self.value - self.low, 0.0), max(self.high - self.value, 0.0)


def number(value: object) -> float:
    """Read one number: NaN for None and for what is none."""
    return float(value) if isinstance(value, int | float) else math.nan


def measured(figure: Figure | float | None) -> Measured:
    """Read a figure, a bare number, or nothing; of one person there is no interval over people."""
    if isinstance(figure, Mapping):
        if figure.get("people") == 1:
            return Measured(number(figure.get("value")))
        return Measured(*(number(figure.get(key)) for key in ("value", "low", "high")))
    return Measured(number(figure))
