"""Learning curves besides `log.jsonl`: one table of a whole experiment, and pages to browse.

Both pages are optional extras and write to the run's folder only:

    tensorboard --logdir RUN/tensorboard
    TRACKIO_DIR=RUN/trackio trackio show
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pyarrow
import pyarrow.parquet

from awarenet.atomic import written_whole
from awarenet.errors import SettingsError
from trainer.experiments import Experiment
from trainer.settings import TrainerSettings
from trainer.training.checkpoints import CURVE

CURVES_FILE = "curves.parquet"
INSTALL = "pip install -e '.[track]'"
# of trackio: each makes it send what is logged to somebody's server
_SENDING = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_WEBHOOK_URL", "TRACKIO_BUCKET_ID",
            "TRACKIO_DATASET_ID")  # fmt: skip


class Tracker(Protocol):
    """Takes the records of one training."""

    def log(self, record: Mapping[str, object], step: int) -> None:
        """Note what was measured at a step; what is no number is left out."""

    def close(self) -> None:
        """Write what is still to be written."""


def open_tracker(settings: TrainerSettings, name: str) -> Tracker:
    """Begin to track a training, or go on with it.

    Args:
        settings: [track] says where to.
        name: Of the training, unique in its run: all-camera/xception-0, say.

    Raises:
        SettingsError: The package of [track] backend is not installed.
    """
    folder = Path(settings.data.run).resolve() / settings.track.backend
    if settings.track.backend == "tensorboard":
        return _TensorBoard(folder / name)
    if settings.track.backend == "trackio":
        return _Trackio(folder, settings.track.project, name)
    return _Nowhere()


def collect(experiment: Experiment) -> Path:
    """Put the learning curves of all members into one table, a row a validation.

    Returns:
        Path of the Parquet file: family, index, and the keys of `log.jsonl`.
    """
    rows = []
    for family, index in experiment.members:
        path = experiment.member_folder(family, index) / CURVE
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        rows += [{"family": family, "index": index, **json.loads(line)} for line in lines]
    columns = list(dict.fromkeys(["family", "index", *(key for row in rows for key in row)]))
    table = pyarrow.table({name: [row.get(name) for row in rows] for name in columns})
    target = experiment.folder / CURVES_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as temporary:
        pyarrow.parquet.write_table(table, temporary)
    return target


class _Nowhere:
    def log(self, record: Mapping[str, object], step: int) -> None:
        pass

    def close(self) -> None:
        pass


class _TensorBoard:
    def __init__(self, folder: Path):
        _imported("tensorboard", "tensorboard")
        self._writer = _imported("torch.utils.tensorboard", "tensorboard").SummaryWriter(folder)

    def log(self, record: Mapping[str, object], step: int) -> None:
        for key, value in _numbers(record).items():
            self._writer.add_scalar(key, value, step)

    def close(self) -> None:
        self._writer.close()


class _Trackio:
    def __init__(self, folder: Path, project: str, name: str):
        os.environ["TRACKIO_DIR"] = str(folder)  # which trackio reads when it is imported
        for variable in _SENDING:
            os.environ.pop(variable, None)
        self._trackio = trackio = _imported("trackio", "trackio")
        if Path(trackio.TRACKIO_DIR) != folder:
            raise SettingsError(
                f"trackio writes to {trackio.TRACKIO_DIR} since it was imported; expected "
                f"{folder}; track another run in another process"
            )
        with contextlib.redirect_stdout(io.StringIO()):  # it greets
            self._run = trackio.init(
                project, name=name, resume="allow", embed=False, auto_log_gpu=False,
                auto_log_cpu=False,
            )  # fmt: skip

    def log(self, record: Mapping[str, object], step: int) -> None:
        self._run.log(_numbers(record), step=step)

    def close(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self._trackio.finish()  # of its own accord it would greet again when Python ends


def _numbers(record: Mapping[str, object]) -> dict[str, float]:
    kept = {k: v for k, v in record.items() if isinstance(v, (int, float)) and k != "step"}
    return {key: value for key, value in kept.items() if not isinstance(value, bool)}


def _imported(module: str, backend: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(
            f"[track] backend = {backend!r}, and {backend} cannot be imported ({error}); "
            f"{INSTALL}, or set track.backend=none"
        ) from error
