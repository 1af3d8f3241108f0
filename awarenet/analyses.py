"""Whole analyses on disk: the same file and settings are answered at once, faces can be asked for.

A file an entry, a ZIP without compression:

    report.json            the report
    index.json             who and when each picture is of, and the previews' scales
    faces/<person>.npy     (T, S, S, 3) uint8 RGB
    overlays/<n>.npy       (H, W, 3) uint8 RGB: a document made of a kept analysis is the same to
                           the byte, and to decode PNG would take half a second
    previews/<frame>.jpg   as they came

The time of writing is the file's mtime, that of the last use its atime. Own work, because the
library for this (diskcache) pickles what it keeps, and what is unpickled can run code.

Shapes: T frames of one person, S side of a crop, H and W of a picture, px.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import logging
import os
import re
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Timer
from typing import TypeVar

import numpy as np

from awarenet.errors import SettingsError
from awarenet.explain import Preview
from awarenet.hashing import hash_file
from awarenet.journal import ANALYZED
from awarenet.pipeline import Analysis, Detector, Overlay
from awarenet.report import Report, package_versions

Kept = TypeVar("Kept")

logger = logging.getLogger(__name__)

MAX_BYTES = 1_000_000_000  # of all entries; one of two people takes 20 to 60 million
MAX_AGE_S = 3600.0  # clips that people doubt are private, and so is what was cut out of them
_NAME = re.compile(r"[0-9a-f]{64}\.zip")  # of an entry; any other file in the folder is let alone


class Analyses:
    """A bounded store of analyses in a folder of its own; several threads may use it.

    What was not used for longest goes first when there is too much, and everything goes by age.
    An entry that cannot be read is removed and counts as not there.
    """

    def __init__(
        self, folder: str | Path, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S
    ):
        """Open a folder, or make it; nobody else on this machine can look into it.

        Args:
            folder: For entries alone.
            max_bytes: Of all entries together; a larger one is not kept at all.
            max_age_s: Seconds after which an entry is removed, used or not.

        Raises:
            SettingsError: The folder cannot be made, or is somebody else's.
        """
        self.folder = Path(folder)
        self._max_bytes, self._max_age_s = max_bytes, max_age_s
        self._lock, self._timer = Lock(), None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise SettingsError(
                f"cannot keep analyses in {self.folder}: {error.strerror}; give a folder of yours"
            ) from error
        self.sweep()

    def get(self, key: str) -> Analysis | None:
        """Give what is kept under a key of `analysis_key`; None where there is nothing."""
        return self._read(key, lambda entry: read_analysis(entry, _array))

    def faces(self, key: str, person: int) -> np.ndarray | None:
        """Give one person's crops, (T, S, S, 3) uint8 RGB; None where they are not kept."""
        return self._read(key, lambda entry: _faces(entry, person))

    def preview(self, key: str, frame: int) -> Preview | None:
        """Give one frame as it was kept to draw on; None where it is not kept."""
        return self._read(key, lambda entry: _preview(entry, frame))

    def put(self, key: str, analysis: Analysis) -> None:
        """Keep an analysis, all of it or nothing; a failure that may pass is not kept.

        A disk that is full or gone is logged, not raised: the answer is there all the same.
        """
        if analysis.report.status not in ANALYZED:
            return
        path, temporary = self._path(key), None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may be gone
            handle, temporary = tempfile.mkstemp(".part", dir=self.folder)  # readable by us alone
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as entry:
                write_analysis(entry, analysis, _put_array)
            with self._lock:
                if os.path.getsize(temporary) <= self._max_bytes:
                    os.replace(temporary, path)
        except OSError:
            logger.warning("cannot keep an analysis in %s", self.folder, exc_info=True)
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
        self.sweep()

    def _listed(self) -> list[Path]:
        try:
            return list(self.folder.iterdir())
        except OSError:  # the folder is gone, and with it what was to be removed
            return []

    def sweep(self) -> None:
        """Remove what is too old, then the longest unused until the rest fits.

        Called by itself whenever something is kept, and again when that has reached its age.
        """
        with self._lock:
            entries, now = [], time.time()
            for path in self._listed():
                if not (_NAME.fullmatch(path.name) or path.suffix == ".part"):
                    continue
                try:
                    stat = path.stat()
                except FileNotFoundError:  # another process was here
                    continue
                if now - stat.st_mtime >= self._max_age_s:
                    path.unlink(missing_ok=True)
                elif path.suffix != ".part":  # of which somebody may be writing the last bytes
                    entries.append((stat.st_atime, stat.st_mtime, stat.st_size, path))
            total = sum(size for _, _, size, _ in entries)
            for _, _, size, path in sorted(entries):
                if total <= self._max_bytes:
                    break
                path.unlink(missing_ok=True)
                total -= size
            if entries and (self._timer is None or not self._timer.is_alive()):
                oldest = min(written for _, written, _, _ in entries)
                # 1 s later, so that it is old enough by then and not a moment too young
                wait_s = max(oldest + self._max_age_s - now, 0.0) + 1.0
                self._timer = Timer(wait_s, self._sweep_again)
                self._timer.daemon = True
                self._timer.start()

    def _sweep_again(self) -> None:
        self._timer = None
        if self.folder.is_dir():
            self.sweep()

    def _path(self, key: str) -> Path:
        if not _NAME.fullmatch(f"{key}.zip"):
            raise ValueError(f"key {key!r}; expected one of analysis_key")
        return self.folder / f"{key}.zip"

    def _read(self, key: str, read: Callable[[zipfile.ZipFile], Kept | None]) -> Kept | None:
        """Read of an entry, and note that it was used; None where it is gone, old or broken."""
        path = self._path(key)
        try:
            written = path.stat().st_mtime
            if time.time() - written >= self._max_age_s:
                return None
            with zipfile.ZipFile(path) as entry:
                found = read(entry)
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile, to make room
                os.utime(path, (time.time(), written))
            return found
        except FileNotFoundError:
            return None
        except Exception:  # whatever a broken file makes the readers raise
            logger.warning("a kept analysis is broken, and removed: %s", path, exc_info=True)
            path.unlink(missing_ok=True)
            return None


def analysis_key(path: str | Path, detector: Detector) -> str:
    """Name what the answer on a file depends on: 64 hex digits.

    That is the file's bytes and name (it stands in the report), the bundle, the settings but for
    the page's own, and the versions of what can change a score.

    Raises:
        OSError: The file cannot be read.
    """
    return key_of(
        path, detector, {"app"}, revision=detector.bundle.revision, versions=package_versions()
    )


def key_of(path: str | Path, detector: Detector, left_out: set[str], **more: object) -> str:
    """Name a file (bytes and name), a bundle, the settings but for some sections, and more."""
    depends = {
        "name": Path(path).name,
        "file": hash_file(Path(path)),
        "bundle": detector.bundle.sha256,
        "settings": detector.settings.model_dump(mode="json", exclude=left_out),
        **more,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def write_analysis(
    entry: zipfile.ZipFile,
    analysis: Analysis,
    put: Callable[[zipfile.ZipFile, str, np.ndarray], None],
) -> None:
    """Write an analysis into an archive; `put` writes an array of pictures under a name."""
    overlays = [
        {field.name: getattr(overlay, field.name) for field in dataclasses.fields(overlay)}
        for overlay in analysis.overlays
    ]
    arrays = {f"overlays/{n}": about.pop("image") for n, about in enumerate(overlays)}
    arrays |= {f"faces/{person}": crops for person, crops in analysis.faces.items()}
    scales = {frame: preview.scale for frame, preview in analysis.previews.items()}
    index = {"overlays": overlays, "faces": list(analysis.faces), "scales": scales}
    entry.writestr("report.json", analysis.report.to_json())
    entry.writestr("index.json", json.dumps(index, default=_plain))
    for name, array in arrays.items():
        put(entry, name, array)
    for frame, preview in analysis.previews.items():
        entry.writestr(f"previews/{frame}.jpg", preview.jpeg)


def read_analysis(
    entry: zipfile.ZipFile, get: Callable[[zipfile.ZipFile, str], np.ndarray]
) -> Analysis:
    """Read what `write_analysis` wrote; `get` reads what its `put` wrote."""
    index = json.loads(entry.read("index.json"))
    return Analysis(
        report=Report.model_validate_json(entry.read("report.json")),
        overlays=tuple(
            Overlay(**about, image=get(entry, f"overlays/{place}"))
            for place, about in enumerate(index["overlays"])
        ),
        faces={person: get(entry, f"faces/{person}") for person in index["faces"]},
        previews={int(frame): _preview(entry, int(frame)) for frame in index["scales"]},
    )


def _faces(entry: zipfile.ZipFile, person: int) -> np.ndarray | None:
    kept = f"faces/{person}.npy" in entry.namelist()
    return _array(entry, f"faces/{person}") if kept else None


def _put_array(entry: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with entry.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def _array(entry: zipfile.ZipFile, name: str) -> np.ndarray:
    stored = io.BytesIO(entry.read(f"{name}.npy"))  # checks its CRC-32
    return np.lib.format.read_array(stored, allow_pickle=False)


def _preview(entry: zipfile.ZipFile, frame: int) -> Preview | None:
    scales = json.loads(entry.read("index.json"))["scales"]
    if str(frame) not in scales:
        return None
    return Preview(entry.read(f"previews/{frame}.jpg"), scales[str(frame)])


def _plain(value: np.generic) -> object:
    """Give a NumPy number as Python's, for JSON."""
    return value.item()
