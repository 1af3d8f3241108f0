"""Where a training stands, kept on disk whole or not at all.

One file, `state.pt`, holds everything that the rest of a training depends on. The learning curve,
`log.jsonl`, is written from it, so that no line is lost or doubled whenever a run is killed.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError
from trainer.training.plateau import Plateau
from trainer.training.stopping import Watch

STATE, CURVE = "state.pt", "log.jsonl"
Weights = Mapping[str, Tensor]


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0  # steps done
    processes: int = 1  # that do them; what a step learns from depends on it
    seconds: float = 0.0  # of training and validating, without what killed runs lost
    stopped: bool = False  # early
    watch: Watch = Watch()
    plateau: Plateau = Plateau()  # where [train] schedule is plateau
    best_weights: dict[str, Tensor] | None = None  # where [train] keep is best
    curve: list[dict[str, float]] = field(default_factory=list)  # a record a validation


def save_state(folder: Path, progress: Progress, parts: Mapping[str, object]) -> None:
    """Write a checkpoint, then the learning curve that belongs to it.

    Args:
        folder: Of the member.
        progress: Where it stands.
        parts: State dicts, by name.

    Raises:
        AwareNetError: It could not be written, the disk being full, say; the one before is intact.
    """
    own = {one.name: getattr(progress, one.name) for one in fields(progress)}
    told = {"watch": asdict(progress.watch), "plateau": asdict(progress.plateau)}
    state = {**parts, "progress": {**own, **told}}
    path = folder / STATE
    try:
        # an open file, since torch hides the reason when it opens a path by itself
        with written_whole(path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)
        write_curve(folder, progress)
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_curve(folder: Path, progress: Progress) -> None:
    """Write `log.jsonl`, a line a validation."""
    lines = "".join(json.dumps(record) + "\n" for record in progress.curve)
    with written_whole(folder / CURVE) as temporary:
        temporary.write_text(lines, "utf-8")


def load_state(folder: Path) -> tuple[Progress, dict]:
    """Read the last checkpoint: where the training stands, and the state dicts by name.

    Where there is none, the beginning and no state dicts.

    Raises:
        AwareNetError: It cannot be read.
    """
    path = folder / STATE
    if not path.is_file():
        return Progress(), {}
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        own = state.pop("progress")
        told = {"watch": Watch(**own["watch"]), "plateau": Plateau(**own["plateau"])}
        return Progress(**{**own, **told}), state
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise AwareNetError(
            f"{path} is not a checkpoint of this version ({type(error).__name__}); "
            "delete it to train this member from the beginning"
        ) from error


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights as safetensors.

    Raises:
        AwareNetError: They could not be written.
    """
    # a copy of each: safetensors refuses tensors that share memory
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in weights.items()}
    try:
        with written_whole(path) as temporary:
            save_file(tensors, temporary)
    except (OSError, SafetensorError) as error:
        raise _cannot_write(path, error) from error


def tidy(folder: Path, *, done: bool) -> None:
    """Delete what killed runs left half written; with `done` the checkpoint too."""
    for leftover in folder.glob("*.part"):
        leftover.unlink(missing_ok=True)
    if done:
        (folder / STATE).unlink(missing_ok=True)


def _cannot_write(path: Path, error: Exception) -> AwareNetError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return AwareNetError(
        f"cannot write {path}: {reason}; what was there before is intact: "
        "make room and start again, it goes on from there"
    )
