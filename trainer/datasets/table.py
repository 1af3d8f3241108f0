"""Any clips or pictures at all, by a CSV file that says what they are."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from awarenet.errors import SettingsError
from trainer.datasets.clip import PARTS, PHOTO_SUFFIXES, VIDEO_SUFFIXES, Clip, name_of, unique_names
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish

COLUMNS = ("path", "label", "identity", "source", "method", "part")  # all but two may be missing
LAYOUT = f"a CSV file with the columns {', '.join(COLUMNS)}, of which path and label are needed"

_LABELS = {"0": 0, "real": 0, "1": 1, "fake": 1}
_SUFFIXES = {*VIDEO_SUFFIXES, *PHOTO_SUFFIXES}


class _Row(NamedTuple):
    path: PurePosixPath  # as written, relative to the table
    label: int
    people: tuple[str, ...]
    source: str
    method: str
    part: str


def index_table(folder: Path) -> list[Clip]:
    """List the rows of a CSV file.

    `path`: relative to the file. `label`: 0, 1, real or fake. `identity`: whoever is seen, several
    separated by `;`; left empty, the clip that it was made from stands for them. A name with a
    colon, as in `ffpp:000`, is taken to be one of another data set. `source`: path of the real clip
    that a fake was made from. `part`: train, validation or test.

    Args:
        folder: The file, or a folder that holds one such file.

    Raises:
        SettingsError: No such file, or a row has no meaning; the message gives its line.
    """
    table, left_out = _find(folder), LeftOut("table")
    rows: dict[PurePosixPath, _Row] = {}
    for row in _read(table):
        if rows.setdefault(row.path, row) is not row:
            left_out.add("rows of a path that was there before", str(row.path))
    there = _Disk(table.parent)
    for path in [path for path in rows if not there.has(path)]:
        left_out.add("clips of the table that are not there", str(path))
        del rows[path]
    if not rows:
        raise SettingsError(
            f"[data] table: no clip of {table} is there; its paths are relative to {table.parent}"
        )
    prefix = f"table-{table.stem}"
    names = unique_names(prefix, list(rows))
    clips = []
    for path, row in rows.items():
        name, source = names[path], PurePosixPath(row.source.replace("\\", "/"))
        source = names.get(source) or name_of(prefix, source) if row.source else name
        people = tuple(p if ":" in p else f"{prefix}:{p}" for p in row.people) or (source,)
        clips.append(
            Clip(
                table.parent / path, name, "table", row.label, row.method, people, source, row.part
            )
        )
    return finish(clips, left_out)


def _find(folder: Path) -> Path:
    if folder.is_file():
        return folder
    if not folder.is_dir():
        raise SettingsError(f"[data] table: no file {folder}; expected {LAYOUT}")
    listed = Folder(folder)
    tables = [name for name in listed.files if name.lower().endswith(".csv")]
    if len(tables) != 1:
        raise does_not_fit("table", listed, LAYOUT)
    return folder / tables[0]


def _read(table: Path) -> Iterator[_Row]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        try:
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            if not {"path", "label"} <= set(columns):
                raise SettingsError(
                    f"[data] table: {table} has the columns {', '.join(columns) or 'none'}; "
                    f"expected {', '.join(COLUMNS)}, of which path and label are needed"
                )
            reader.fieldnames = columns
            for record in reader:
                values = {name: (record.get(name) or "").strip() for name in COLUMNS}
                yield _row(values, f"[data] table: {table}, line {reader.line_num}")
        except (UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(f"[data] table: {table} is no CSV in UTF-8: {error}") from error


def _row(values: dict[str, str], where: str) -> _Row:
    path = PurePosixPath(values["path"].replace("\\", "/"))
    label, part = _LABELS.get(values["label"].lower()), values["part"].lower()
    if path.suffix.lower() not in _SUFFIXES:
        raise SettingsError(
            f"{where}: path {values['path']!r} is neither a clip ({', '.join(VIDEO_SUFFIXES)}) "
            f"nor a picture ({', '.join(PHOTO_SUFFIXES)})"
        )
    if label is None:
        raise SettingsError(f"{where}: label {values['label']!r}; expected 0, 1, real or fake")
    if part and part not in PARTS:
        raise SettingsError(f"{where}: part {part!r}; expected train, validation, test or nothing")
    people = dict.fromkeys(p.strip() for p in values["identity"].split(";") if p.strip())
    method = values["method"] or "fake" if label else "real"
    return _Row(path, label, tuple(people), values["source"], method, PARTS.get(part, ""))


class _Disk:
    """What is on disk, folder by folder: one listing each instead of a question a file."""

    def __init__(self, root: Path):
        self.root = root
        self.listed: dict[PurePosixPath, set[str]] = {}

    def has(self, path: PurePosixPath) -> bool:
        if path.parent not in self.listed:
            try:
                self.listed[path.parent] = set(os.listdir(self.root / path.parent))
            except OSError:
                self.listed[path.parent] = set()
        return path.name in self.listed[path.parent]
