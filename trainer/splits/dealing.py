"""Deal groups of clips out to the parts of a split, and cut what no part can hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from trainer.datasets import Clip
from trainer.splits.swap_graph import (
    cut,
    group_clips,
    keys_of,
    pool_groups,
    take_people,
    touch_blocks,
)

PARTS = ("train", "validation", "test")
LABELS = ("real", "fake")
SPILL = 0.1  # of a pool's clips: a group is cut if it holds this more than the largest part asks
TIGHT_SPILL = 0.02  # the same over what its own part lacks, for cuts made to fill or even parts out


@dataclass
class Dealt:
    """What became of each clip, and what there is to say of it."""

    parts: dict[str, str] = field(default_factory=dict)  # clip name -> part
    dropped: dict[str, str] = field(default_factory=dict)  # clip name -> reason
    warnings: list[str] = field(default_factory=list)


def chance(seed: int, *names: str) -> np.random.Generator:
    """Randomness of its own for each name, so that one more data set changes no other's split."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def deal(
    sizes: Sequence[int], shares: Sequence[float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Deal groups out, the largest first, each to the part that lacks most of what it should have.

    No part ends further from its share than the largest group is large. A part that gets nothing
    that way is given the group with which the parts stay closest to their shares, if these bounds
    hold with it.

    Args:
        sizes: Of the groups, clips.
        shares: Of the parts; they sum to 1.
        rng: Orders groups of equal size.

    Returns:
        (N,) index of each group's part, and (N, P) what the parts lacked when it was dealt, clips.
    """
    total, filled = sum(sizes), np.zeros(len(shares))
    home, lacked = np.zeros(len(sizes), int), np.zeros((len(sizes), len(shares)))
    order = rng.permutation(len(sizes))
    for index in sorted(order, key=lambda i: -sizes[i]):
        lacked[index] = np.array(shares) * total - filled
        home[index] = int(np.argmax(lacked[index]))
        filled[home[index]] += sizes[index]
    for part in np.flatnonzero((np.array(shares) > 0) & (filled == 0)):
        options = {}
        for index in order:
            off = filled - np.array(shares) * total
            off[[part, home[index]]] += (sizes[index], -sizes[index])
            if filled[home[index]] > sizes[index]:
                options.setdefault(np.abs(off).max(), index)
        if options and min(options) <= max(sizes):
            index = options[min(options)]
            filled[[part, home[index]]] += (sizes[index], -sizes[index])
            home[index] = part
    return home, lacked


def deal_by_label(
    groups: Sequence[Sequence[Clip]], shares: Sequence[float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Deal groups of real clips alone, of fakes alone and of both, each kind by itself.

    Otherwise Celeb-DF's YouTube clips, of a stranger each, would all go where the large groups left
    room, and that part would hold most of the real clips. Should this bring a part further from its
    share than the largest group is large, all groups are dealt together.

    Returns:
        As `deal`.
    """
    sizes = [len(group) for group in groups]
    kinds: dict[tuple[int, ...], list[int]] = {}
    for index, group in enumerate(groups):
        kinds.setdefault(tuple(sorted({clip.label for clip in group})), []).append(index)
    home, lacked = np.zeros(len(groups), int), np.zeros((len(groups), len(shares)))
    for _, members in sorted(kinds.items()):
        home[members], lacked[members] = deal([sizes[i] for i in members], shares, rng)
    filled = np.bincount(home, sizes, minlength=len(shares))
    if np.abs(filled - np.array(shares) * sum(sizes)).max() > max(sizes):
        return deal(sizes, shares, rng)
    return home, lacked


def deal_people(
    clips: Sequence[Clip], shares: Sequence[float], seed: int, tight: bool = False
) -> Dealt:
    """Deal clips out so that no identity and no source clip is in two parts.

    Each data set is dealt out by itself (those that share people together), in whole groups. A
    group is cut, and the fakes across the cut dropped, only

    - where no part can hold it: it has more clips than the largest part asks, and `SPILL` on top;
    - where a part would be left without real or without fake clips, and cutting a group that
      overfills its own part by `TIGHT_SPILL` gives it some;
    - if `tight`, where it overfills its part by `TIGHT_SPILL`.

    No cut is made that takes the last real or fake clips from a part. A dropped fake is put back if
    its people end in the same part after all.

    Args:
        clips: Of any number of data sets.
        shares: Of train, validation and test; they sum to 1.
        seed: Of the order in which groups are dealt and of where cuts begin.
        tight: Whether to lose more fakes for proportions nearer to what was asked.
    """
    dealt = Dealt()
    for pool, groups in pool_groups(clips).items():
        _deal_pool(pool, groups, shares, seed, tight, dealt)
    return dealt


def _deal_pool(
    pool: str,
    groups: list[list[Clip]],
    shares: Sequence[float],
    seed: int,
    tight: bool,
    dealt: Dealt,
) -> None:
    everything = [clip for group in groups for clip in group]
    labels = {clip.label for clip in everything}
    whole: set[str] = set()  # first clips of groups that are not cut (again)
    rng = partial(chance, seed, "deal", pool)
    home, lacked = deal_by_label(groups, shares, rng())
    gaps = _gaps(groups, home, shares, labels)
    while large := _too_large(groups, home, lacked, shares, tight or bool(gaps), whole):
        index, room = large
        group = groups[index]
        must = len(group) > (max(shares) + SPILL) * sum(map(len, groups))
        full = np.minimum(TIGHT_SPILL, np.array(shares) / 2) * len(everything)
        wanted = np.where(lacked[index] > full, lacked[index], 0)
        pieces, joints = _cut_group(group, room, wanted, seed)
        rest = [*groups[:index], *pieces, *groups[index + 1 :]]
        new_home, new_lacked = deal_by_label(rest, shares, rng())
        new_gaps = _gaps(rest, new_home, shares, labels)
        mends = set(new_gaps) < set(gaps) or ((must or tight) and new_gaps == gaps)
        if len(pieces) < 2 or not mends:
            whole.add(group[0].name)
            continue
        if not joints:
            whole |= {piece[0].name for piece in pieces}
        where = f"at {', '.join(_bare(joint) for joint in joints)}" if joints else "by people"
        dealt.warnings.append(
            f"{pool}: {len(group)} of {len(everything)} clips are tied together by swaps, more "
            f"than a part can hold; they were cut {where}"
        )
        groups, home, lacked, gaps = rest, new_home, new_lacked, new_gaps
    for group, part in zip(groups, home, strict=True):
        dealt.parts.update({clip.name: PARTS[part] for clip in group})
    _put_back(everything, dealt)
    if lost := sum(clip.name in dealt.dropped for clip in everything):
        dealt.warnings.append(
            f"{pool}: {lost} of {sum(clip.label for clip in everything)} fakes are left out, since "
            "their people are in two parts"
        )
    dealt.warnings += [
        f"{pool}: no {LABELS[label]} clip in {part}; too few people, or too many ties between them"
        for part, label in gaps
    ]


def _too_large(
    groups: Sequence[Sequence[Clip]],
    home: np.ndarray,
    lacked: np.ndarray,
    shares: Sequence[float],
    tight: bool,
    whole: set[str],
) -> tuple[int, float] | None:
    """Index of the group that most overfills its part, and the clips that it may have; or None."""
    total = sum(map(len, groups))
    asked = lacked[np.arange(len(groups)), home]
    for index in sorted(range(len(groups)), key=lambda i: asked[i] - len(groups[i])):
        room = (max(shares) + SPILL) * total
        if tight:
            room = min(room, asked[index] + TIGHT_SPILL * total)
        if len(groups[index]) > room and groups[index][0].name not in whole:
            return index, room
    return None


def _gaps(
    groups: Sequence[Sequence[Clip]],
    home: np.ndarray,
    shares: Sequence[float],
    labels: Collection[int],
) -> list[tuple[str, int]]:
    """Parts and labels of which a part has a share but no clip."""
    there = {(part, c.label) for group, part in zip(groups, home, strict=True) for c in group}
    return [
        (PARTS[part], label)
        for label in sorted(labels)
        for part, share in enumerate(shares)
        if share > 0 and (part, label) not in there
    ]


def _cut_group(
    group: list[Clip], room: float, wanted: Sequence[float], seed: int
) -> tuple[list[list[Clip]], list[str]]:
    """Groups that are left of one when it is cut, itself where it cannot be, and the joints."""
    touched = touch_blocks(group)
    found = cut(Counter(touched.values()), room, wanted, chance(seed, "cut", group[0].name))
    if found is None:
        return [group], []
    pieces, joints = found
    number = {block: n for n, piece in enumerate(pieces) for block in piece}
    kept = [c for c in group if len({number[block] for block in touched[c.name]}) == 1]
    return group_clips(kept), joints


def _put_back(everything: Sequence[Clip], dealt: Dealt) -> None:
    """Put fakes back whose people are in one part after all; say why the others are dropped."""
    home = {
        key: dealt.parts[clip.name]
        for clip in everything
        if clip.name in dealt.parts
        for key in keys_of(clip)
    }
    for clip in everything:
        if clip.name in dealt.parts:
            continue
        seen = {key: home[key] for key in keys_of(clip) if key in home}
        if len(set(seen.values())) == 1:
            dealt.parts[clip.name] = part = min(seen.values())
            home.update(dict.fromkeys(keys_of(clip), part))
        else:
            ties = ", ".join(f"{_bare(key)} in {part}" for key, part in seen.items())
            dealt.dropped[clip.name] = f"ties two parts: {ties or 'nobody in it is in any other'}"


def take_fraction(clips: Sequence[Clip], fraction: float, seed: int) -> list[Clip]:
    """Take a share of each data set: whole groups, and people out of a group that is too large.

    Groups are drawn separately for each pool of data sets and, within it, for each combination of
    labels and official parts, and taken while that brings their clips nearer to the share. Where
    they fall short of it by more than `SPILL` of the clips, as they do where one group holds most,
    people of the largest group that is left fill the gap, with the clips that are theirs alone.

    Args:
        clips: Of any number of data sets.
        fraction: Of their clips, above 0, at most 1.
        seed: Of which are taken.
    """
    if fraction == 1:
        return list(clips)
    taken = []
    for pool, groups in pool_groups(clips).items():
        kinds: dict[tuple, list[list[Clip]]] = {}
        for group in groups:
            kind = (sorted({c.label for c in group}), sorted({c.part for c in group}))
            kinds.setdefault(tuple(map(tuple, kind)), []).append(group)
        for kind, members in sorted(kinds.items()):
            taken += _take_groups(members, fraction, chance(seed, "fraction", pool, str(kind)))
    return taken


def _take_groups(
    groups: Sequence[list[Clip]], fraction: float, rng: np.random.Generator
) -> list[Clip]:
    total = sum(map(len, groups))
    short, taken, left = fraction * total, [], []
    for index in rng.permutation(len(groups)):
        if len(groups[index]) / 2 < short:
            taken += groups[index]
            short -= len(groups[index])
        else:
            left.append(groups[index])
    if left and short > SPILL * total:
        touched = touch_blocks(max(left, key=len))
        chosen = take_people(Counter(touched.values()), short, rng)
        taken += [c for c in max(left, key=len) if chosen.issuperset(touched[c.name])]
    return taken or min(left, key=len)


def _bare(key: str) -> str:
    return key.split(":", 1)[1]
