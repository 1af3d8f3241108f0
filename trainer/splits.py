"""Cut data into train, validation and test so that no person is in two of them.

Clips that share an identity are tied together; whole groups are dealt out. The split is made before
any frame is cut out or any fake is made, and is stored with a hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np

from awarenet.errors import SettingsError
from trainer.datasets import Clip

PARTS = ("train", "validation", "test")


def group_clips(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Connected components of clips that share an identity or a source clip, in a fixed order."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def keys(clip: Clip) -> list[str]:
        people = [f"identity:{name}" for name in clip.identities]
        return [*people, f"clip:{clip.source_clip}", f"clip:{clip.name}"]

    for clip in clips:
        first, *rest = keys(clip)
        for key in rest:
            parent[root(key)] = root(first)
    groups: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        groups.setdefault(root(keys(clip)[0]), []).append(clip)
    return sorted(groups.values(), key=lambda group: group[0].name)


def split_by_identity(
    clips: Sequence[Clip], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Deal groups of clips out to train, validation and test.

    Each data set is dealt out by itself, so that every part has its share of each; the largest
    groups go first, each to the part that lacks most of what it should have.

    Args:
        clips: Of any number of data sets.
        fractions: Shares of train, validation and test; they sum to 1.
        seed: Of the order in which groups of equal size are dealt.

    Returns:
        Clip name -> part.

    Raises:
        SettingsError: The shares do not sum to 1.
    """
    if len(fractions) != len(PARTS) or abs(sum(fractions) - 1) > 1e-6 or min(fractions) < 0:
        raise SettingsError(
            f"[prepare] split: {fractions} given, three shares that sum to 1 expected"
        )
    rng = np.random.default_rng(seed)
    by_dataset: dict[str, list[list[Clip]]] = {}
    for group in group_clips(clips):
        by_dataset.setdefault(group[0].dataset, []).append(group)
    split = {}
    for _, groups in sorted(by_dataset.items()):
        total, filled = sum(map(len, groups)), np.zeros(len(PARTS))
        order = rng.permutation(len(groups))
        for index in sorted(order, key=lambda i: -len(groups[i])):
            part = int(np.argmax(np.array(fractions) * total - filled))
            filled[part] += len(groups[index])
            split.update({clip.name: PARTS[part] for clip in groups[index]})
    return split


def split_hash(split: dict[str, str]) -> str:
    """SHA-256 of a split, the same for the same content in any order."""
    return hashlib.sha256(json.dumps(sorted(split.items())).encode()).hexdigest()


def leaks(rows: Iterable[tuple[str, Sequence[str], str, str]]) -> list[str]:
    """Find what crosses parts.

    Args:
        rows: (split, identities, source clip, sha256 of the crop) of each crop.

    Returns:
        One sentence for each identity, source clip or identical crop seen in two parts.
    """
    seen: dict[tuple[str, str], str] = {}
    found = []
    for part, identities, source_clip, digest in rows:
        keys = [("identity", name) for name in identities]
        for kind, name in [*keys, ("source clip", source_clip), ("crop", digest)]:
            other = seen.setdefault((kind, name), part)
            if other != part:
                found.append(f"{kind} {name} is in {other} and in {part}")
    return sorted(set(found))
