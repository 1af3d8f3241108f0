"""Read a crop by the path that a row of the manifest holds: an image, or a member of a tar shard.

A shard is looked through once a process; after that every crop of it is one read, in any order.
Safe in threads and after a fork: no file's position matters.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tarfile
from pathlib import Path

import cv2
import numpy as np

from awarenet.errors import AwareNetError
from trainer.manifest import Row

OPEN_TARS = 32  # files that a process keeps open, of any number that it reads from


def read_crop(root: Path, path: str) -> np.ndarray:
    """Load a crop of a manifest.

    Args:
        root: Folder of the manifest.
        path: As in the manifest: of an image, or shards/NAME.tar#MEMBER.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        AwareNetError: It is missing or cannot be decoded.
    """
    file, inside, member = path.partition(".tar#")
    try:
        data = _read_member(f"{root / file}.tar", member) if inside else (root / path).read_bytes()
    except (OSError, KeyError, tarfile.TarError):
        data = b""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if image is None:
        raise AwareNetError(
            f"{path} is missing or broken; delete journals and manifest, and prepare again"
        )
    return image


def read_scene(row: Row, root: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Load a crop with the points of its face, as `trainer.portraits.forge` takes it.

    Raises:
        AwareNetError: It is missing or cannot be decoded.
    """
    return read_crop(root, row.path), row.mesh


class _OpenTar:
    """A tar file, open until nobody uses it anymore."""

    def __init__(self, path: str):
        self.handle = os.open(path, os.O_RDONLY)

    def __del__(self):
        if handle := getattr(self, "handle", None):
            os.close(handle)


@functools.lru_cache(maxsize=OPEN_TARS)
def _open_tar(path: str) -> _OpenTar:
    return _OpenTar(path)


@functools.cache
def _index(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the images of a tar file are: (N,) uint64 hashes of names, ascending; (N, 2) places.

    Arrays, since every process of a loader holds this for all shards: 24 bytes a crop.
    """
    with tarfile.open(path, "r:") as tar:
        found = sorted(
            (_hash(member.name), member.offset_data, member.size)
            for member in tar
            if member.isfile() and not member.name.endswith(".json")
        )
    table = np.array(found, np.uint64).reshape(-1, 3)
    return table[:, 0].copy(), table[:, 1:].astype(np.int64)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _read_member(path: str, member: str) -> bytes:
    """Read an image of a tar file.

    Raises:
        OSError, tarfile.TarError: The file cannot be read.
        KeyError: It has no such member.
    """
    names, places = _index(path)
    wanted = np.uint64(_hash(member))
    at = int(np.searchsorted(names, wanted))
    if at == len(names) or names[at] != wanted:
        raise KeyError(member)
    offset, size = (int(value) for value in places[at])
    tar = _open_tar(path)  # held until it is read: another thread may have it forgotten meanwhile
    return os.pread(tar.handle, size, offset)
