"""What lies on disk, as rows: one index function a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from awarenet.errors import SettingsError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm", ".webp")


@dataclass(frozen=True)
class Clip:
    """One source file and what is known of it; a photograph is a clip of one frame."""

    path: Path
    name: str  # unique within all data sets of a run
    dataset: str
    label: int  # 0 real, 1 fake
    method: str  # "real", or how the fake was made
    identities: tuple[str, ...]  # everybody whose face is in it
    source_clip: str  # the real clip that it was made from; its own name when real


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


DATASETS: dict[str, Callable[..., list[Clip]]] = {"photos": index_photos}


def name_people(paths: list[Path], people: dict[str, str]) -> dict[Path, str]:
    """Say who is in each clip: the longest prefix of its name in `people`, else the clip itself."""
    named = {}
    for path in paths:
        prefixes = [prefix for prefix in people if path.stem.startswith(prefix)]
        named[path] = people[max(prefixes, key=len)] if prefixes else path.stem
    return named
