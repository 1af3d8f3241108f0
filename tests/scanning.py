"""Workers for tests: a detector in miniature that ends its process at some files, or waits."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import awarenet.scan
from awarenet.__main__ import main as call
from awarenet.batch import Row
from awarenet.errors import BundleError
from awarenet.report import Report
from awarenet.scan import Crew, open_crew
from awarenet.settings import Settings, load_settings

OVERRIDES = (
    "faces.min_face_px=20", "sampling.frames=6", "runtime.device=cpu", "runtime.engine=torch",
    "explain.enabled=false", "verdict.early_exit=true",
)  # fmt: skip


def settings_of(bundle: Path) -> Settings:
    """Give what `main` reads, as Python does."""
    return load_settings(None, [f'model.source="{bundle}"', *OVERRIDES])


@dataclass(frozen=True)
class Odd:
    """A detector to which some names mean harm; it notes what it was given, and in which process.

    `deadly` in a name kills its process, `once` the first time, `patient` waits for a file "go".
    """

    detector: object
    notes: Path

    def analyze(self, path: str) -> Report:
        name = Path(path).name
        begun = len(list(self.notes.glob(f"{name}-*")))
        (self.notes / f"{name}-{os.getpid()}").touch()
        print("what a library prints")
        if "deadly" in name or ("once" in name and not begun):
            os.kill(os.getpid(), signal.SIGKILL)
        while "patient" in name and not (self.notes / "go").exists():
            time.sleep(0.02)
        return self.detector.analyze(path)

    def failed(self, *about: object) -> Report:
        return self.detector.failed(*about)

    def failure(self, *about: object) -> Report:
        return self.detector.failure(*about)


def load(notes: Path, settings: Settings, threads: int) -> Odd:
    """Load the bundle, with a finder for drawn faces."""
    from tiny_detector import SkinFinder

    from awarenet import pipeline
    from awarenet.scan.worker import load as load_plain

    pipeline.create_face_finder = lambda *_: SkinFinder()
    return Odd(load_plain(settings, threads), notes)


def refuse(threads: int) -> Odd:
    """Load nothing."""
    raise BundleError("no bundle here")


def crew(bundle: Path, notes: Path, workers: int = 2, engine: str = "local") -> Crew:
    """Workers of this kind."""
    settings = settings_of(bundle)
    return open_crew(settings, workers, engine, partial(load, notes, settings))


def pids(notes: Path, name: str) -> list[int]:
    """Processes in which a file was begun."""
    return [int(each.name.rpartition("-")[2]) for each in notes.glob(f"{name}-*")]


def said(rows: Iterable[Row]) -> list[dict]:
    """What reports say, but for when, how fast and by how many threads."""
    found = []
    for row in rows:
        report = row.report.to_dict()
        for name in ("created", "timing_s", "runtime"):
            del report[name]
        del report["settings"]["runtime"]["threads"]
        found.append(report)
    return found


def call_main(notes: str | Path, arguments: Sequence[object]) -> int:
    """Call the command line, whose workers are of this kind."""
    plain = awarenet.scan.open_crew

    def open_odd(settings: Settings, workers: int, engine: str) -> Crew:
        return plain(settings, workers, engine, partial(load, Path(notes), settings))

    awarenet.scan.open_crew = open_odd
    words = [word for each in OVERRIDES for word in ("--set", each)]
    try:
        return call([*map(str, arguments), *words])
    finally:
        awarenet.scan.open_crew = plain
