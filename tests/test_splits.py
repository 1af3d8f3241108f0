"""Splits on random graphs of swaps: nobody and nothing is in two parts, and no part is starved."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.errors import SettingsError
from trainer.datasets import Clip
from trainer.splits import PARTS, group_clips, leaks, split_by_identity, split_hash

SHARES = (0.7, 0.15, 0.15)


def clip(name: str, *people: str, source: str = "", dataset: str = "faces") -> Clip:
    label = int(bool(source))
    method = "swap" if label else "real"
    return Clip(Path(f"{name}.mp4"), name, dataset, label, method, people, source or name)


@st.composite
def swap_graphs(draw: st.DrawFn) -> list[Clip]:
    """Real clips, some of one person, and swaps between clips of the same data set."""
    clips = []
    for dataset in ("faces", "film")[: draw(st.integers(1, 2))]:
        count = draw(st.integers(1, 25))
        people = draw(st.lists(st.integers(0, 24), min_size=count, max_size=count))
        real = [
            clip(f"{dataset}-{number}", f"{dataset}-p{person}", dataset=dataset)
            for number, person in enumerate(people)
        ]
        pairs = draw(st.lists(st.tuples(st.sampled_from(real), st.sampled_from(real)), max_size=12))
        clips += real
        clips += [
            clip(f"{dataset}-s{n}", *a.identities, *b.identities, source=a.name, dataset=dataset)
            for n, (a, b) in enumerate(pairs)
        ]
    return clips


def as_rows(clips: list[Clip], split: dict[str, str]) -> list[tuple]:
    return [(split[c.name], c.identities, c.source_clip, f"hash of {c.name}") for c in clips]


def shares() -> st.SearchStrategy[tuple[float, float, float]]:
    part = st.integers(0, 10)
    sums = st.tuples(part, part, part).filter(lambda t: sum(t) > 0)
    return sums.map(lambda t: tuple(value / sum(t) for value in t))


@given(swap_graphs(), shares(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_no_person_and_no_source_is_in_two_parts(clips, fractions, seed):
    split = split_by_identity(clips, fractions, seed)
    assert set(split) == {c.name for c in clips}
    homes = {}
    for c in clips:
        for key in (*c.identities, f"source {c.source_clip}"):
            homes.setdefault(key, set()).add(split[c.name])
    assert {key: parts for key, parts in homes.items() if len(parts) > 1} == {}
    assert leaks(as_rows(clips, split)) == []


@given(swap_graphs(), shares(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_part_has_its_share_but_for_the_largest_group(clips, fractions, seed):
    split = split_by_identity(clips, fractions, seed)
    for dataset in {c.dataset for c in clips}:
        own = [c for c in clips if c.dataset == dataset]
        largest = max(len(group) for group in group_clips(own))
        for part, fraction in zip(PARTS, fractions, strict=True):
            count = sum(split[c.name] == part for c in own)
            assert abs(count - fraction * len(own)) <= largest


@given(swap_graphs(), st.randoms(use_true_random=False), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_order_of_clips_changes_nothing(clips, chance: random.Random, seed):
    split = split_by_identity(clips, SHARES, seed)
    shuffled = chance.sample(clips, len(clips))
    again = split_by_identity(shuffled, SHARES, seed)
    assert again == split
    assert split_hash(again) == split_hash(dict(chance.sample(list(split.items()), len(split))))


def test_the_hash_changes_with_any_part_of_the_split():
    split = {"a": "train", "b": "test"}
    hashes = {
        split_hash(split),
        split_hash({"a": "train", "b": "validation"}),
        split_hash({"a": "test", "b": "train"}),
        split_hash({"a": "train"}),
    }
    assert len(hashes) == 4


def test_seeds_deal_people_out_differently():
    clips = [clip(f"{number:02d}", f"p{number}") for number in range(40)]
    dealt = [split_by_identity(clips, SHARES, seed) for seed in range(3)]
    assert dealt[0] != dealt[1] != dealt[2]
    assert [list(split.values()).count("train") for split in dealt] == [28, 28, 28]


def test_a_fake_ties_both_its_people_together():
    clips = [clip("a", "ann"), clip("b", "bob"), clip("c", "cid")]
    assert len(group_clips(clips)) == 3
    joined = group_clips([*clips, clip("ab", "ann", "bob", source="a")])
    assert [[c.name for c in group] for group in joined] == [["a", "ab", "b"], ["c"]]


def test_a_fake_follows_its_source_even_when_nobody_is_named():
    groups = group_clips([clip("a"), clip("fake", source="a"), clip("b")])
    assert [[c.name for c in group] for group in groups] == [["a", "fake"], ["b"]]


@pytest.mark.parametrize("fractions", [(0.7, 0.2), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_are_none_are_refused(fractions):
    with pytest.raises(SettingsError, match=r"\[prepare\] split.*sum to 1"):
        split_by_identity([clip("a", "ann")], fractions, 0)


@given(swap_graphs().filter(lambda clips: any(len(g) > 1 for g in group_clips(clips))), st.data())
@settings(max_examples=40, deadline=None)
def test_a_clip_moved_away_from_its_people_is_a_leak(clips, data):
    split = split_by_identity(clips, SHARES, 0)
    tied = [c for group in group_clips(clips) if len(group) > 1 for c in group]
    moved = data.draw(st.sampled_from(tied))
    split[moved.name] = next(part for part in PARTS if part != split[moved.name])
    found = leaks(as_rows(clips, split))
    assert found
    named = {*moved.identities, moved.source_clip}
    assert all(any(f" {name} is in" in sentence for name in named) for sentence in found)


def test_the_same_picture_of_two_people_is_a_leak():
    one = ("train", ("ann",), "a", "0" * 64)
    other = ("test", ("bob",), "b", "0" * 64)
    assert leaks([one, other]) == [f"crop {'0' * 64} is in train and in test"]
    assert leaks([one, ("train", *other[1:])]) == []
