"""Find crops that show nearly the same picture, by perceptual hash, among hundreds of thousands.

Hash: the signs of the lowest frequencies of the gray picture, as ImageHash takes them (Zauner,
Implementation and benchmarking of perceptual image hash functions, 2010).

Search: of two hashes that differ in few bits, at least one band of 16 differs in next to none, so
only crops with such a band in common are compared. With 36 bands and a threshold of 64, the 65
differences that would be one too many fill 29 bands with two each and 7 with one each; whatever has
fewer leaves one of the 29 with at most one, or one of the 7 with none. Nothing is missed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Protocol

import imagehash
import numpy as np
from PIL import Image

from awarenet.atomic import written_whole
from trainer.extraction.crops import read_crop

SIDE = 24  # bits; frequencies across and down
WORDS = SIDE * SIDE // 64  # of 64 bits, that a hash fills
BAND = 16  # bits
SPREAD = 77  # steps from one bit to the next of a band, since neighboring frequencies go together
CHUNK = 1 << 20  # pairs compared at a time: about 60 MB
MOST_PAIRS = 1_000_000  # the search ends with these; a split that has as many needs no more proof
NEAR = 64
"""Bits of 576 in which near copies may differ.

Measured in November 2026 on crops of 256 px. Strangers: of 1,032 portraits (congress_225x275,
interfaces_500, tabler; in half of the pairs one is in the mirror) no two of 1,063,992 pairs were
nearer than 126; one in 1,000 was within 178, in 10,000 within 156, in 100,000 within 142. There,
14 to 16 bits make a factor of ten, so about 1 in 10^10 is within 64: a few of the 3.7 * 10^10 pairs
across parts of 400,000 crops if each were a portrait of somebody else in the same studio, and far
fewer when they are frames of clips. Strangers in ORL (78,000 pairs) and in the one room of
asl_gestures (47,867): none within 173.

Copies, of 716 crops: found were all that were saved as JPEG of quality 50 to 95, scaled by 0.5 to
2, made darker or lighter by 0.7 to 1.3, halved and then saved at 50, or that lost 2 px at the rim;
36 % of those that lost 4 px. Crops with no detail beyond 16 px across: 87 % at quality 50, 24 px:
all. The next frame of a clip of asl_gestures, its face found anew: 65 %, and 6 % half a second on;
clips of one scene are told by their names, not by this. With 64 bits the nearest strangers are 2
bits apart, with 256 bits 38, and copies in other light 34: too little between.
"""


class Crop(Protocol):
    """A row of the manifest, as far as it is needed here."""

    path: str
    sha256: str


def hash_crop(image: np.ndarray) -> np.ndarray:
    """Describe a (H, W, 3) uint8 RGB crop in (9,) uint64, in which like crops differ little."""
    bits = imagehash.phash(Image.fromarray(image), hash_size=SIDE).hash.ravel()
    spread = np.packbits(bits[np.arange(len(bits)) * SPREAD % len(bits)])
    return spread.view(np.uint64)


def hash_crops(
    rows: Sequence[Crop], root: Path, *, cache: Path | None = None, workers: int = 1
) -> np.ndarray:
    """Hash the crops of a manifest; what was hashed before is taken from `cache`.

    Args:
        rows: Of the manifest; of equal `sha256` one is read.
        root: Folder of the manifest.
        cache: File of hashes by sha256, read and written.
        workers: Processes.

    Returns:
        (N, 9) uint64.

    Raises:
        AwareNetError: A crop is missing or broken.
    """
    known = _read_cache(cache) if cache is not None and cache.is_file() else {}
    new = {row.sha256: row.path for row in rows if row.sha256 not in known}
    work = partial(_hash_file, root)
    if workers > 1 and len(new) > workers:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            hashes = list(pool.map(work, new.values(), chunksize=64))
    else:
        hashes = [work(path) for path in new.values()]
    known.update(zip(new, hashes, strict=True))
    if cache is not None and new:
        with written_whole(cache) as temporary, temporary.open("wb") as file:
            digests = np.array(list(known), "S64")
            np.savez(file, digests=digests, hashes=np.stack(list(known.values())))
    return np.array([known[row.sha256] for row in rows], np.uint64).reshape(-1, WORDS)


def near_pairs(
    hashes: np.ndarray, parts: np.ndarray, threshold: int = NEAR, most: int = MOST_PAIRS
) -> np.ndarray:
    """Find all pairs in different parts whose hashes differ in at most `threshold` bits.

    Of crops with the same hash in the same part only the first is compared.

    Args:
        hashes: (N, W) uint64.
        parts: (N,) any kind of number or text.
        threshold: Bits.
        most: The search ends when it has found as many.

    Returns:
        (M, 3) int64, sorted: index of one crop, of the other, bits that differ.
    """
    _, parts = np.unique(parts, return_inverse=True)
    table = np.column_stack([parts.astype(np.uint64), hashes])
    first = np.sort(np.unique(table, axis=0, return_index=True)[1])
    sides = [first[parts[first] == part] for part in range(parts.max(initial=-1) + 1)]
    found, count = [np.zeros((0, 3), np.int64)], 0
    for i, j, bits in _across(hashes, sides, threshold):
        found.append(np.column_stack([np.minimum(i, j), np.maximum(i, j), bits]))
        count += len(i)
        if count >= most:
            break
    pairs = np.concatenate(found)[:most]
    return pairs[np.lexsort(pairs.T[::-1])]


def _across(
    hashes: np.ndarray, sides: Sequence[np.ndarray], threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give near pairs between any two of the index arrays in `sides`."""
    for one, other in combinations(sides, 2):
        larger, smaller = sorted((one, other), key=len, reverse=True)
        for i, j, bits in _join(hashes[larger], hashes[smaller], threshold):
            yield larger[i], smaller[j], bits


def _hash_file(root: Path, path: str) -> np.ndarray:
    return hash_crop(read_crop(root, path))


def _read_cache(cache: Path) -> dict[str, np.ndarray]:
    """Hashes by sha256 of a crop; none where the file was written by another version."""
    with np.load(cache) as stored:
        if stored["hashes"].shape[1:] != (WORDS,):
            return {}
        digests = stored["digests"].astype(str).tolist()
        return dict(zip(digests, stored["hashes"], strict=True))


def _join(
    ours: np.ndarray, theirs: np.ndarray, threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give near pairs of (N, W) and (M, W) uint64, each once: index, index, bits that differ."""
    bands = [np.ascontiguousarray(side).view(np.uint16) for side in (ours, theirs)]
    number = bands[0].shape[1]
    whole, more = divmod(threshold + 1, number)
    radii = np.array(
        [whole - (band >= more) for band in range(number)]
    )  # -1: need not be looked at
    for band in np.flatnonzero(radii >= 0):
        order = np.argsort(bands[0][:, band], kind="stable")
        sizes = np.bincount(bands[0][:, band], minlength=1 << BAND)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        columns = ours[order].T.copy()  # (W, N): each bucket's hashes lie side by side
        for i, j, bits in _compare(
            columns, theirs, starts, bands[1][:, band], radii[band], threshold
        ):
            i = order[i]
            apart = np.bitwise_count(bands[0][i, :band] ^ bands[1][j, :band])
            new = (apart > radii[:band]).all(axis=1)  # no band before this has found them
            if new.any():
                yield i[new], j[new], bits[new]


def _compare(
    columns: np.ndarray,
    theirs: np.ndarray,
    starts: np.ndarray,
    keys: np.ndarray,
    radius: int,
    threshold: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Compare all that share a bucket, or nearly: place in `columns`, row of `theirs`, bits."""
    every = np.arange(1 << BAND, dtype=np.uint16)
    for mask in every[np.bitwise_count(every) <= radius]:
        low = starts[keys ^ mask]
        counts = starts[(keys ^ mask).astype(np.int64) + 1] - low
        ends = np.cumsum(counts)
        begin = 0
        while begin < len(keys):
            done = ends[begin - 1] if begin else 0
            end = max(int(np.searchsorted(ends, done + CHUNK, "right")), begin + 1)
            n = counts[begin:end]
            j = np.repeat(np.arange(begin, end), n)
            i = np.arange(len(j)) + np.repeat(low[begin:end] - (ends[begin:end] - n - done), n)
            bits = np.zeros(len(j), np.int64)
            for word, column in enumerate(columns):
                bits += np.bitwise_count(column[i] ^ theirs[j, word])
                if word % 3 == 2:  # most are out after a third of their words
                    keep = bits <= threshold
                    i, j, bits = i[keep], j[keep], bits[keep]
            keep = bits <= threshold
            if keep.any():
                yield i[keep], j[keep], bits[keep]
            begin = end
