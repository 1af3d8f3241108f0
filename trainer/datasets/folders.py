"""Two folders, real and fake, of clips or of pictures: the layout that people make themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from trainer.datasets.clip import PARTS, PHOTO_SUFFIXES, VIDEO_SUFFIXES, Clip, unique_names
from trainer.datasets.listing import Folder, LeftOut, does_not_fit, finish, open_folder

LAYOUT = "real/ and fake/, in them clips or pictures, or a folder of them for each person"
DEPTH = 8  # levels below real and fake

_SUFFIXES = {*VIDEO_SUFFIXES, *PHOTO_SUFFIXES}


class _File(NamedTuple):
    path: Path
    within: PurePosixPath  # the folder that was given
    inside: PurePosixPath  # `real` or `fake`
    label: int
    part: str


def index_folders(folder: Path) -> list[Clip]:
    """List what is in `real` and `fake`, or in those of `train`, `val` and `test`.

    A folder inside them is one person, the same in `real` and in `fake`; a file right in them shows
    somebody of its own. A fake is taken to be made from the real file of the same name and person,
    where there is one. Names begin with the folder's own, so give two folders different names.

    Raises:
        SettingsError: The folder does not fit.
    """
    root, left_out = open_folder("folders", folder, LAYOUT), LeftOut("folders")
    files = list(_files(root, left_out))
    if not files:
        raise does_not_fit("folders", root, LAYOUT)
    prefix = f"folders-{folder.resolve().name}"
    names = unique_names(prefix, [file.within for file in files])
    real = {(f.part, f.inside.with_suffix("")): names[f.within] for f in files if not f.label}
    clips = []
    for file in files:
        name, (person, *below) = names[file.within], file.inside.parts
        people = (f"{prefix}:{person}",) if below else (name,)
        source = real.get((file.part, file.inside.with_suffix("")), name) if file.label else name
        method = "fake" if file.label else "real"
        clips.append(
            Clip(file.path, name, "folders", file.label, method, people, source, file.part)
        )
    return finish(clips, left_out)


def _files(root: Folder, left_out: LeftOut) -> Iterator[_File]:
    """Clips and pictures below `real` and `fake`, with the part that a folder around them names."""
    parts = [("", root), *((PARTS[c.path.name.lower()], c) for c in root.children(*PARTS))]
    for part, home in parts:
        for label, top in ((n, top) for n, s in enumerate(("real", "fake"))
                           for top in home.children(s)):  # fmt: skip
            for place in top.walk(DEPTH, aside=frozenset()):
                for name in place.files:
                    path = place.path / name
                    if os.path.splitext(name)[1].lower() not in _SUFFIXES:
                        left_out.add("files that are neither clip nor picture", name)
                        continue
                    within = PurePosixPath(path.relative_to(root.path).as_posix())
                    inside = PurePosixPath(path.relative_to(top.path).as_posix())
                    yield _File(path, within, inside, label, part)
