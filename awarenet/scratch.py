"""Temporary files of the page: one folder, gone when the program ends.

Clips that people doubt are private; nothing of them may stay behind.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from awarenet.report import Report

FOLDER = "GRADIO_TEMP_DIR"  # where Gradio keeps uploads and results; set it before importing it


def own_folder(configured: str = "") -> None:
    """Give Gradio a folder of ours; a configured one stays, and is emptied by age alone."""
    if configured:
        os.environ[FOLDER] = str(Path(configured).expanduser().resolve())
    elif FOLDER not in os.environ:
        os.environ[FOLDER] = folder = tempfile.mkdtemp(prefix="awarenet-page-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def folder(name: str) -> Path:
    """Give a folder in ours, for `name`; it is made when something is put into it."""
    return Path(os.environ[FOLDER]) / name


def sweep_strays() -> None:
    """Remove the empty files that gr.File leaves beside every upload it reads (Gradio 6.31)."""
    for path in Path(os.environ[FOLDER]).glob("tmp*"):
        if path.is_file() and path.stat().st_size == 0:
            path.unlink(missing_ok=True)


@contextmanager
def report_file(report: Report) -> Iterator[str]:
    """Write a report's JSON to a file that lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="awarenet-report-") as folder:
        path = Path(folder) / f"{Path(report.input.name).stem[:80]}.awarenet.json"
        path.write_text(report.to_json(indent=2), "utf-8")
        yield str(path)
