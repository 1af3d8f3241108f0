"""Splits on random graphs of swaps: nobody and nothing is in two parts, and no part is starved."""

import random
from collections import Counter

import pytest
from crossing import crossing
from hypothesis import given, settings
from hypothesis import strategies as st
from swaps import SHARES, clip, shares, swap_graphs

from trainer.splits import (
    PARTS,
    Split,
    group_clips,
    make_split,
    split_by_identity,
    split_hash,
)
from trainer.splits.dealing import SPILL, take_fraction


def as_rows(clips: list, split: dict[str, str]) -> list[tuple]:
    there = [c for c in clips if c.name in split]
    return [(split[c.name], c.identities, c.source_clip, f"hash of {c.name}") for c in there]


def by_identity(clips: list, seed: int = 0, **options) -> Split:
    return make_split(clips, **{"protocol": "identity", "shares": SHARES, "seed": seed} | options)


def actors(people: int, scenes: int, pairs: list[tuple[int, int]]) -> list:
    """Film actors as DeepFakeDetection did: each in every scene, fakes of some pairs in all."""
    scene = range(scenes)
    clips = [clip(f"{a:02d}-{s}", f"p{a:02d}") for a in range(people) for s in scene]
    return clips + [
        clip(f"{a:02d}-{b:02d}-{s}", f"p{a:02d}", f"p{b:02d}", source=f"{a:02d}-{s}")
        for a, b in pairs
        for s in scene
    ]


@given(
    swap_graphs(), shares(), st.integers(0, 2**32), st.sampled_from([1.0, 0.5, 0.1]), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_no_person_and_no_source_is_in_two_parts(clips, asked, seed, fraction, cut):
    split = by_identity(clips, seed, shares=asked, fraction=fraction, cut=cut)
    homes = {}
    for c in clips:
        if c.name in split.parts:
            for key in (*c.identities, f"clip {c.source_clip}", f"clip {c.name}"):
                homes.setdefault(key, set()).add(split.parts[c.name])
    assert {key: parts for key, parts in homes.items() if len(parts) > 1} == {}
    assert crossing(as_rows(clips, split.parts)) == []


@given(swap_graphs(), shares(), st.integers(0, 9), st.sampled_from([1.0, 0.5]))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("protocol", ["identity", "video", "frame"])
def test_every_clip_is_in_a_part_or_dropped_for_a_reason(protocol, clips, asked, seed, fraction):
    split = make_split(clips, protocol=protocol, shares=asked, seed=seed, fraction=fraction)
    names = [*split.parts, *split.dropped]
    assert sorted(names) == sorted(c.name for c in clips)
    assert all(split.dropped.values())
    assert set(split.parts.values()) <= ({"frame"} if protocol == "frame" else set(PARTS))
    if fraction == 1:
        assert all(c.label for c in clips if c.name in split.dropped)  # no real clip is given up
        assert split.dropped == {} or protocol == "identity"


@given(swap_graphs(), shares(), st.integers(0, 2**32), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_part_has_its_share_but_for_the_largest_group(clips, asked, seed, cut):
    split = by_identity(clips, seed, shares=asked, cut=cut)
    for dataset in {c.dataset for c in clips}:
        own = [c for c in clips if c.dataset == dataset]
        kept = [c for c in own if c.name in split.parts]
        largest = max(len(group) for group in group_clips(own))
        if any("they were cut" in warning for warning in split.warnings):
            largest *= 2  # fakes that were put back come on top of what was dealt
        for part, fraction in zip(PARTS, asked, strict=True):
            count = sum(split.parts[c.name] == part for c in kept)
            assert abs(count - fraction * len(kept)) <= largest


@given(swap_graphs(), shares(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_groups_dealt_whole_keep_the_same_promises_and_every_clip(clips, fractions, seed):
    split = split_by_identity(clips, fractions, seed)
    assert set(split) == {c.name for c in clips}
    assert crossing(as_rows(clips, split)) == []
    for dataset in {c.dataset for c in clips}:
        own = [c for c in clips if c.dataset == dataset]
        largest = max(len(group) for group in group_clips(own))
        for part, fraction in zip(PARTS, fractions, strict=True):
            count = sum(split[c.name] == part for c in own)
            assert abs(count - fraction * len(own)) <= largest


@given(swap_graphs(), st.randoms(use_true_random=False), st.integers(0, 9), st.booleans())
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("protocol", ["identity", "video", "frame"])
def test_the_order_of_clips_changes_nothing(protocol, clips, chance: random.Random, seed, half):
    options = {"shares": SHARES, "seed": seed, "fraction": 0.5 if half else 1.0}
    split = make_split(clips, protocol=protocol, **options)
    shuffled = chance.sample(clips, len(clips))
    again = make_split(shuffled, protocol=protocol, **options)
    assert again == split
    assert again.sha256 == split.sha256
    assert split_by_identity(shuffled, SHARES, seed) == split_by_identity(clips, SHARES, seed)


@given(swap_graphs(), st.integers(0, 9), st.sampled_from([0.9, 0.5, 0.2]))
@settings(max_examples=60, deadline=None)
def test_a_fraction_of_each_kind_of_group_is_taken_but_for_the_largest(clips, seed, fraction):
    taken = {c.name for c in take_fraction(clips, fraction, seed)}
    kinds: dict[tuple, list] = {}
    for group in group_clips(clips):
        labels = tuple(sorted({c.label for c in group}))
        kinds.setdefault((group[0].dataset, labels), []).append(group)
    for groups in kinds.values():
        count = sum(c.name in taken for group in groups for c in group)
        largest = max(map(len, groups))
        assert abs(count - fraction * sum(map(len, groups))) <= largest
        assert count


def test_a_fraction_takes_whole_groups_where_these_are_small():
    clips = [c for n in range(50) for c in (clip(f"{n}", f"p{n}"), clip(f"f{n}", source=f"{n}"))]
    taken = {c.name for c in take_fraction(clips, 0.3, 0)}
    assert len(taken) == 30
    assert all((f"{n}" in taken) == (f"f{n}" in taken) for n in range(50))
    assert {c.name for c in take_fraction(clips, 0.3, 1)} != taken
    assert take_fraction(clips, 1.0, 0) == clips


def test_a_fraction_of_one_large_group_takes_some_of_its_people_with_all_that_is_theirs():
    clips = actors(20, 3, [(a, (a + step) % 20) for a in range(20) for step in (1, 2)])
    taken = {c.name for c in take_fraction(clips, 0.5, 0)}
    people = {c.identities[0] for c in clips if c.name in taken and c.label == 0}
    assert abs(len(taken) - len(clips) / 2) <= SPILL * len(clips)
    assert taken == {c.name for c in clips if set(c.identities) <= people}


def test_a_data_set_more_changes_no_others_split():
    faces = [clip(f"{n:02d}", f"p{n}") for n in range(40)]
    film = [clip(f"film-{n}", f"film-p{n}", dataset="film") for n in range(10)]
    alone, together = by_identity(faces).parts, by_identity([*film, *faces]).parts
    assert {name: part for name, part in together.items() if name in alone} == alone


def test_data_sets_that_share_people_are_dealt_out_together():
    people = range(20)
    clips = [clip(f"{v}-{n:02d}", f"p{n}", dataset=v) for v in ("v1", "v2") for n in people]
    parts = by_identity(clips).parts
    assert all(parts[f"v1-{n:02d}"] == parts[f"v2-{n:02d}"] for n in people)
    assert Counter(parts.values()) == {"train": 28, "validation": 6, "test": 6}


def test_strangers_in_real_clips_are_dealt_by_themselves_and_not_where_there_is_room():
    circles = {"large": 70, "second": 15, "third": 15}  # as many clips, all of one person each
    clips = [clip(f"{who}-{n:02d}", who) for who, count in circles.items() for n in range(count)]
    clips += [clip(f"fake-{who}", who, source=f"{who}-00") for who in circles]
    clips += [clip(f"stranger-{n:02d}", f"stranger-{n}") for n in range(20)]
    parts = by_identity(clips).parts
    strangers = Counter(part for name, part in parts.items() if name.startswith("stranger"))
    assert strangers == {"train": 14, "validation": 3, "test": 3}


def test_where_all_actors_are_tied_the_actors_are_dealt_out_and_fakes_across_are_dropped():
    clips = actors(20, 2, [(a, (a + step) % 20) for a in range(20) for step in (1, 3, 7)])
    split = by_identity(clips)
    real = Counter(split.parts[c.name] for c in clips if not c.label)
    assert real == {"train": 28, "validation": 6, "test": 6}  # 14, 3 and 3 actors
    home = {c.identities[0]: split.parts[c.name] for c in clips if not c.label}
    crossing = {c.name: c for c in clips if len({home[name] for name in c.identities}) > 1}
    assert set(split.dropped) == set(crossing)
    assert all(
        f"{name} in {home[name]}" in split.dropped[c.name]
        for c in crossing.values()
        for name in c.identities
    )
    fakes = sum(c.label for c in clips)
    assert len(crossing) < fakes * (1 - 0.7**2 - 2 * 0.15**2)  # what parts by lot would lose
    assert any(f"{len(crossing)} of {fakes} fakes are left out" in w for w in split.warnings)


def test_a_group_is_cut_where_a_part_would_be_left_empty():
    circles = [range(12), range(12, 20)]  # 68 % and 32 %, where 70, 15 and 15 are asked
    clips = actors(20, 2, [(a, b) for people in circles for a in people for b in people if a < b])
    split = by_identity(clips)
    counts = Counter((split.parts[c.name], c.label) for c in clips if c.name in split.parts)
    assert all(counts[part, label] for part in PARTS for label in (0, 1))
    assert {split.parts[f"{a:02d}-0"] for a in range(12)} == {"train"}  # this one part could hold


@pytest.mark.parametrize("pairs", [1, 2, 3, 4, 5])
def test_a_few_pairs_as_of_faceforensics_are_never_cut(pairs):
    swaps = [(2 * n + a, 2 * n + 1 - a) for n in range(pairs) for a in (0, 1)]
    split = by_identity(actors(2 * pairs, 1, swaps))
    assert split.dropped == {}
    assert any("no fake clip in test" in warning for warning in split.warnings) == (pairs < 4)


def test_a_giant_is_cut_at_the_person_who_alone_holds_it_together():
    ring = [[(base + k, base + (k + 1) % 5) for k in range(5)] for base in (0, 5, 10)]
    bridge = [(2, 15), (7, 15), (12, 15)]  # 15 is what id8 is in Celeb-DF
    clips = actors(16, 2, [pair for circle in ring for pair in circle] + bridge)
    split = by_identity(clips, shares=(0.4, 0.3, 0.3))
    assert set(split.dropped) <= {f"{a:02d}-15-{s}" for a, _ in bridge for s in range(2)}
    assert len(split.dropped) == 4  # 15 keeps its fakes with one of the three circles
    assert any("they were cut at p" in w for w in split.warnings)
    assert sorted(Counter(split.parts.values()).values()) == [20, 20, 24]


def test_a_group_that_its_part_can_hold_is_never_cut():
    clips = actors(16, 1, [(a, (a + 1) % 16) for a in range(16)])  # 32 clips, all tied
    clips += [c for n in range(8) for c in (clip(f"{n}", f"q{n}"), clip(f"f{n}", source=f"{n}"))]
    assert by_identity(clips).dropped == {}
    assert by_identity(clips, shares=(0.6, 0.2, 0.2)).dropped == {}  # 67 % in 60 %
    assert by_identity(clips, shares=(0.4, 0.3, 0.3)).dropped != {}
    assert by_identity(clips, shares=(0.6, 0.2, 0.2), cut=True).dropped != {}


def test_one_person_who_is_all_of_a_data_set_stays_in_one_part_and_this_is_said():
    split = by_identity([clip(f"{n}", "ann") for n in range(10)])
    assert set(split.parts.values()) == {"train"}
    assert [w.split(";")[0] for w in split.warnings] == [
        "faces: no real clip in validation",
        "faces: no real clip in test",
    ]


def test_small_groups_leave_no_part_empty_where_shares_allow_it():
    clips = [clip(f"{person}-{n}", person) for person in "abcd" for n in range(3)]
    assert Counter(by_identity(clips).parts.values()) == {"train": 6, "validation": 3, "test": 3}


def test_the_hash_changes_with_any_part_of_the_split():
    split = {"a": "train", "b": "test"}
    hashes = {
        split_hash(split),
        split_hash({"a": "train", "b": "validation"}),
        split_hash({"a": "test", "b": "train"}),
        split_hash({"a": "train"}),
    }
    assert len(hashes) == 4
    assert split_hash(dict(reversed(split.items()))) == split_hash(split)


def test_a_splits_hash_says_who_was_dropped_and_how_frames_are_dealt():
    def made(protocol: str, seed: int, dropped: dict) -> str:
        return Split({"a": "train"}, dropped, (), protocol, SHARES, seed, 1.0).sha256

    assert made("identity", 0, {}) == made("identity", 1, {}) == split_hash({"a": "train"})
    assert made("identity", 0, {"b": "why"}) == made("identity", 0, {"b": "or else"})
    assert made("identity", 0, {"b": "why"}) != made("identity", 0, {})
    assert made("frame", 0, {}) != made("frame", 1, {})


def test_seeds_deal_people_out_differently():
    clips = [clip(f"{number:02d}", f"p{number}") for number in range(40)]
    dealt = [by_identity(clips, seed).parts for seed in range(3)]
    assert dealt[0] != dealt[1] != dealt[2]
    assert [list(parts.values()).count("train") for parts in dealt] == [28, 28, 28]


def test_a_fake_ties_both_its_people_together():
    clips = [clip("a", "ann"), clip("b", "bob"), clip("c", "cid")]
    assert len(group_clips(clips)) == 3
    joined = group_clips([*clips, clip("ab", "ann", "bob", source="a")])
    assert [[c.name for c in group] for group in joined] == [["a", "ab", "b"], ["c"]]


def test_a_fake_follows_its_source_even_when_nobody_is_named():
    groups = group_clips([clip("a"), clip("fake", source="a"), clip("b")])
    assert [[c.name for c in group] for group in groups] == [["a", "fake"], ["b"]]
