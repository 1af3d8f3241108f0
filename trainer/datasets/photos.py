"""Photographs of real people, from which the trainer makes its own fakes."""

from __future__ import annotations

from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import PHOTO_SUFFIXES, Clip

LAYOUT = "pictures, in a folder of their own for each person who has several"


def index_photos(folder: Path, same_person: dict[str, str] | None = None) -> list[Clip]:
    """List a folder of real photographs, one person a photograph.

    Args:
        folder: Holds the pictures; subfolders are one person each (as in ORL's s1..s40).
        same_person: Photograph name -> name of another photograph of that person.

    Raises:
        SettingsError: No such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise SettingsError(f"[data] photos: no folder {folder}; the README says how to fetch it")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    if not paths:
        raise SettingsError(f"[data] photos: no {', '.join(PHOTO_SUFFIXES)} file in {folder}")
    clips = []
    for path in paths:
        within = path.relative_to(folder)
        name = "-".join([folder.name, *within.with_suffix("").parts])
        person = "-".join([folder.name, *within.parent.parts]) if within.parent.parts else name
        person = (same_person or {}).get(name, person)
        clips.append(Clip(path, name, folder.name, 0, "real", (person,), name))
    return clips


def name_people(paths: list[Path], people: dict[str, str]) -> dict[Path, str]:
    """Say who is in each clip: the longest prefix of its name in `people`, else the clip itself."""
    named = {}
    for path in paths:
        prefixes = [prefix for prefix in people if path.stem.startswith(prefix)]
        named[path] = people[max(prefixes, key=len)] if prefixes else path.stem
    return named
