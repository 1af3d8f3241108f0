"""The graph of swaps: groups as SciPy finds them, and cuts that lose as little as they must."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from swaps import clip, swap_graphs

from trainer.splits.swap_graph import cut, group_clips, lost, pool_groups, take_people, touch_blocks

EVENLY = (0.34, 0.33, 0.33)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tied(*pairs: str, reals: int = 2, fakes: int = 10) -> Counter:
    """Ties between blocks of one letter each: some clips of each alone, some of each pair."""
    ties = Counter({(letter,): reals for letter in sorted(set("".join(pairs)))})
    return ties + Counter({tuple(sorted(pair)): fakes for pair in pairs})


@given(swap_graphs())
@settings(max_examples=40, deadline=None)
def test_groups_are_the_connected_components_that_scipy_finds(clips):
    keys = [{*c.identities, f"clip {c.name}", f"clip {c.source_clip}"} for c in clips]
    pairs = [(i, j) for i, j in combinations(range(len(clips)), 2) if keys[i] & keys[j]]
    i, j = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(len(clips), len(clips)))
    _, component = connected_components(graph, directed=False)
    expected: dict[int, set[str]] = {}
    for c, number in zip(clips, component, strict=True):
        expected.setdefault(number, set()).add(c.name)
    found = [{c.name for c in group} for group in group_clips(clips)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected.values()))


@given(swap_graphs())
@settings(max_examples=40, deadline=None)
def test_only_fakes_touch_two_blocks_and_clips_of_one_person_touch_the_same(clips):
    touched = touch_blocks(clips)
    homes: dict[str, set[str]] = {}
    for c in clips:
        if c.label == 0:
            assert len(touched[c.name]) == 1
            homes.setdefault(c.identities[0], set()).update(touched[c.name])
    assert all(len(blocks) == 1 for blocks in homes.values())
    for c in clips:
        for name in c.identities:  # a fake touches everybody in it
            assert homes.get(name, set()) <= set(touched[c.name])


def test_a_source_that_is_not_there_goes_with_the_person_in_all_fakes_of_it():
    fakes = [clip("ab", "a", "b", source="gone"), clip("ac", "a", "c", source="gone")]
    assert touch_blocks(fakes) == {
        "ab": ("identity:a", "identity:b"),
        "ac": ("identity:a", "identity:c"),
    }


def test_a_clip_of_nobody_in_particular_is_its_own_block():
    clips = [clip("a"), clip("fake", source="a"), clip("b")]
    touched = touch_blocks(clips)
    assert touched["a"] == touched["fake"] == ("clip:a",)
    assert touched["b"] == ("clip:b",)


def test_data_sets_that_share_people_are_one_pool():
    clips = [
        clip("v1-a", "a", dataset="v1"),
        clip("v2-a", "a", dataset="v2"),
        clip("v2-b", "b", dataset="v2"),
        clip("c", "c", dataset="other"),
    ]
    pools = pool_groups(clips)
    assert list(pools) == ["other", "v1+v2"]
    names = [[c.name for c in group] for group in pools["v1+v2"]]
    assert names == [["v1-a", "v2-a"], ["v2-b"]]


def test_a_group_is_cut_at_the_one_person_who_holds_it_together():
    ties = tied("ab", "bc", "ac", "cj", "jx", "xy", "yz", "xz")  # j between two triangles
    pieces, joints = cut(ties, 50, EVENLY, chance())
    assert sorted(map(sorted, pieces)) in ([list("abcj"), list("xyz")], [list("abc"), list("jxyz")])
    assert len(joints) == 1 and joints[0] in "cjx"  # before j or behind it: the same loss
    assert lost(ties, pieces) == 10


def test_the_cut_at_a_joint_is_where_it_costs_least_for_what_it_frees():
    ties = tied("ab", "bc", "ac", "xy", "yz", "xz") + Counter({("c", "j"): 9, ("j", "x"): 1})
    pieces, joints = cut(ties, 60, EVENLY, chance())
    assert lost(ties, pieces) == 1
    assert len(joints) == 1


def test_where_everybody_is_swapped_with_everybody_parts_are_grown():
    letters = "abcdefghij"
    ties = tied(*(one + other for one, other in combinations(letters, 2)), fakes=1)
    pieces, joints = cut(ties, 20, (0.6, 0.2, 0.2), chance())
    assert joints == []
    assert sorted(map(len, pieces)) == [2, 2, 6]
    assert lost(ties, pieces) == 2 * 8 + 2 * 6  # of 45 pairs 1 + 1 + 15 are within a part


def test_growing_finds_circles_of_people_who_were_swapped_among_themselves():
    circles = ["abcd", "efgh", "ijkl"]
    pairs = [one + other for circle in circles for one, other in combinations(circle, 2)]
    ties = tied(*pairs) + Counter({("a", "e"): 1, ("b", "i"): 1, ("f", "j"): 1})
    pieces, _ = cut(ties, 70, EVENLY, chance())
    assert sorted("".join(sorted(piece)) for piece in pieces) == circles
    assert lost(ties, pieces) == 3


def test_what_hangs_on_one_person_cannot_be_cut():
    assert cut(Counter({("a",): 12}), 3, EVENLY, chance()) is None


@given(
    st.dictionaries(
        st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3).map(sorted).map(tuple),
        st.integers(1, 9),
        min_size=1,
    ),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_a_cut_gives_every_block_to_one_piece(ties, seed):
    blocks = {block for touched in ties for block in touched}
    room = sum(ties.values()) * 0.6
    found = cut(ties, room, (0.7, 0.15, 0.15), chance(seed))
    assert (found is None) == (len(blocks) == 1)
    if found:
        pieces, joints = found
        assert sorted(block for piece in pieces for block in piece) == sorted(blocks)
        assert len(pieces) > 1
        within = [sum(n for t, n in ties.items() if piece.issuperset(t)) for piece in pieces]
        assert sum(within) + lost(ties, pieces) == sum(ties.values())
        if joints:
            assert max(within) <= room
        again = cut(ties, room, (0.7, 0.15, 0.15), chance(seed))
        assert again == found


@pytest.mark.parametrize("seed", range(3))
def test_people_are_taken_who_were_swapped_with_each_other(seed):
    circles = ["abcd", "efgh", "ijkl"]
    pairs = [one + other for circle in circles for one, other in combinations(circle, 2)]
    ties = tied(*pairs) + Counter({("d", "e"): 1, ("h", "i"): 1})
    chosen = take_people(ties, 4 * 2 + 6 * 10, chance(seed))
    assert "".join(sorted(chosen)) in circles
