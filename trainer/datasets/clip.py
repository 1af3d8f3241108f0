"""A clip, and how it is called: what every index function makes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm")
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm", ".webp")
PARTS = {  # as people call them -> as we do
    "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "test": "test", "testing": "test",
}  # fmt: skip
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
LONGEST_NAME = 160  # characters; most file systems take 255 bytes, and a crop's name adds to it


@dataclass(frozen=True)
class Clip:
    """One source file and what is known of it; a photograph is a clip of one frame."""

    path: Path  # of pictures that were cut out earlier: their folder
    name: str  # unique within all data sets of a run, of [A-Za-z0-9_.-] where we choose it
    dataset: str
    label: int  # 0 real, 1 fake
    method: str  # "real", or how the fake was made; "fake" where the data set does not say
    identities: tuple[str, ...]  # everybody whose face is in it, as "data set:person"
    source_clip: str  # the real clip that it was made from; its own name when real or unknown
    part: str = ""  # train, validation or test where the data set itself says so
    mask: Path | None = None  # clip of the manipulated region, white where manipulated
    pictures: tuple[Path, ...] = ()  # faces cut out earlier, in order of time
    compression: str = ""  # where the data set comes in several: raw, c23, c40


def safe_name(text: str) -> str:
    """Turn any text into a name for files; two texts share one only if they are the same.

    What had to be changed or cut gets eight digits of the text's hash, so that it stays unique.
    """
    if len(text) <= LONGEST_NAME and not _UNSAFE.search(text):
        return text
    return f"{_UNSAFE.sub('-', text)[:LONGEST_NAME]}-{_digest(text)}"


def unique_names(prefix: str, paths: Sequence[PurePosixPath]) -> dict[PurePosixPath, str]:
    """Name files after their folders and themselves, without the suffix where it is not needed.

    Args:
        prefix: Begins each name.
        paths: Relative, each once.

    Returns:
        Path -> name; no two names are alike, not even where upper and lower case are the same.
    """
    plain = {path: name_of(prefix, path) for path in paths}
    often = Counter(name.casefold() for name in plain.values())
    return {
        path: name if often[name.casefold()] == 1 else f"{name}-{_digest(str(path))}"
        for path, name in plain.items()
    }


def name_of(prefix: str, path: PurePosixPath) -> str:
    """Name one file that has no namesake."""
    return safe_name("-".join([prefix, *path.with_suffix("").parts]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
