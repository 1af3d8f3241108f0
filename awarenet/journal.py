"""JSON Lines of whole reports that a batch can go on from, wherever it was cut off."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from awarenet.errors import SettingsError
from awarenet.report import Report

ANALYZED = ("ok", "no_face", "faces_too_small")  # a clip without a face is an answer
_START = b'{"schema": "awarenet.report/1"'  # of every line that `Report.to_json` makes
_COSTS = {  # settings that decide what an analysis may cost, and not what comes out
    "model": {"source"},  # the hash says which bundle it was
    "runtime": {"batch_size", "threads"},
}


@dataclass(frozen=True)
class _Line:
    """Where a report stands in the file."""

    offset: int
    length: int  # bytes, its line break among them
    name: str
    sha256: str | None
    answer: bool  # not a failure

    @property
    def input(self) -> tuple[str, str | None]:
        return self.name, self.sha256


def difference(found: Report, wanted: Report) -> tuple[str, object, object] | None:
    """Compare what two reports' answers were made with: bundle, settings, versions.

    Returns:
        None where it is the same; else a thing that differs, as one has it and as the other does.
    """
    return _difference(_made_with(found), _made_with(wanted))


class Journal:
    """Reports of one model and one set of settings, a line each, in a file.

    Use it in a `with` block. Every line is on the disk before the next input begins; only where
    the lines stand is kept in memory.
    """

    def __init__(self, path: Path, now: Report):
        """Read what is there, and cut off a last line that was not written to its end.

        Args:
            path: Of the file; it may be missing.
            now: Any report of the detector that goes on: what it says of model, settings and
                versions is what every line has to say. Settings that only limit what an
                analysis may cost are free.

        Raises:
            SettingsError: It is another file, or one of another model or other settings.
            OSError: It cannot be read or written.
        """
        self._path = path.resolve()  # a link stays a link
        self._earlier: list[_Line] = []
        self._known: dict[tuple[str, str | None], _Line] = {}
        self._ours: list[_Line] = []  # of this run's inputs, in their order
        if self._path.exists() and not self._path.is_file():
            raise SettingsError(f"{path} is no file to go on from; give a FILE.jsonl")
        self._file: BinaryIO = self._path.open("a+b")
        try:
            self._read(path.name, _made_with(now))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        """Hand out the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def knows(self, name: str, sha256: str | None) -> bool:
        """Whether there is an answer on an input already."""
        return sha256 is not None and (name, sha256) in self._known

    def take(self, name: str, sha256: str | None) -> Report | None:
        """Give the answer on an input that is there already; None where it has to be analyzed."""
        if not self.knows(name, sha256):
            return None
        line = self._known[name, sha256]
        self._file.seek(line.offset)
        report = Report.model_validate_json(self._file.read(line.length))
        self._ours.append(line)
        return report

    def add(self, report: Report) -> None:
        """Append the report on the next input."""
        text = report.to_json().encode("ascii") + b"\n"
        offset = self._file.seek(0, os.SEEK_END)
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())
        line = _line(report, offset, len(text))
        self._ours.append(line)
        if line.answer:
            self._known[line.input] = line

    def sort(self) -> None:
        """Bring the lines into the order of this run's inputs, one each.

        What earlier runs found out about other inputs stays, before them; their failures on
        these inputs go.
        """
        names, used = {line.name for line in self._ours}, set(self._ours)
        others = [
            line
            for line in self._earlier
            if line not in used and (line.answer or line.name not in names)
        ]
        lines = [*others, *self._ours]
        ends = [line.offset + line.length for line in lines]
        size = self._file.seek(0, os.SEEK_END)
        if [line.offset for line in lines] + [size] == [0, *ends]:  # each begins where one ended
            return
        handle, temporary = tempfile.mkstemp(".part", self._path.name, self._path.parent)
        try:
            with os.fdopen(handle, "wb") as target:
                for line in lines:
                    self._file.seek(line.offset)
                    target.write(self._file.read(line.length))
                target.flush()
                os.fsync(target.fileno())
            mode = self._path.stat().st_mode
            self._file.close()
            os.chmod(temporary, mode)
            os.replace(temporary, self._path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _read(self, name: str, wanted: dict[str, object]) -> None:
        """Find the lines; `wanted` is what each has to be made with."""
        self._file.seek(0)
        offset = 0
        for number, text in enumerate(self._file, 1):
            report = _parse(text)
            if report is None:
                # what some file systems leave of a line after a crash is a row of zeros
                begun = text.rstrip(b"\0")[: len(_START)]
                if text.endswith(b"\n") or not _START.startswith(begun):
                    raise SettingsError(
                        f"line {number} of {name} is no report of this version; give the "
                        "FILE.jsonl of the run to go on from, or a new name"
                    )
                self._file.truncate(offset)
                break
            if differs := _difference(_made_with(report), wanted):
                key, theirs, ours = differs
                raise SettingsError(
                    f"{name} is of a run with {key} = {theirs}, now it is {ours}; go on with the "
                    "same, or give a new name"
                )
            if not text.endswith(b"\n"):  # an editor may have taken it away
                self._file.write(b"\n")
                self._file.flush()
                text += b"\n"
            line = _line(report, offset, len(text))
            self._earlier.append(line)
            if line.answer:
                self._known[line.input] = line
            offset += len(text)


def _parse(text: bytes) -> Report | None:
    """Give a line's report; None where it is none, or was cut off."""
    try:
        return Report.model_validate_json(text)
    except ValidationError:
        return None


def _line(report: Report, offset: int, length: int) -> _Line:
    name, sha256 = report.input.name, report.input.sha256
    answer = report.status in ANALYZED and sha256 is not None
    return _Line(offset, length, name, sha256, answer)


def _made_with(report: Report) -> dict[str, object]:
    """Give what decides an answer, flat: the bundle, settings, versions."""
    flat = {"model": report.model.sha256[:12]}
    for section, values in report.settings.items():
        if section == "limits":
            continue
        for key, value in values.items():
            if key not in _COSTS.get(section, ()):
                flat[f"{section}.{key}"] = value
    return flat | report.versions


def _difference(
    found: dict[str, object], wanted: dict[str, object]
) -> tuple[str, object, object] | None:
    """Give the first thing that is other than wanted: its name, as found, as wanted."""
    for key in [*wanted, *found]:
        theirs, ours = found.get(key, "nothing"), wanted.get(key, "nothing")
        if ours != theirs:
            return key, theirs, ours
    return None
