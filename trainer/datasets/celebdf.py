"""Celeb-DF, versions 1 and 2.

Li et al., Celeb-DF, 2020, https://arxiv.org/abs/1909.12962. Its list of test clips writes 1 for
real, the other way round than everything else; `trainer.official` turns it.
"""

from __future__ import annotations

from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import Clip, safe_name
from trainer.datasets.listing import LeftOut, does_not_fit, finish, open_folder
from trainer.datasets.stems import recognize
from trainer.official import ListedClip, celebdf_v2_test, read_celebdf_list

FOLDERS = {"Celeb-real": 0, "YouTube-real": 0, "Celeb-synthesis": 1}  # -> label
LIST = "List_of_testing_videos.txt"
LAYOUT = f"Celeb-real, YouTube-real and Celeb-synthesis, with {LIST} beside them"


def index_celebdf_v1(folder: Path) -> list[Clip]:
    """List Celeb-DF v1; official parts only where the folder holds the list of test clips.

    Raises:
        SettingsError: The folder does not fit, or its list cannot be read.
    """
    return _index("celebdf_v1", folder, {})


def index_celebdf_v2(folder: Path) -> list[Clip]:
    """List Celeb-DF v2; the folder's own list of test clips wins over the one kept here.

    What is not listed is official training material, though everybody in the test part is in it
    too: this split keeps clips apart, not people.

    Raises:
        SettingsError: The folder does not fit, or its list cannot be read.
    """
    return _index("celebdf_v2", folder, celebdf_v2_test())


def _index(dataset: str, folder: Path, official: dict[ListedClip, int]) -> list[Clip]:
    root, left_out = open_folder(dataset, folder, LAYOUT), LeftOut(dataset)
    if own := root.file(LIST):
        official = read_celebdf_list(own)
    clips, found = [], set()
    for origin, label in FOLDERS.items():
        for child in root.children(origin):
            for stem, path in child.videos(left_out).items():
                said = recognize(stem)
                if said is None or said.family != "celebdf" or said.label != label:
                    left_out.add("clips whose names say nothing", path.name)
                    continue
                listed = ListedClip(origin, stem)
                found.add(listed)
                if official.get(listed, label) != label:
                    raise SettingsError(
                        f"[data] {dataset}: {own or 'the official list'} says that {origin}/{stem} "
                        f"is {'a fake' if label == 0 else 'real'}; expected 1 for real, 0 for fake"
                    )
                source = safe_name(f"{dataset}-{said.folder}-{said.source}")
                name = safe_name(f"{dataset}-{origin}-{stem}") if label else source
                part = ("test" if listed in official else "train") if official else ""
                method = origin if label else "real"
                clips.append(
                    Clip(path, name, dataset, label, method, said.identities, source, part)
                )
    if not clips:
        raise does_not_fit(dataset, root, LAYOUT)
    for listed in sorted(official.keys() - found):
        left_out.add("clips of the test list that are not there", f"{listed.folder}/{listed.stem}")
    return finish(clips, left_out)
