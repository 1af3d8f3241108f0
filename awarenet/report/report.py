"""The report: everything there is to say about one input, as a value that becomes JSON."""

from __future__ import annotations

import contextlib
import functools
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

import awarenet
from awarenet.report.checks import Explanation, OtherVote, Provenance, Stability
from awarenet.report.people import Person
from awarenet.report.values import (
    FreeJson,
    Interval,
    Notice,
    Number,
    Part,
    Probability,
    Seconds,
    Status,
    Text,
    Verdict,
    Weight,
)

PACKAGES = ("torch", "timm", "numpy", "av", "opencv-python", "onnxruntime", "openvino", "grad-cam")


class Input(Part):
    """The file that was looked at; null where it could not be read that far."""

    name: Text = Field(description="file name without its folder")
    sha256: str | None = None
    kind: Literal["video", "image"] | None = None
    duration_s: Seconds | None = None
    fps: Seconds | None = Field(None, description="0 for an image")
    width: int | None = Field(None, description="px, upright")
    height: int | None = Field(None, description="px, upright")
    codec: str | None = None
    quantization: Number | None = Field(
        None,
        description="step of the last compression as the file states it, of 255; null: not known",
    )
    rotation_deg: int | None = Field(None, description="already applied to width, height, boxes")
    frames_analyzed: int = Field(0, ge=0)
    cuts_s: list[Seconds] = Field([], description="first sampled frame of each shot but the first")


class Family(Part):
    """One architecture: its share of the vote, and its vote on the person who decides."""

    weight: Weight
    probability: Probability | None = None
    members: list[Probability] = []


class ErrorRates(Part):
    """How often a threshold is wrong, as measured when the bundle was made."""

    threshold: Probability = Field(description="the measured one that is nearest below")
    false_alarm_rate: Probability = Field(description="share of genuine examples called fake")
    detection_rate: Probability = Field(description="share of manipulated examples called fake")
    measured_on: Text


class Model(Part):
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


class EarlyExit(Part):
    """What was left out because it could not have changed a verdict any more.

    Every verdict is the one that all networks together would have given. Probabilities and
    intervals are of the families that ran: close to those of all, not the same.
    """

    families: list[str] = Field(description="that ran, in their order")
    passes: int = Field(ge=0, description="of a face through a network")
    passes_in_full: int = Field(ge=0, description="had every network judged every face")


class Timing(Part):
    """Where the time went, seconds; decoding, finding and scoring go on side by side."""

    decode: Seconds = 0.0
    detect: Seconds = 0.0
    score: Seconds = 0.0
    explain: Seconds = 0.0
    stability: Seconds = 0.0
    blinks: Seconds = 0.0
    total: Seconds = 0.0


_NO_SCORE = {name: {"type": "null"} for name in ("verdict", "probability", "interval")}
_SCORE = {name: {"not": {"type": "null"}} for name in _NO_SCORE}


class Report(Part):
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
    error_rates: ErrorRates | None = Field(None, description="at this threshold")
    calibrated: bool
    input: Input
    decided_by: int | None = Field(None, description="id of the person whose score this is")
    people: list[Person] = Field([], description="most suspicious first")
    families: dict[str, Family]
    early_exit: EarlyExit | None = Field(None, description="null where every network ran")
    other_votes: list[OtherVote] = Field([], description="on the person who decides")
    stability: Stability | None = Field(None, description="of the person who decides")
    explanation: Explanation | None = None
    provenance: Provenance | None = None
    warnings: list[Notice] = []
    limits: list[str]
    model: Model
    settings: FreeJson
    runtime: Text | None = Field(None, description="what the networks ran on, and why")
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
