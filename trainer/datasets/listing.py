"""How data sets are read from disk: folders listed once, names compared loosely, losses counted.

Mirrors spell folders in their own way and add or leave out a `videos` level. Nothing here opens a
clip or asks for its status: 120,000 clips on a network drive would take an hour.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from awarenet.errors import SettingsError
from trainer.datasets.clip import PHOTO_SUFFIXES, VIDEO_SUFFIXES, Clip

log = logging.getLogger(__name__)

_FILES = (*VIDEO_SUFFIXES, *PHOTO_SUFFIXES, ".json", ".csv", ".txt", ".npy")
# what tools put beside clips: thousands of folders, one a clip
ASIDE = frozenset({"frames", "landmarks", "masks", "crops", "boxes", "diffs", "images"})
_SHOWN = 6  # entries of a folder that does not fit


def key(name: str) -> str:
    """Reduce a name to what mirrors agree on: `YouTube-real` and `youtube_real` are one."""
    return re.sub(r"[\W_]+", "", name).casefold()


class Folder:
    """A folder, listed once: names of its files and folders, sorted, hidden ones left out."""

    def __init__(self, path: Path):
        self.path = path
        self.files: list[str] = []
        self.folders: list[str] = []
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith((".", "__MACOSX")):
                    continue
                known = name.lower().endswith(_FILES)  # no need to ask the disk
                (self.files if known or not entry.is_dir() else self.folders).append(name)
        self.files.sort()
        self.folders.sort()

    def children(self, *names: str) -> list[Folder]:
        """List the folders in it that are called so, in the order of `names`."""
        wanted = [key(name) for name in names]
        found = [name for name in self.folders if key(name) in wanted]
        return [Folder(self.path / n) for n in sorted(found, key=lambda n: wanted.index(key(n)))]

    def file(self, *names: str) -> Path | None:
        """Path of a file in it that is called so."""
        wanted = {key(name) for name in names}
        endings = tuple(os.path.splitext(name)[1].lower() for name in names)
        near = (name for name in self.files if name.lower().endswith(endings))  # few of thousands
        return next((self.path / name for name in near if key(name) in wanted), None)

    def own_videos(self) -> list[str]:
        """Names of the videos right in it."""
        return [name for name in self.files if name.lower().endswith(VIDEO_SUFFIXES)]

    def videos(self, left_out: LeftOut) -> dict[str, Path]:
        """Stem -> path of the videos in it, in its `videos`, and in a folder called like itself."""
        found: dict[str, Path] = {}
        for folder in (self, *self.children("videos", self.path.name)):
            for name in folder.own_videos():
                stem = os.path.splitext(name)[0]
                if stem in found:
                    left_out.add("second files of one name", name)
                else:
                    found[stem] = folder.path / name
        return found

    def walk(self, depth: int, aside: frozenset[str] = ASIDE) -> Iterator[Folder]:
        """Give this folder and those below it, down to `depth` levels, but for those `aside`."""
        yield self
        for name in self.folders if depth else ():
            if name.lower() not in aside:
                yield from Folder(self.path / name).walk(depth - 1, aside)


class LeftOut:
    """What an index leaves out, and why; told in one line at its end."""

    def __init__(self, dataset: str):
        self.dataset = dataset
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Count something left out; `reason` reads on from a number, as in "3 clips not there"."""
        self.counts[reason] += count
        self.first.setdefault(reason, name)

    def tell(self) -> None:
        """Log one line, if anything was left out."""
        if self.counts:
            told = "; ".join(f"{n} {why}, as {self.first[why]}" for why, n in self.counts.items())
            log.warning("%s: left out: %s", self.dataset, told)


def open_folder(dataset: str, folder: Path, layout: str) -> Folder:
    """List the folder that a data set is said to be in.

    Raises:
        SettingsError: It is not there.
    """
    if not folder.is_dir():
        raise SettingsError(f"[data] {dataset}: no folder {folder}; expected {layout}")
    return Folder(folder)


def does_not_fit(dataset: str, folder: Folder, layout: str) -> SettingsError:
    """Say what was looked for and what was found instead."""
    found = [*(f"{name}/" for name in folder.folders), *folder.files]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    shown = f"{', '.join(found[:_SHOWN])}{more}" if found else "nothing"
    return SettingsError(
        f"[data] {dataset}: {folder.path} does not fit; looked for {layout}; found {shown}"
    )


def finish(clips: Iterable[Clip], left_out: LeftOut) -> list[Clip]:
    """Sort clips by name, keep the first of each name, and tell what was left out."""
    kept: dict[str, Clip] = {}
    for clip in clips:
        if kept.setdefault(clip.name, clip) is not clip:
            left_out.add("clips that are there twice", clip.name)
    left_out.tell()
    return [kept[name] for name in sorted(kept)]
