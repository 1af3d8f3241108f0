"""The data of 'Stronger Together?' (Gardner, 2020): clips of three data sets in one flat folder.

Its table has the columns video_id, fake and original_dataset. Where only the faces are left that
were cut out of the clips, each clip is the pictures called after it.
"""

from __future__ import annotations

import csv
import difflib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from awarenet.errors import SettingsError
from trainer.datasets.clip import PHOTO_SUFFIXES, Clip, safe_name
from trainer.datasets.dfdc import read_labels
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, key, open_folder
from trainer.datasets.stems import recognize

log = logging.getLogger(__name__)

COLUMNS = ("video_id", "fake", "original_dataset")
LAYOUT = f"videos/ and in it, or beside it, a CSV file with the columns {', '.join(COLUMNS)}"
FACES_LAYOUT = "images/<clip>.mp4_frame<n>.jpg and videos/videos.csv"

_CELEB, _DFD, _DFDC = "celeb-df", "deepfakedetection", "deepfake-detection-challenge"
_SPELLINGS = {  # key -> what it means
    "celebdf": _CELEB, "celebdfv2": _CELEB, "deepfakedetection": _DFD, "dfd": _DFD,
    "deepfakedetectionchallenge": _DFDC, "dfdc": _DFDC,
}  # fmt: skip
_FAMILIES = {_CELEB: "celebdf", _DFD: "dfd"}  # as in trainer.datasets.stems
_METHODS = {_CELEB: "Celeb-synthesis", _DFD: "DeepFakeDetection"}  # of its fakes
_PICTURE = re.compile(r"(.+)\.\w+_frame(\d+)(?:_face(\d+))?")

Found = TypeVar("Found")  # what is on disk of a clip: its path, or its pictures


class Row(NamedTuple):
    """A row of the table."""

    stem: str
    label: int
    dataset: str  # as we spell it, or "unknown"


def index_stronger_together(folder: Path) -> list[Clip]:
    """List the clips of the table; a data set's name may be misspelt in it.

    A `metadata.json` of DFDC beside the clips says which clips its fakes were made from. Without
    it nothing does, and a warning counts the fakes whose person nobody knows.

    Raises:
        SettingsError: The folder does not fit, or the table cannot be read.
    """
    root, left_out = open_folder("stronger_together", folder, LAYOUT), LeftOut("stronger_together")
    places = _places(root)
    files: dict[str, Path] = {}
    for place in places:
        for name in place.own_videos():
            files.setdefault(os.path.splitext(name)[0], place.path / name)
    originals = _originals(places)
    clips = [_clip(row, path, originals) for row, path in _found(places, files, left_out)]
    return _finish(root, LAYOUT, clips, left_out)


def index_stronger_together_faces(folder: Path) -> list[Clip]:
    """List the faces cut out of those clips: one clip for all pictures of a video, in order.

    Raises:
        SettingsError: The folder does not fit, or the table cannot be read.
    """
    dataset = "stronger_together"
    root, left_out = open_folder(dataset, folder, FACES_LAYOUT), LeftOut(dataset)
    places = _places(root)
    pictures: dict[str, list[tuple[int, int, Path]]] = {}
    for folder_of_pictures in (child for place in places for child in place.children("images")):
        for name in folder_of_pictures.files:
            stem, suffix = os.path.splitext(name)
            match = _PICTURE.fullmatch(stem)
            if suffix.lower() in PHOTO_SUFFIXES and match:
                at = int(match[2]), int(match[3] or 1), folder_of_pictures.path / name
                pictures.setdefault(match[1], []).append(at)
    files = {stem: tuple(path for _, _, path in sorted(at)) for stem, at in pictures.items()}
    originals = _originals(places)
    clips = [
        replace(_clip(row, paths[0].parent, originals), pictures=paths)
        for row, paths in _found(places, files, left_out)
    ]
    return _finish(root, FACES_LAYOUT, clips, left_out)


def has_faces(root: Folder) -> bool:
    """Whether a folder is one that `index_stronger_together_faces` reads."""
    places = _places(root)
    return _table(places) is not None and any(place.children("images") for place in places)


def _places(root: Folder) -> list[Folder]:
    """Where table and clips may lie: the folder or its `data`, and the `videos` of each."""
    homes = (root, *root.children("data"))
    return [place for home in homes for place in (home, *home.children("videos"))]


def _table(places: list[Folder]) -> Path | None:
    """The first CSV file that has the right columns."""
    for place in places:
        for name in place.files:
            if name.lower().endswith(".csv"):
                with (place.path / name).open(encoding="utf-8-sig", newline="") as file:
                    header = next(csv.reader(file), [])
                if set(COLUMNS) <= {column.strip().lower() for column in header}:
                    return place.path / name
    return None


def _originals(places: list[Folder]) -> dict[str, str]:
    """Stem of a fake of DFDC -> stem of its original, where a metadata.json tells."""
    told: dict[str, str] = {}
    for place in places:
        entries = read_labels(place) if place.file("metadata.json") else None
        told |= {stem: original for stem, (_, original) in (entries or {}).items() if original}
    return told


def _found(
    places: list[Folder], files: dict[str, Found], left_out: LeftOut
) -> Iterator[tuple[Row, Found]]:
    """Rows of the table with what is on disk of each."""
    table = _table(places)
    listed = set()
    for row in _rows(table) if table else ():
        listed.add(row.stem)
        if row.stem in files:
            yield row, files[row.stem]
        else:
            left_out.add("clips of the table that are not there", row.stem)
    if table and (unknown := files.keys() - listed):
        left_out.add("clips that the table does not list", min(unknown), len(unknown))


def _rows(table: Path) -> Iterator[Row]:
    unknown = 0
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        for record in reader:
            video, fake, said = ((record[column] or "").strip() for column in COLUMNS)
            if fake not in ("0", "1") or not video:
                raise SettingsError(
                    f"[data] stronger_together: {table}, line {reader.line_num}: video_id "
                    f"{video!r} and fake {fake!r}; expected a file name and 0 or 1"
                )
            near = difflib.get_close_matches(key(said), _SPELLINGS, n=1, cutoff=0.7)
            unknown += not near
            dataset = _SPELLINGS[near[0]] if near else "unknown"
            yield Row(os.path.splitext(video)[0], int(fake), dataset)
    if unknown:
        log.warning(
            "stronger_together: %d clips are of a data set other than %s, %s or %s; "
            "nothing tells who is in them", unknown, _CELEB, _DFD, _DFDC,
        )  # fmt: skip


def _clip(row: Row, path: Path, originals: dict[str, str]) -> Clip:
    prefix = f"stronger_together-{row.dataset}"
    method = _METHODS.get(row.dataset, "fake") if row.label else "real"
    said = recognize(row.stem)
    source, people = row.stem, (f"stronger_together:{row.dataset}:{row.stem}",)
    if said and said.family == _FAMILIES.get(row.dataset) and said.label == row.label:
        source, people = said.source, said.identities
    elif row.dataset == _DFDC:
        stem = re.sub(r"^fake(?=\w{10}$)", "", row.stem) if row.label else row.stem  # her prefix
        original = originals.get(stem, "") if row.label else stem
        source, people = original or row.stem, (f"dfdc:{original or stem}",)
    return Clip(
        path, safe_name(f"{prefix}-{row.stem}"), "stronger_together", row.label, method, people,
        safe_name(f"{prefix}-{source}"),
    )  # fmt: skip


def _finish(root: Folder, layout: str, clips: list[Clip], left_out: LeftOut) -> list[Clip]:
    if not clips:
        raise does_not_fit("stronger_together", root, layout)
    alone = sum(
        clip.label == 1 and clip.identities[0].startswith("dfdc:") and clip.source_clip == clip.name
        for clip in clips
    )
    if alone:
        log.warning(
            "stronger_together: the originals of %d fakes of DFDC are not told; its metadata.json "
            "beside the clips would tell them", alone,
        )  # fmt: skip
    return finish(clips, left_out)
