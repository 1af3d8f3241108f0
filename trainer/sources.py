"""Everything that a run's [data] names, as one list of clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets import DATASETS, Clip, index_dataset, index_photos
from trainer.settings import DataSettings


def index_sets(data: DataSettings) -> list[Clip]:
    """List the clips of all data sets of [data] sets.

    Raises:
        SettingsError: An unknown name, a folder that does not fit, or two clips of one name.
    """
    options = {
        "faceforensics": {
            "compressions": data.compressions, "include_dfd": data.include_dfd,
        },
        "dfd": {"compressions": data.compressions},
        "photos": {"same_person": data.same_person},
    }  # fmt: skip
    clips = [
        clip
        for name, folder in data.sets.items()
        for clip in index_dataset(name, Path(folder), **options.get(name, {}))
    ]
    refuse_namesakes(clips)
    return clips


def index_portraits(data: DataSettings) -> tuple[list[Clip], list[Clip]]:
    """List the photographs to learn from, and those that are only tested on.

    Raises:
        SettingsError: A folder is not there or holds no picture, or two pictures share a name.
    """
    own = [c for entry in data.photos for c in index_photos(_folder(entry), data.same_person)]
    tests = [
        replace(clip, dataset=name)
        for name, entry in sorted(data.test_photos.items())
        for clip in index_photos(_folder(entry), data.same_person)
    ]
    refuse_namesakes([*own, *tests])
    return own, tests


def refuse_namesakes(clips: Sequence[Clip]) -> None:
    """Raise SettingsError where two clips of a run share a name."""
    if twice := [name for name, n in Counter(c.name for c in clips).items() if n > 1]:
        raise SettingsError(
            f"two clips are called {twice[0]} (folder and file, without suffix); rename one"
        )


def parse_sets(entries: Sequence[str]) -> dict[str, str]:
    """Read NAME=PATH as they are typed after --data.

    Raises:
        SettingsError: One is something else, or a name comes twice.
    """
    sets: dict[str, str] = {}
    for entry in entries:
        name, equals, path = entry.partition("=")
        if not (name and equals and path):
            raise SettingsError(
                f"--data {entry}: expected NAME=PATH, NAME one of {', '.join(DATASETS)}"
            )
        if name in sets:
            raise SettingsError(f"--data {entry}: {name} is named twice; give each folder once")
        sets[name] = path
    return sets


def _folder(path: str) -> Path:
    return Path(path).expanduser()
