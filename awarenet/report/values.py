"""What the numbers and texts of a report are: ranges, units, rounding."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Status = Literal[
    "ok", "no_face", "faces_too_small", "unreadable", "too_long", "too_large", "unsupported",
    "timeout", "error",
]  # fmt: skip
Verdict = Literal["fake", "real", "inconclusive"]


def printable(text: str) -> str:
    """Replace what is no Unicode, as in the name of a file from another system."""
    return text.encode("utf-8", "replace").decode("utf-8")


def json_safe(value: object) -> object:
    """Copy JSON-like data with floats rounded to 6 digits; NaN and infinity become None."""
    if isinstance(value, dict):
        return {printable(str(key)): json_safe(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(entry) for entry in value]
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


Number = Annotated[float, AfterValidator(lambda value: round(value, 6))]
Probability = Annotated[Number, Field(ge=0, le=1)]
Change = Annotated[Number, Field(ge=-1, le=1, description="of a probability")]
Weight = Annotated[float, AfterValidator(lambda value: float(f"{value:.6g}")), Field(gt=0, le=1)]
Seconds = Annotated[Number, Field(ge=0)]
Interval = Annotated[tuple[Probability, Probability], Field(description="low, high")]
Box = Annotated[
    tuple[Number, Number, Number, Number],
    Field(description="x0, y0, x1, y1 in px of the upright frame; may reach past it"),
]
Text = Annotated[str, BeforeValidator(printable)]
FreeJson = Annotated[dict[str, object], BeforeValidator(json_safe)]


class Part(BaseModel):
    """A frozen piece of the report that knows exactly its own fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


class Notice(Part):
    """A warning or a remark: a code for programs, a sentence for people."""

    code: str
    message: Text
    values: FreeJson = Field({}, description="what the sentence names, for other languages")
