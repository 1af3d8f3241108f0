"""What the stages have left behind so far; what is not there is None or empty, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from awarenet.errors import AwareNetError
from trainer.ensembles import TWO_TIERS
from trainer.evaluation.predictions import Predictions
from trainer.experiments import Experiment
from trainer.json_files import read_json

GRID_FILE = "augmentation.png"
PLAIN = "none"  # the recipe that augments nothing


@dataclass(frozen=True)
class Found:
    """The files of one experiment."""

    experiment: Experiment

    @cached_property
    def curves(self) -> dict[tuple[str, int], list[dict]]:
        """Family and number of each member that has begun -> the lines of its log."""
        logs = {
            member: _lines(self.experiment.member_folder(*member) / "log.jsonl")
            for member in self.experiment.members
        }
        return {member: lines for member, lines in logs.items() if lines}

    @cached_property
    def fitted(self) -> Mapping | None:
        """fit.json: tier-2 weights, calibration, threshold."""
        return read_if_there(self.experiment.folder / "fit.json")

    @cached_property
    def metrics(self) -> Mapping | None:
        """metrics.json: every figure."""
        return read_if_there(self.experiment.folder / "metrics.json")

    @property
    def ships(self) -> str:
        """Name of the ensemble that the bundle holds, among the scorers of metrics.json."""
        return (self.fitted or {}).get("ships", TWO_TIERS)

    @property
    def sets(self) -> Mapping:
        """Figures of each data set's test part, by its name."""
        return (self.metrics or {}).get("sets") or {}

    @property
    def grid(self) -> Path | None:
        """Picture of augmented training crops."""
        path = self.experiment.folder / GRID_FILE
        return path if path.is_file() else None

    def predictions(self, dataset: str) -> Predictions | None:
        """What every member said of every crop of a data set's test part.

        Raises:
            AwareNetError: The file is damaged.
        """
        path = self.experiment.folder / f"predictions-{dataset}.parquet"
        if not path.is_file():
            return None
        try:
            return Predictions.read(path)
        except pa.ArrowException as error:
            raise damaged(path, "`evaluate`") from error


def read_if_there(path: Path) -> Mapping | None:
    """Read a JSON file, or None where no stage has written it.

    Raises:
        AwareNetError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return read_json(path)
    except ValueError as error:
        raise damaged(path, "the stage that makes it") from error


def damaged(path: Path, stage: str) -> AwareNetError:
    """Say that a file cannot be read, and what to do about it."""
    return AwareNetError(f"{path} is damaged; delete it and run {stage} again")


def _lines(path: Path) -> list[dict]:
    """Read JSON lines; the last one may be cut short by a run that goes on or was killed."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
