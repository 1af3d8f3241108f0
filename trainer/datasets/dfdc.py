"""The Deepfake Detection Challenge's data set, and what Kaggle gave out of it.

Dolhansky et al., The DeepFake Detection Challenge Dataset, 2020, https://arxiv.org/abs/2006.07397.
Its files say which clip a fake was made from, but not who is in it.
"""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import Clip, safe_name
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, key, open_folder
from trainer.official import dfdc_part

LAYOUT = (
    "dfdc_train_part_0 to _49 (or one of them, or train_sample_videos), each with metadata.json, "
    "or test with labels.csv"
)
DEPTH = 3  # levels searched: zip files unpack into folders within folders

_OFFICIAL = {"test": "test", "testvideos": "test", "validation": "validation"}  # folder -> part
_LABELS = {"real": 0, "fake": 1, "0": 0, "1": 1}  # all files agree that 1 is fake

Entry = tuple[int, str]  # label, stem of the original ("" where it is not said)


def index_dfdc(folder: Path) -> list[Clip]:
    """List every clip that a metadata.json or a labels.csv beside it gives a label.

    Official parts go by folder: training folders 0-34 train, 35-39 validation, 40-49 test; the
    folders `validation` and `test` are what they are called. The clip that a fake was made from
    stands for the person in it, as nothing else says who that is.

    Raises:
        SettingsError: The folder does not fit, or such a file cannot be read.
    """
    root, left_out = open_folder("dfdc", folder, LAYOUT), LeftOut("dfdc")
    clips: list[Clip] = []
    claimed: set[Path] = set()  # folders whose clips a file one level up speaks of
    for place in root.walk(DEPTH):
        entries = read_labels(place)
        if entries is None:
            if place.path not in claimed and (unknown := place.own_videos()):
                left_out.add("clips without metadata", unknown[0], len(unknown))
            continue
        claimed |= {child.path for child in place.children("videos", place.path.name)}
        clips += _clips(place, entries, _part(root, place), left_out)
    if not clips:
        raise does_not_fit("dfdc", root, LAYOUT)
    clips.sort(key=lambda clip: not clip.part)  # of a clip that is in the sample too, the other
    return finish(clips, left_out)


def read_labels(place: Folder) -> dict[str, Entry] | None:
    """Read the labels of a folder's clips, by stem; None where there is no file of them.

    Raises:
        SettingsError: The file is not what its name says.
    """
    metadata, labels = place.file("metadata.json"), place.file("labels.csv")
    if metadata:
        try:
            content = json.loads(metadata.read_text("utf-8"))
            return {os.path.splitext(name)[0]: _entry(said) for name, said in content.items()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise SettingsError(
                f"[data] dfdc: {metadata} cannot be read ({type(error).__name__}: {error}); "
                'expected {"name.mp4": {"label": "FAKE", "original": "other.mp4"}}'
            ) from error
    if labels:
        with labels.open(encoding="utf-8-sig", newline="") as file:
            try:
                rows = [(row["filename"], row["label"]) for row in csv.DictReader(file)]
                return {os.path.splitext(n)[0]: (_LABELS[v.lower()], "") for n, v in rows}
            except (KeyError, AttributeError, TypeError, csv.Error) as error:
                raise SettingsError(
                    f"[data] dfdc: {labels} cannot be read ({type(error).__name__}: {error}); "
                    "expected the columns filename and label, 1 for fake"
                ) from error
    return None


def _entry(said: dict[str, object]) -> Entry:
    label = said["label"] if "label" in said else said["is_fake"]
    original = said.get("original")  # null or NaN for a real clip
    stem = os.path.splitext(original)[0] if isinstance(original, str) else ""
    return _LABELS[str(label).lower()], stem


def _clips(place: Folder, entries: dict[str, Entry], part: str, left_out: LeftOut) -> list[Clip]:
    files = place.videos(left_out)
    clips = []
    for stem, (label, original) in entries.items():
        path = files.pop(stem, None)
        if path is None:
            left_out.add("clips with metadata that are not there", stem)
            continue
        name = safe_name(f"dfdc-{stem}")
        source, person = (f"dfdc-{original}", original) if label and original else (name, stem)
        method = "fake" if label else "real"
        clips.append(
            Clip(path, name, "dfdc", label, method, (f"dfdc:{person}",), safe_name(source), part)
        )
    if files:
        left_out.add("clips without metadata", min(files), len(files))
    return clips


def _part(root: Folder, place: Folder) -> str:
    """Official part of a folder: what it or a folder around it, up to the root, is called."""
    for name in (*reversed(place.path.relative_to(root.path).parts), root.path.name):
        if match := re.search(r"part[\W_]*(\d+)$", name.lower()):
            return dfdc_part(int(match[1]))
        if key(name) == "trainsamplevideos":
            return ""  # out of several training folders, which are not told
        if part := _OFFICIAL.get(key(name)):
            return part
    return ""
