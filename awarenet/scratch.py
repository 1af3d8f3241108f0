"""Temporary files of the page: one folder, gone when the program ends.

Clips that people doubt are private; nothing of them may stay behind. A program that was killed
cannot tidy up, so the next one does: a folder that nobody holds a lock on is removed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is swept there
    fcntl = None

FOLDER = "GRADIO_TEMP_DIR"  # where Gradio keeps uploads and results; set it before importing it
PREFIX, NEW, REPORTS = "awarenet-page-", "awarenet-new-", "awarenet-report-"
LEFT_S = 3600.0  # a folder of reports lasts for a moment; after so long its program is gone
_locks: dict[Path, int] = {}  # folder of ours -> what holds its lock until this program ends


def own_folder(configured: str = "") -> None:
    """Give Gradio a folder of ours, in the configured one or in the system's; it goes at the end.

    What programs that were killed left there goes now.
    """
    if not configured and FOLDER in os.environ:
        return
    place = Path(configured or tempfile.gettempdir()).expanduser().resolve()
    if Path(os.environ.get(FOLDER, "")).parent == place:  # it has been made already
        return
    place.mkdir(parents=True, exist_ok=True)
    sweep(place)
    # another program sweeps what is not locked: it gets its name when it is
    new = Path(tempfile.mkdtemp(prefix=NEW, dir=place))
    held = _lock(new)
    folder = new.with_name(PREFIX + new.name.removeprefix(NEW))
    new.rename(folder)
    _locks[folder] = held
    os.environ[FOLDER] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def folder(name: str) -> Path:
    """Give a folder in ours, for `name`; it is made when something is put into it."""
    return Path(os.environ[FOLDER]) / name


def sweep(place: Path) -> None:
    """Remove what programs that were killed left in a folder: ours, and of this user, alone."""
    for path in place.glob("awarenet-*"):
        if path in _locks or not _is_ours(path):
            continue
        if path.name.startswith(PREFIX):
            held = _lock(path)
            if held is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)
        elif path.name.startswith((NEW, REPORTS)) and _age_s(path) > LEFT_S:
            shutil.rmtree(path, ignore_errors=True)


def _lock(path: Path) -> int | None:
    """Lock a folder for as long as this program runs; None: somebody else has."""
    if fcntl is None:
        return None
    held = None
    try:
        held = os.open(path, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    except OSError:
        if held is not None:
            os.close(held)
        return None


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):  # gone meanwhile
        mine = not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
        return mine and path.is_dir() and not path.is_symlink()
    return False


def _age_s(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.lstat().st_mtime
    return 0.0
