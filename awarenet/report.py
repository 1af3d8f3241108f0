"""The report: everything there is to say about one input, as a value that becomes JSON.

`python -m awarenet.report [FILE]` writes its JSON schema, by default to `docs/report.schema.json`.
Numbers are rounded to six digits when a report is made, so Python and JSON see the same ones; NaN
and infinity are refused. A failure is never a score: where `status` is not `ok`, the verdict, the
probability and the interval are null.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

import awarenet

PACKAGES = ("torch", "timm", "numpy", "av", "opencv-python", "onnxruntime", "grad-cam")

Status = Literal[
    "ok", "no_face", "faces_too_small", "unreadable", "too_long", "too_large", "unsupported",
    "timeout", "error",
]  # fmt: skip
Verdict = Literal["fake", "real", "inconclusive"]

Number = Annotated[float, AfterValidator(lambda value: round(value, 6))]
Probability = Annotated[Number, Field(ge=0, le=1)]
Weight = Annotated[float, AfterValidator(lambda value: float(f"{value:.6g}")), Field(gt=0, le=1)]
Seconds = Annotated[Number, Field(ge=0)]
Interval = Annotated[tuple[Probability, Probability], Field(description="low, high")]
Box = Annotated[
    tuple[Number, Number, Number, Number],
    Field(description="x0, y0, x1, y1 in px of the upright frame; may reach past it"),
]


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


Text = Annotated[str, BeforeValidator(printable)]
FreeJson = Annotated[dict[str, object], BeforeValidator(json_safe)]


class _Part(BaseModel):
    """A frozen piece of the report that knows exactly its own fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


class Notice(_Part):
    """A warning: a code for programs, a sentence for people."""

    code: str
    message: Text


class Input(_Part):
    """The file that was looked at; null where it could not be read that far."""

    name: Text = Field(description="file name without its folder")
    sha256: str | None = None
    kind: Literal["video", "image"] | None = None
    duration_s: Seconds | None = None
    fps: Seconds | None = Field(None, description="0 for an image")
    width: int | None = Field(None, description="px, upright")
    height: int | None = Field(None, description="px, upright")
    codec: str | None = None
    rotation_deg: int | None = Field(None, description="already applied to width, height, boxes")
    frames_analyzed: int = Field(0, ge=0)


class Moment(_Part):
    """One scored frame of one person."""

    time_s: Seconds
    frame: int = Field(ge=0, description="index in the stream, from 0")
    box: Box
    face_px: Number = Field(description="longer side of the box")
    probability: Probability
    families: dict[str, Probability]
    members: list[list[Probability]] = Field(description="families in the order of `families`")


class Blink(_Part):
    """Lids that went down and up again."""

    time_s: Seconds = Field(description="when they were lowest")
    duration_s: Seconds


class EyeMoment(_Part):
    """How far a person's eyes were open."""

    time_s: Seconds
    openness: Number | None = Field(
        description="mean height of the opening over its width, of both eyes; null: not to be told"
    )


class Blinks(_Part):
    """How often somebody blinked: an indication, and no part of the probability."""

    blinks: list[Blink]
    seconds: Number = Field(gt=0, description="for which both eyes were watched")
    per_minute: Seconds
    interval: tuple[Seconds, Seconds] = Field(description="low, high, of the rate a minute")
    timeline: list[EyeMoment]
    indication: str = Field(description="what it means, in a few sentences for people")


class Person(_Part):
    """One person of the clip."""

    id: int
    verdict: Verdict
    probability: Probability
    interval: Interval
    frames_seen: int = Field(ge=1)
    first_s: Seconds
    last_s: Seconds
    families: dict[str, Probability]
    box_of_best: Box = Field(description="where the face is largest")
    timeline: list[Moment]
    blinks: Blinks | None = Field(None, description="only of the person who decides, if asked for")


class Family(_Part):
    """One architecture: its share of the vote, and its vote on the person who decides."""

    weight: Weight
    probability: Probability | None = None
    members: list[Probability] = []


class ExplainedFrame(_Part):
    """One frame of one person that heat maps were made for."""

    person: int
    frame: int
    time_s: Seconds
    strength: dict[str, Probability] = Field(
        description="how strongly each map is shown: that family's probability in this frame, "
        "and the ensemble's"
    )


class Explanation(_Part):
    """Where the networks looked."""

    method: str
    layers: dict[str, str] = Field(description="family to the layer its map is taken from")
    frames: list[ExplainedFrame]


class Model(_Part):
    """The bundle that judged."""

    source: Text
    revision: str | None
    sha256: str = Field(description="of the bundle's config.json")
    name: str
    families: list[str]
    members: int = Field(ge=1, description="networks in all")
    combiner: str = Field("two_tier", description="how they vote; see combine.COMBINERS")
    trained_on: str
    metrics: FreeJson
    calibrated_on: str | None


class Timing(_Part):
    """Where the time went, seconds."""

    decode: Seconds = 0.0
    detect: Seconds = 0.0
    score: Seconds = 0.0
    explain: Seconds = 0.0
    blinks: Seconds = 0.0
    total: Seconds = 0.0


_NO_SCORE = {name: {"type": "null"} for name in ("verdict", "probability", "interval")}
_SCORE = {name: {"not": {"type": "null"}} for name in _NO_SCORE}


class Report(_Part):
    """What awarenet says about one input; all probabilities are calibrated P(fake)."""

    model_config = ConfigDict(
        title="awarenet.report/1",
        json_schema_extra={
            "if": {"properties": {"status": {"const": "ok"}}},
            "then": {"properties": _SCORE},
            "else": {"properties": _NO_SCORE},
        },
    )

    schema_id: Literal["awarenet.report/1"] = Field("awarenet.report/1", alias="schema")
    status: Status
    verdict: Verdict | None = None
    probability: Probability | None = None
    interval: Interval | None = None
    threshold: Probability
    calibrated: bool
    input: Input
    decided_by: int | None = Field(None, description="id of the person whose score this is")
    people: list[Person] = Field([], description="most suspicious first")
    families: dict[str, Family]
    stability: FreeJson | None = None
    explanation: Explanation | None = None
    provenance: FreeJson | None = None
    warnings: list[Notice] = []
    limits: list[str]
    model: Model
    settings: FreeJson
    timing_s: Timing = Timing()
    versions: dict[str, str]
    created: str = Field(description="UTC, ISO 8601")

    @model_validator(mode="after")
    def _agree(self) -> Report:
        """Hold the parts to each other: no score without status ok, no status ok without one."""
        score = (self.verdict, self.probability, self.interval, self.decided_by)
        if self.status != "ok":
            if any(part is not None for part in score) or self.people:
                raise ValueError(f"status {self.status!r} with a score; expected none")
        elif any(part is None for part in score):
            raise ValueError("status 'ok' without verdict, probability, interval or decided_by")
        elif self.decided_by not in {person.id for person in self.people}:
            raise ValueError(f"decided_by {self.decided_by}, who is not among the people")
        for each in (*self.people, *([self] if self.interval else [])):
            low, high = each.interval
            if not low <= each.probability <= high:
                raise ValueError(f"interval {low}..{high} does not hold {each.probability}")
        if abs(sum(family.weight for family in self.families.values()) - 1) > 1e-4:
            raise ValueError("family weights do not sum to 1")
        return self

    def to_dict(self) -> dict[str, object]:
        """Give the report as plain JSON data."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self, *, indent: int | None = None) -> str:
        """Give the report as JSON, in ASCII; on one line where `indent` is None."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


@functools.lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Give the versions of what can change a score, of those that are installed."""
    found = {"awarenet": awarenet.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def report_schema() -> dict[str, object]:
    """JSON schema (draft 2020-12) that every report's JSON is valid against."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(path: str | Path) -> None:
    """Write the JSON schema to a file, with a stable order and indent."""
    text = json.dumps(report_schema(), indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    default = Path(__file__).resolve().parent.parent / "docs" / "report.schema.json"
    write_schema(sys.argv[1] if len(sys.argv) > 1 else default)
