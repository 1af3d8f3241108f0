"""Where crops are kept: a folder of images for one machine, or tar shards for many.

`crops` reads both. An image is written under another name, in a folder that belongs to the run, and
moved into place when it is whole.

A shard is a tar file as the webdataset library reads it: of each crop the image (`.jpg`, `.png`)
and what is known of it (`.json`), under one key.
Source of the format: https://github.com/webdataset/webdataset.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from awarenet.errors import SettingsError
from trainer.datasets import Clip
from trainer.extraction.extract import Crop, Extracted, ExtractSettings, extract_clip
from trainer.extraction.writing import explained

CROPS, SHARDS = "crops", "shards"  # folders beside the manifest
PART = ".part"  # ends the name of what is not whole yet
TAR_END = bytes(1024)  # POSIX.1-2017, pax; then Python fills up to a whole record
CROP_NAME = re.compile(r"-\d{5,}(-[1-9]\d{0,2})?")  # what a crop's name adds to that of its clip


class Batch(NamedTuple):
    """Clips that are done together or not at all."""

    name: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True)
class FolderStore:
    """One file a crop: crops/PART/HH/CLIP-FRAME[-FACE].jpg.

    HH are two hexadecimal digits of the clip's name's hash: no folder gets too many files.
    """

    ordered = False  # clips may be finished in any order

    def made_of(self) -> dict[str, object]:
        """What a journal has to know of it, as JSON."""
        return {"kind": "folder"}

    def plan(self, clips: Iterable[Clip], parts: Mapping[str, str]) -> list[Batch]:
        """Every clip is a batch."""
        return [Batch(clip.name, (clip,)) for clip in sorted(clips, key=lambda clip: clip.name)]

    def is_whole(self, batch: Batch, root: Path) -> bool:
        """Believe it: to look at millions of files would take longer than to train on them."""
        return True

    def place(self, done: Extracted, part: str, root: Path, scratch: Path) -> Extracted:
        """Write the crops of a clip; called by the process that cut them.

        Returns:
            The same, with paths instead of images.

        Raises:
            AwareNetError: They cannot be written.
        """
        folder = Path(CROPS, part, hashlib.sha256(done.clip.encode()).hexdigest()[:2])
        with explained(root):
            if not done.crops:  # an earlier attempt may have got further
                for old in (root / folder).glob(f"{glob.escape(done.clip)}-*"):
                    if CROP_NAME.fullmatch(old.stem[len(done.clip) :]):
                        old.unlink()
                return done
            (root / folder).mkdir(parents=True, exist_ok=True)
            scratch.mkdir(parents=True, exist_ok=True)
            placed = []
            for crop in done.crops:
                path = folder / f"{_name(done.clip, crop)}{crop.suffix}"
                temporary = scratch / f"{os.getpid()}-{path.name}{PART}"
                temporary.write_bytes(crop.data)
                os.replace(temporary, root / path)
                placed.append(replace(crop, path=path.as_posix(), data=b""))
        return replace(done, crops=tuple(placed))


@dataclass(frozen=True)
class ShardStore:
    """Tar files of a fixed number of clips: shards/PART-NNNNN.tar.

    The clips of a part are dealt out by the hash of their names, so that each shard is a fair
    mixture of data sets and labels, as reading one after the other asks for.
    """

    clips: int = 100  # a shard; 32 crops of 20 kB each make it 70 MB
    ordered = True

    def __post_init__(self):
        if self.clips < 1:
            raise SettingsError(f"{self.clips} clips a shard; expected 1 or more")

    def made_of(self) -> dict[str, object]:
        """What a journal has to know of it, as JSON."""
        return {"kind": "shards", "clips": self.clips}

    def plan(self, clips: Iterable[Clip], parts: Mapping[str, str]) -> list[Batch]:
        """One batch a shard."""
        by_part: dict[str, list[Clip]] = {}
        for clip in sorted(clips, key=lambda clip: hashlib.sha256(clip.name.encode()).digest()):
            by_part.setdefault(parts[clip.name], []).append(clip)
        return [
            Batch(f"{part}-{start // self.clips:05d}", tuple(those[start : start + self.clips]))
            for part, those in sorted(by_part.items())
            for start in range(0, len(those), self.clips)
        ]

    def is_whole(self, batch: Batch, root: Path) -> bool:
        """Tell whether a shard that was written is still there to its end, two empty blocks."""
        try:
            with (root / SHARDS / f"{batch.name}.tar").open("rb") as file:
                size = file.seek(-len(TAR_END), os.SEEK_END) + len(TAR_END)
                return size % tarfile.RECORDSIZE == 0 and file.read() == TAR_END
        except OSError:  # gone, or shorter than that
            return False

    def place(self, done: Extracted, part: str, root: Path, scratch: Path) -> Extracted:
        """Leave the images to the process that writes the shard."""
        return done

    def pack(
        self, batch: Batch, results: Iterable[Extracted], root: Path, scratch: Path
    ) -> list[Extracted]:
        """Write a shard; the images of one clip are held at a time.

        Args:
            batch: What it is to hold.
            results: Of the batch's clips, in their order.
            root: Folder of the manifest.
            scratch: Folder of this run, on the same disk.

        Returns:
            The results, with paths instead of images.

        Raises:
            AwareNetError: It cannot be written.
        """
        from webdataset.writer import TarWriter  # late: it imports torch

        path = Path(SHARDS, f"{batch.name}.tar")
        placed = []
        with explained(root):
            for folder in (root / SHARDS, scratch):
                folder.mkdir(parents=True, exist_ok=True)
            temporary = scratch / f"{path.name}{PART}"
            with (
                temporary.open("wb") as file,
                TarWriter(file, user="", group="", mtime=0, encoder=False) as writer,
            ):
                for clip, done in zip(batch.clips, results, strict=True):
                    crops = []
                    for crop in done.crops:
                        key = quote(_name(clip.name, crop), safe="").replace(".", "%2E")
                        about = json.dumps(_about(clip, crop)).encode()
                        writer.write({"__key__": key, crop.suffix[1:]: crop.data, "json": about})
                        crops.append(
                            replace(crop, path=f"{path.as_posix()}#{key}{crop.suffix}", data=b"")
                        )
                    placed.append(replace(done, crops=tuple(crops)))
            os.replace(temporary, root / path)
        return placed


@dataclass(frozen=True)
class Cut:
    """What is done with a clip and its part, in whatever process; light to import there."""

    settings: ExtractSettings
    store: FolderStore | ShardStore
    root: Path
    scratch: Path

    def __call__(self, job: tuple[Clip, str]) -> Extracted:
        """Cut a clip up and, in a folder, put its crops in place."""
        clip, part = job
        return self.store.place(extract_clip(clip, self.settings), part, self.root, self.scratch)


def scratch_of(root: Path, store: FolderStore | ShardStore, run: str) -> Path:
    """Where a run keeps what is not whole yet: on the disk of what it will be part of."""
    return root / (SHARDS if store.ordered else CROPS) / f".{run}{PART}"


def clear_scratch(root: Path, run: str = "*") -> None:
    """Delete what a run that was killed left half written; by default, what any run left."""
    for folder in (root / CROPS, root / SHARDS):
        for path in folder.glob(f".{run}{PART}"):
            shutil.rmtree(path, ignore_errors=True)


def _name(clip: str, crop: Crop) -> str:
    face = f"-{crop.face}" if crop.face else ""
    return f"{clip}-{crop.frame:05d}{face}"


def _about(clip: Clip, crop: Crop) -> dict[str, object]:
    """What a reader of shards, who has no manifest, ought to know of a crop."""
    return {
        "clip": clip.name,
        "frame": crop.frame,
        "time_s": crop.time_s,
        "box": crop.box,
        "landmarks": crop.landmarks,
        "label": clip.label,
        "method": clip.method,
        "dataset": clip.dataset,
        "identities": clip.identities,
        "source_clip": clip.source_clip,
        "sha256": crop.sha256,
        "compression": clip.compression,
        "face_px": crop.face_px,
    }
