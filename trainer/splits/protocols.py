"""Cut data into train, validation and test, and say honestly what is in two of them.

Four protocols, all made before any frame is cut out and stored with a hash (`split_file`):

- `identity`: nobody, and no source clip, is in two parts. What ours are trained and judged on.
- `official`: the parts that a data set's authors published; what crosses them is measured.
- `video`: every clip by itself, whoever is in it, as Stronger Together did (8:1:1).
- `frame`: every frame by itself, as AWARE-NET did. It leaks by construction.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from awarenet.errors import AwareNetError, SettingsError
from trainer.datasets import Clip
from trainer.splits.dealing import (
    PARTS,
    SPILL,
    Dealt,
    chance,
    deal,
    deal_by_label,
    deal_people,
    take_fraction,
)
from trainer.splits.swap_graph import group_clips, pool_groups

PROTOCOLS = ("identity", "official", "video", "frame")
FRAME_WARNING = (
    "protocol frame deals single frames of one clip to all parts, so whatever it measures, it "
    "measures on clips that were trained on; it only serves to repeat AWARE-NET as it was published"
)


@dataclass(frozen=True)
class Split:
    """Which clip is in which part, and what there is to know of it.

    `parts` maps clip names to parts, all of them to "frame" under that protocol, where
    `frame_part` deals the frames; `dropped` maps the other clips to the reason.
    """

    parts: dict[str, str]
    dropped: dict[str, str]
    warnings: tuple[str, ...]
    protocol: str
    shares: tuple[float, ...]
    seed: int
    fraction: float
    cut: bool = False

    @property
    def sha256(self) -> str:
        """Hash of who is where: parts, the names of what was dropped, how frames are dealt."""
        content = self.parts | dict.fromkeys(self.dropped, "dropped")
        if self.protocol == "frame":
            content["frames"] = json.dumps([*self.shares, self.seed])
        return split_hash(content)


def make_split(
    clips: Sequence[Clip],
    *,
    protocol: str,
    shares: Sequence[float],
    seed: int,
    fraction: float = 1.0,
    cut: bool = False,
) -> Split:
    """Deal clips out to train, validation and test; their order changes nothing.

    Args:
        clips: Of any number of data sets, no two of one name.
        protocol: One of `PROTOCOLS`.
        shares: Of train, validation and test; they sum to 1. Under "official" they only say how
            much of the official train part becomes validation where the data set has none.
        seed: Of every choice made by chance, 0 or more.
        fraction: Of the clips that are used at all, above 0, at most 1; see `take_fraction`.
        cut: Only for "identity": lose more fakes for proportions nearer to what was asked; see
            `deal_people`.

    Raises:
        SettingsError: A setting that has no meaning, or no official part in a data set.
        AwareNetError: There is no clip, or two have one name.
    """
    shares = _checked(shares)
    if protocol not in PROTOCOLS:
        raise SettingsError(f"no split protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if not 0 < fraction <= 1:
        raise SettingsError(f"fraction {fraction} given; expected above 0 and at most 1")
    if seed < 0:
        raise SettingsError(f"seed {seed} of the split given; expected 0 or more")
    names = {clip.name for clip in clips}
    if not clips or len(names) != len(clips):
        what = "two clips have one name" if clips else "no clip at all"
        raise AwareNetError(f"nothing to split: {what}; look at what was indexed")
    if protocol == "official":
        _refuse_unlisted(clips)
    clips = sorted(clips, key=lambda clip: clip.name)
    taken = take_fraction(clips, fraction, seed)
    if protocol == "identity":
        dealt = deal_people(taken, shares, seed, cut)
    elif protocol == "official":
        dealt = _deal_officially(taken, shares, seed)
    elif protocol == "video":
        dealt = _deal_videos(taken, shares, seed)
    else:
        dealt = Dealt(dict.fromkeys((c.name for c in taken), "frame"), {}, [FRAME_WARNING])
    known = dealt.parts.keys() | dealt.dropped.keys()
    dealt.dropped |= {name: f"not among the fraction {fraction:g}" for name in names - known}
    return Split(
        dict(sorted(dealt.parts.items())),
        dict(sorted(dealt.dropped.items())),
        tuple(dealt.warnings),
        protocol,
        shares,
        seed,
        float(fraction),
        cut,
    )


def frame_part(clip_name: str, frame_index: int, shares: Sequence[float], seed: int) -> str:
    """Part of one frame under protocol "frame": by its hash, the same wherever it is asked."""
    digest = hashlib.sha256(f"{seed}\0{clip_name}\0{frame_index}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    bounds = np.cumsum(shares)
    return PARTS[min(int(np.searchsorted(bounds, drawn * bounds[-1], "right")), len(PARTS) - 1)]


def split_by_identity(
    clips: Sequence[Clip], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Deal groups of clips out to train, validation and test, each group whole.

    Each data set is dealt out by itself, so that every part has its share of each. Unlike
    `make_split` it never drops a clip.

    Args:
        clips: Of any number of data sets.
        fractions: Shares of train, validation and test; they sum to 1.
        seed: Of the order in which groups of equal size are dealt.

    Returns:
        Clip name -> part.

    Raises:
        SettingsError: The shares do not sum to 1.
    """
    shares, rng = _checked(fractions), np.random.default_rng(seed)
    by_dataset: dict[str, list[list[Clip]]] = {}
    for group in group_clips(clips):
        by_dataset.setdefault(group[0].dataset, []).append(group)
    split = {}
    for _, groups in sorted(by_dataset.items()):
        home, _ = deal([len(group) for group in groups], shares, rng)
        for group, part in zip(groups, home, strict=True):
            split.update({clip.name: PARTS[part] for clip in group})
    return split


def split_hash(split: Mapping[str, str]) -> str:
    """SHA-256 of a split, the same for the same content in any order."""
    return hashlib.sha256(json.dumps(sorted(split.items())).encode()).hexdigest()


def _checked(shares: Sequence[float]) -> tuple[float, ...]:
    if len(shares) != len(PARTS) or abs(sum(shares) - 1) > 1e-6 or min(shares) < 0:
        raise SettingsError(f"[split] shares: {shares} given, three shares that sum to 1 expected")
    return tuple(float(share) for share in shares)


def _refuse_unlisted(clips: Sequence[Clip]) -> None:
    listed = {clip.dataset for clip in clips if clip.part}
    if unlisted := sorted({clip.dataset for clip in clips} - listed):
        raise SettingsError(
            f"{', '.join(unlisted)}: no clip has an official part; use protocol identity for "
            "data without a published split"
        )


def _deal_officially(clips: Sequence[Clip], shares: Sequence[float], seed: int) -> Dealt:
    """Take the official parts; cut validation out of train where a data set has none."""
    dealt = Dealt()
    for pool, groups in pool_groups(clips).items():
        own = [clip for group in groups for clip in group]
        parts = {clip.name: clip.part for clip in own if clip.part}
        dealt.warnings += _overlap(pool, own, parts, "the official split")
        if unlisted := [clip.name for clip in own if not clip.part]:
            dealt.dropped.update(dict.fromkeys(unlisted, "in no official part"))
            dealt.warnings.append(
                f"{pool}: {len(unlisted)} of {len(own)} clips are in no official part, left out"
            )
        if "validation" not in parts.values() and shares[1] > 0:
            train = [clip for clip in own if clip.part == "train"]
            share = shares[1] / (shares[0] + shares[1])
            cut_out = _cut_out_validation(train, share, chance(seed, "validation", pool))
            parts |= dict.fromkeys(cut_out, "validation")
            inner = {clip.name: parts[clip.name] for clip in train}
            dealt.warnings += _overlap(pool, train, inner, "validation cut out of official train")
        dealt.parts |= parts
    return dealt


def _cut_out_validation(train: Sequence[Clip], share: float, rng: np.random.Generator) -> list[str]:
    """Names of the clips that make up validation: whole groups, or clips where these do not fit.

    Groups do not fit if they leave either part without real or fake clips, or validation further
    than `SPILL` of the clips from its share. Nothing is dropped: what was published stays whole.
    """
    groups = group_clips(train)
    home, _ = deal_by_label(groups, (1 - share, share), rng) if groups else ([], None)
    chosen = [c for group, part in zip(groups, home, strict=True) if part for c in group]
    left = [c for group, part in zip(groups, home, strict=True) if not part for c in group]
    labels = {clip.label for clip in train}
    whole = all({clip.label for clip in side} == labels for side in (chosen, left))
    if whole and abs(len(chosen) - share * len(train)) <= SPILL * len(train):
        return [clip.name for clip in chosen]
    names = sorted(clip.name for clip in train)
    return [names[i] for i in rng.permutation(len(names))[: round(share * len(names))]]


def _deal_videos(clips: Sequence[Clip], shares: Sequence[float], seed: int) -> Dealt:
    """Deal single clips out, whoever is in them, each data set by itself."""
    dealt = Dealt()
    for dataset in sorted({clip.dataset for clip in clips}):
        names = sorted(clip.name for clip in clips if clip.dataset == dataset)
        ends = np.rint(np.cumsum(shares) * len(names)).astype(int)
        order = chance(seed, "video", dataset).permutation(len(names))
        for place, index in enumerate(order):
            part = min(int(np.searchsorted(ends, place, "right")), len(PARTS) - 1)
            dealt.parts[names[index]] = PARTS[part]
    for pool, groups in pool_groups(clips).items():
        own = [clip for group in groups for clip in group]
        dealt.warnings += _overlap(pool, own, dealt.parts, "dealt out by video, it")
    return dealt


def _overlap(pool: str, clips: Sequence[Clip], parts: Mapping[str, str], what: str) -> list[str]:
    """One sentence for each two parts that share people or source clips, with the counts."""
    often = Counter(name for clip in clips for name in set(clip.identities))
    sentences = []
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        there = {p: [c for c in clips if parts.get(c.name) == p] for p in (one, other)}
        people = {  # who is in one clip alone cannot be in two parts
            p: {name for c in own for name in c.identities if often[name] > 1}
            for p, own in there.items()
        }
        both, found = people[one] & people[other], []
        if both:
            found.append(
                f"{len(both)} of the {len(people[other])} identities of {other} that are in more "
                f"than one clip are also in {one}"
            )
        for here, far in ((other, one), (one, other)):
            fakes = [c for c in there[here] if c.label]
            names = {c.name for c in there[far]}
            if count := sum(c.source_clip in names for c in fakes):
                found.append(
                    f"{count} of {len(fakes)} fakes of {here} are made from clips of {far}"
                )
        if found:
            sentences.append(f"{pool}: {what} is not free of leaks: {'; '.join(found)}")
    return sentences
