"""What made a run: settings, code, versions, hardware, data; `run.json` in the run's folder.

A reader shall be able to repeat a run, and learn nothing about who ran it: names of users and
machines are left out, and paths are relative, begin with ~, or show their last part only.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from types import TracebackType

import torch

from awarenet.errors import AwareNetError
from awarenet.hashing import hash_file
from trainer.experiments import experiments
from trainer.json_files import read_json, write_json
from trainer.launch import is_first, processes
from trainer.prepare import SPLIT_FILE
from trainer.settings import TrainerSettings
from trainer.splits.split_file import read_split

RECORD_FILE = "run.json"
PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "scipy", "scikit-learn",
            "opencv-python", "av", "onnxruntime", "pillow", "pyarrow", "safetensors",
            "huggingface-hub")  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
_GIT_S = 10
# an absolute path, at the start of a text or after a space, a sign or a quote
_PATH = re.compile(r"""(?<![\w.~:/\\-])(?:/|[A-Za-z]:[\\/])[^\s"'=,;\[\]{}]*""")


class Record:
    """Writes run.json when a command begins, after each of its stages, and when it ends.

    A command that comes to nothing before there is a run's folder leaves none behind. Commands that
    go on with a run add to its record: `stages` sums the seconds of all of them, `history` lists
    them with their settings; what else stands there is of the last one.
    """

    def __init__(self, settings: TrainerSettings, command: Sequence[str], stages: Sequence[str]):
        """Take note of a command.

        Args:
            settings: All of them, as they are used.
            command: What the command was called with.
            stages: Those that it was asked to run.
        """
        self.settings = settings
        self.own = {
            "command": [_without_names(word) for word in command],
            "asked": list(stages),
            "started": _now(),
            "ended": None,
            "failed": None,
            "stages": {},
        }

    def __enter__(self) -> Record:
        if self._path.parent.is_dir():
            self.write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.own["ended"] = _now()
        self.own["failed"] = kind.__name__ if kind else None
        if self._path.parent.is_dir():  # a command that came to nothing makes no folder
            self.write()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure a stage, also one that fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.own["stages"][stage] = round(time.monotonic() - start, 1)
            if self._path.parent.is_dir():
                self.write()

    def write(self) -> None:
        """Write what is known by now, whole; only the first of several processes does."""
        if not is_first():
            return
        content = {**describe(self.settings), **self.own}
        history = [each for each in self._history() if each["started"] != self.own["started"]]
        history.append({key: content[key] for key in (*self.own, "commit", "dirty", "changed")})
        spent: dict[str, float] = {}
        for each in history:
            for stage, seconds in each["stages"].items():
                spent[stage] = round(spent.get(stage, 0.0) + seconds, 1)
        write_json(self._path, {**content, "stages": spent, "history": history})

    @property
    def _path(self) -> Path:
        return Path(self.settings.data.run) / RECORD_FILE

    def _history(self) -> list[dict]:
        """Commands of this run's past; one that cannot be read is no reason to stop a training."""
        try:
            return list(read_json(self._path)["history"])
        except (OSError, ValueError, KeyError, TypeError):
            return []


def describe(settings: TrainerSettings) -> dict:
    """Say what a run is made of, as JSON: settings, code, versions, hardware, seeds, data."""
    values = settings.model_dump(mode="json")
    return {
        "settings": _cleaned(values),
        "changed": _cleaned(_changes(values, type(settings)().model_dump(mode="json"))),
        **_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "hardware": hardware(),
        "processes": processes(),
        "seeds": {
            "split": settings.split.seed,
            "forge": settings.forge.seed,
            "members": {one.name: one.seeds for one in experiments(settings)},
        },
        "data": _data(Path(settings.data.run)),
    }


def hardware() -> dict:
    """Say what this machine computes with; memory in GiB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return {
        "cpu": _cpu(),
        "cores": cores,
        "memory_gib": _memory_gib(),
        "gpus": [
            {"name": gpu.name, "memory_gib": round(gpu.total_memory / 2**30, 1)} for gpu in gpus
        ],
    }


def hardware_in_words(found: dict) -> str:
    """Put what `hardware` gave into words, for a model card."""
    names = [gpu["name"] for gpu in found["gpus"]]
    gpus = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return ", ".join([f"{found['cores']} cores of {found['cpu']}", *(gpus or ["no GPU"])])


def _commit() -> dict:
    """The commit of this code, and whether files differ from it; None where git cannot tell."""
    found = (_git("rev-parse", "--show-toplevel", "HEAD") or "").splitlines()
    if len(found) != 2 or Path(found[0]).resolve() != ROOT:  # installed inside of another project
        return {"commit": None, "dirty": None}
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"commit": found[1], "dirty": None if changed is None else bool(changed)}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],
            check=True, capture_output=True, text=True, timeout=_GIT_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _data(run: Path) -> dict:
    """Hashes of the manifest and of who is in which part; None where there is none yet."""
    manifest = run / "manifest.parquet"
    try:
        split = read_split(run / SPLIT_FILE).sha256
    except AwareNetError:
        split = None
    return {"manifest": hash_file(manifest) if manifest.is_file() else None, "split": split}


def _changes(values: dict, defaults: dict) -> dict:
    """Keep what differs from the defaults, section by section."""
    return {
        section: changed
        for section, own in values.items()
        if (changed := {k: v for k, v in own.items() if v != defaults[section].get(k)})
    }


def _cleaned(value: object) -> object:
    """Take names out of every text in a value of JSON, keys included."""
    if isinstance(value, dict):
        return {_without_names(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(each) for each in value]
    return _without_names(value) if isinstance(value, str) else value


def _without_names(text: str) -> str:
    """Make absolute paths relative to this folder or to ~, or keep their last part only."""
    for start, sign in ((Path.cwd(), "."), (ROOT, "."), (Path.home(), "~")):
        if start != Path(start.anchor):
            text = re.sub(rf"{re.escape(str(start))}(?![\w.-])", sign, text)
    if _PATH.match(text):
        return _last_part(text)  # all of it, blanks included
    name, equals, value = text.partition("=")
    if equals and _PATH.match(value):
        return f"{name}={_last_part(value)}"
    return _PATH.sub(lambda match: _last_part(match[0]), text)


def _last_part(path: str) -> str:
    last = re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
    return f"…/{last}" if last else path


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    """Model of the processor; its architecture where nothing tells more."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line[:10] == "model name")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
