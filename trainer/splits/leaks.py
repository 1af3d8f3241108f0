"""Look for what is in two parts of a manifest: the check before anything is trained.

A clip, an identity, a source clip, the very same crop, or nearly the same picture. What a split
promises is one thing, what was cut out of the clips another: two data sets may hold one clip under
two names, and only the crops tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from awarenet.errors import AwareNetError
from trainer.splits.dealing import PARTS
from trainer.splits.near_copies import NEAR, near_pairs

PLURALS = {
    "clip": "clips",
    "source clip": "source clips",
    "identity": "identities",
    "identical crop": "identical crops",
    "near copy": "pairs of clips with nearly the same picture",
}
KINDS = tuple(PLURALS)
BY_DESIGN = {  # protocol -> kinds that it lets cross; they are told, and refused in any other split
    "identity": (),
    "official": tuple(kind for kind in KINDS if kind != "clip"),
    "video": tuple(kind for kind in KINDS if kind != "clip"),
    "frame": KINDS,
}


class Crop(Protocol):
    """A row of the manifest, as far as it is looked at here."""

    path: str
    clip: str
    identities: tuple[str, ...]
    source_clip: str
    split: str
    sha256: str


@dataclass(frozen=True)
class Leak:
    """Something that is in two parts or more."""

    kind: str  # one of KINDS
    name: str  # of what it is; of a near copy the names of both clips
    crops: tuple[tuple[str, int], ...]  # part -> crops that show it there, as PARTS are ordered
    example: str  # two crops, one in each of two parts, by their paths

    def __str__(self) -> str:
        where = ", ".join(f"{n} crop{'s' * (n != 1)} in {part}" for part, n in self.crops)
        return f"{self.name}: {where}; e.g. {self.example}"


def find_leaks(
    rows: Sequence[Crop], hashes: np.ndarray | None = None, threshold: int = NEAR
) -> list[Leak]:
    """Find what is in two parts, in the order of `KINDS` and then of names.

    Args:
        rows: Of the manifest.
        hashes: (N, 9) uint64 of `near_copies.hash_crops`, to look for near copies too.
        threshold: Bits in which these may differ.
    """
    found = []
    for kind in KINDS[:-1]:
        found += _crossing(rows, kind)
    if hashes is not None:
        found += _near_copies(rows, hashes, threshold)
    return found


def describe(found: Sequence[Leak], limit: int = 3) -> str:
    """Put leaks into words: how many of each kind, and `limit` examples of each."""
    if not found:
        return "nothing is in two parts"
    lines = []
    for kind in KINDS:
        own = [leak for leak in found if leak.kind == kind]
        if own:
            where = Counter(" and ".join(part for part, _ in leak.crops) for leak in own)
            counts = ", ".join(f"{count} in {parts}" for parts, count in sorted(where.items()))
            lines.append(f"{_count(kind, len(own))} in two parts: {counts}")
            lines += [f"  {leak}" for leak in own[:limit]]
            lines += [f"  and {len(own) - limit} more"] * (len(own) > limit)
    return "\n".join(lines)


def check_leaks(
    rows: Sequence[Crop],
    hashes: np.ndarray | None = None,
    *,
    allow: bool | Collection[str] = False,
    limit: int = 3,
) -> str:
    """Refuse a manifest in which anything is in two parts that may not be.

    Args:
        rows: Of the manifest.
        hashes: As of `find_leaks`.
        allow: Kinds that may cross, as those of `BY_DESIGN`; True for all of them.
        limit: Examples of each kind.

    Returns:
        What crosses all the same, in words.

    Raises:
        AwareNetError: Something else crosses; one line with counts and the first example of each.
    """
    found = find_leaks(rows, hashes)
    allowed = set(KINDS if allow is True else allow or ())
    refused = [leak for leak in found if leak.kind not in allowed]
    if refused:
        counts = Counter(leak.kind for leak in refused)
        first = {leak.kind: leak for leak in reversed(refused)}
        what = "; ".join(
            f"{_count(kind, counts[kind])} ({first[kind]})" for kind in KINDS if kind in counts
        )
        raise AwareNetError(
            f"the split leaks, in two parts are {what}; make a split of protocol identity, and "
            "name people who are in it twice alike"
        )
    return describe(found, limit)


def _crossing(rows: Sequence[Crop], kind: str) -> list[Leak]:
    """Leaks of a kind that has a name in each row."""
    home: dict[str, str] = {}
    crossing = {
        name
        for row in rows
        for name in _names(row, kind)
        if home.setdefault(name, row.split) != row.split
    }
    there: dict[str, dict[str, list[str]]] = {name: {} for name in crossing}
    for row in rows:
        for name in crossing.intersection(_names(row, kind)):
            there[name].setdefault(row.split, []).append(row.path)
    return [_leak(kind, name, parts) for name, parts in sorted(there.items())]


def _names(row: Crop, kind: str) -> tuple[str, ...]:
    if kind == "identity":
        return row.identities
    return ({"clip": row.clip, "source clip": row.source_clip}.get(kind, row.sha256),)


def _near_copies(rows: Sequence[Crop], hashes: np.ndarray, threshold: int) -> list[Leak]:
    """Leaks by two clips that look alike; crops that are the very same are told elsewhere."""
    there: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one, other, _ in near_pairs(hashes, np.array([row.split for row in rows]), threshold):
        pair = sorted((rows[one], rows[other]), key=lambda row: (row.clip, row.split))
        if pair[0].sha256 != pair[1].sha256:
            parts = there.setdefault((pair[0].clip, pair[1].clip), {})
            for row in pair:
                if row.path not in (paths := parts.setdefault(row.split, [])):
                    paths.append(row.path)
    return [
        _leak("near copy", " and ".join(dict.fromkeys(names)), parts)
        for names, parts in sorted(there.items())
    ]


def _leak(kind: str, name: str, parts: dict[str, list[str]]) -> Leak:
    order = sorted(parts, key=lambda part: (PARTS.index(part) if part in PARTS else -1, part))
    crops = tuple((part, len(parts[part])) for part in order)
    return Leak(kind, name, crops, " and ".join(min(parts[part]) for part in order[:2]))


def _count(kind: str, count: int) -> str:
    return f"{count} {kind if count == 1 else PLURALS[kind]}"
