"""The preview of the Deepfake Detection Challenge's data set: 66 actors, two methods.

Dolhansky et al., The Deepfake Detection Challenge Preview Dataset, 2019,
https://arxiv.org/abs/1910.08854. A fake is called <donor>_<target>_<scene>_<number>.mp4, the clip
that it was made from <target>_<scene>_<number>.mp4.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import Clip, safe_name
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, key, open_folder

LAYOUT = "dataset.json beside original_videos, method_A and method_B"
METHODS = {"originalvideos": "original_videos", "methoda": "method_A", "methodb": "method_B"}
DEPTH = 5  # levels below a method's folder

_STEM = re.compile(r"(?:(\d+)_)?((\d+)_[A-Za-z]+_\d+)")
_SETS = {"train": "train", "test": "test"}


def index_dfdc_preview(folder: Path) -> list[Clip]:
    """List the clips of dataset.json, with its own parts, train and test.

    Clips are found by method and file name, since copies differ in the levels between them.

    Raises:
        SettingsError: The folder does not fit, or dataset.json cannot be read.
    """
    root, left_out = open_folder("dfdc_preview", folder, LAYOUT), LeftOut("dfdc_preview")
    homes = (root, *root.children("dfdc_preview_set"))
    root, listing = next(((h, f) for h in homes if (f := h.file("dataset.json"))), (root, None))
    if listing is None:
        raise does_not_fit("dfdc_preview", root, LAYOUT)
    files = _files(root, left_out)
    clips = []
    for entry, said in _read(listing).items():
        names = re.split(r"[/\\]", entry)
        stem = os.path.splitext(names[-1])[0]
        origin = next((METHODS[key(name)] for name in names if key(name) in METHODS), None)
        path = files.pop((origin, stem), None)
        if origin is None or path is None:
            left_out.add("clips of dataset.json that are not there", entry)
            continue
        clips.append(_clip(listing, path, origin, entry, said))
    if not clips:
        raise does_not_fit("dfdc_preview", root, LAYOUT)
    if files:
        left_out.add("clips that dataset.json does not list", min(files)[1], len(files))
    return finish(clips, left_out)


def _read(listing: Path) -> dict[str, dict[str, object]]:
    try:
        content = json.loads(listing.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"[data] dfdc_preview: {listing} is not JSON: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise SettingsError(
            f'[data] dfdc_preview: {listing}: expected {{"method_A/…/x.mp4": {{"label": "fake", '
            '"set": "train"}}'
        )
    return content


def _files(root: Folder, left_out: LeftOut) -> dict[tuple[str, str], Path]:
    """(method, stem) -> path of every clip below the methods' folders."""
    found: dict[tuple[str, str], Path] = {}
    homes = (root, *root.children("videos"))
    for top in (folder for home in homes for folder in home.children(*METHODS.values())):
        method = METHODS[key(top.path.name)]
        for place in top.walk(DEPTH):
            for name in place.own_videos():
                stem = os.path.splitext(name)[0]
                if (method, stem) in found:
                    left_out.add("second files of one name", name)
                found.setdefault((method, stem), place.path / name)
    return found


def _clip(listing: Path, path: Path, origin: str, entry: str, said: dict[str, object]) -> Clip:
    label = {"real": 0, "fake": 1}.get(str(said.get("label")).lower())
    part = _SETS.get(str(said.get("set")).lower())
    if label is None or part is None:
        raise SettingsError(
            f"[data] dfdc_preview: {listing}: {entry} has label {said.get('label')!r} and set "
            f"{said.get('set')!r}; expected real or fake, train or test"
        )
    match = _STEM.fullmatch(path.stem)
    named = (match[3], match[1]) if match else ()
    people = (*named, said.get("target_id"), said.get("swapped_id"))  # target first, then donor
    people = tuple(dict.fromkeys(f"dfdc_preview:{person}" for person in people if person))
    name = safe_name(f"dfdc_preview-{origin}-{path.stem}")
    source = f"dfdc_preview-original_videos-{match[2]}" if label and match else name
    method = origin if label else "real"
    return Clip(
        path, name, "dfdc_preview", label, method, people or (f"dfdc_preview:{path.stem}",),
        safe_name(source), part,
    )  # fmt: skip
