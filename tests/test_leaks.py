"""The leak check: what crosses parts is found, told with counts, and refused."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from crossing import crossing
from hypothesis import given, settings
from hypothesis import strategies as st
from swaps import SHARES, swap_graphs
from tiny_people import row

from awarenet.errors import AwareNetError
from trainer.splits import PARTS, PROTOCOLS, group_clips, split_by_identity
from trainer.splits.leaks import BY_DESIGN, KINDS, check_leaks, describe, find_leaks
from trainer.splits.near_copies import hash_crops


def kinds(rows: list, **options) -> dict[str, list[str]]:
    """Kind of leak -> names of what leaks."""
    found: dict[str, list[str]] = {}
    for leak in find_leaks(rows, **options):
        found.setdefault(leak.kind, []).append(leak.name)
    return found


@given(swap_graphs().filter(lambda clips: any(len(g) > 1 for g in group_clips(clips))), st.data())
@settings(max_examples=40, deadline=None)
def test_a_clip_moved_away_from_its_people_is_a_leak(clips, data):
    split = split_by_identity(clips, SHARES, 0)
    tied = [c for group in group_clips(clips) if len(group) > 1 for c in group]
    moved = data.draw(st.sampled_from(tied))
    split[moved.name] = next(part for part in PARTS if part != split[moved.name])
    rows = [(split[c.name], c.identities, c.source_clip, f"hash of {c.name}") for c in clips]
    found = crossing(rows)
    assert found
    named = {*moved.identities, moved.source_clip}
    assert all(any(f" {name} is in" in sentence for name in named) for sentence in found)
    full = [
        row(c.name, split=split[c.name], people=c.identities, source=c.source_clip) for c in clips
    ]
    told = {f"{leak.kind} {leak.name}" for leak in find_leaks(full)}
    assert told == {sentence.split(" is in ")[0] for sentence in found}


def test_the_same_picture_of_two_people_is_a_leak():
    one = ("train", ("ann",), "a", "0" * 64)
    other = ("test", ("bob",), "b", "0" * 64)
    assert crossing([one, other]) == [f"crop {'0' * 64} is in train and in test"]
    assert crossing([one, ("train", *other[1:])]) == []


def test_each_kind_of_leak_is_found_by_itself():
    a, b = row("a", people=["ann"]), row("b", people=["bob"], split="test")
    assert kinds([a, b]) == {}
    assert kinds([a, replace(b, identities=("cid", "ann"))]) == {"identity": ["ann"]}
    assert kinds([a, replace(b, source_clip="a")]) == {"source clip": ["a"]}
    assert kinds([a, replace(b, clip="a")]) == {"clip": ["a"]}
    assert kinds([a, replace(b, sha256=a.sha256)]) == {"identical crop": [a.sha256]}
    everything = replace(a, split="test", path="elsewhere.png")
    assert list(kinds([a, everything])) == list(KINDS[:-1])


def test_a_leak_says_how_many_crops_show_it_where_and_gives_two_of_them():
    rows = [row(f"{n}", people=["ann"], split=PARTS[n % 3 % 2]) for n in range(6)]
    (leak,) = find_leaks(rows)
    assert leak.crops == (("train", 4), ("validation", 2))
    assert str(leak) == "ann: 4 crops in train, 2 crops in validation; e.g. 0.png and 1.png"


def test_the_text_counts_each_kind_and_gives_a_few_examples():
    rows = [
        row(f"{name}{part}", people=[name], split=part)
        for name in ("ann", "bob", "cid", "dan")
        for part in ("train", "test")
    ]
    text = describe(find_leaks(rows), limit=2)
    assert text.splitlines()[0] == "4 identities in two parts: 4 in train and test"
    assert [line.strip().split(":")[0] for line in text.splitlines()[1:3]] == ["ann", "bob"]
    assert text.splitlines()[3:] == ["  and 2 more"]
    assert describe([]) == "nothing is in two parts"


def test_a_manifest_that_leaks_is_refused_in_one_line_that_says_what_and_how_often():
    rows = [row("a", people=["ann"]), row("b", people=["ann"], split="test")]
    rows += [row("c", people=["cid"]), row("d", people=["cid"], split="test", source="c")]
    with pytest.raises(AwareNetError, match="2 identities .ann: 1 crop in train") as error:
        check_leaks(rows)
    assert "1 source clip (c: " in str(error.value)
    assert "protocol identity" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_allowed_to_leak_is_told_and_nothing_else_passes():
    rows = [row("a", people=["ann"]), row("b", people=["ann"], split="test")]
    text = "1 identity in two parts: 1 in train and test"
    assert check_leaks(rows, allow=True).startswith(text)
    assert check_leaks(rows, allow=["identity"]).startswith(text)
    with pytest.raises(AwareNetError):
        check_leaks(rows, allow=["clip"])
    assert check_leaks(rows[:1]) == "nothing is in two parts"


def test_every_protocol_says_what_it_lets_cross_and_identity_nothing():
    assert set(BY_DESIGN) == set(PROTOCOLS)
    assert BY_DESIGN["identity"] == ()
    assert set(BY_DESIGN["frame"]) == set(KINDS)
    clip_twice = [row("a"), replace(row("a"), split="test", path="b.png", sha256="1")]
    for protocol in PROTOCOLS:
        if protocol != "frame":
            with pytest.raises(AwareNetError, match=r"in two parts are 1 clip \(a: 1 crop in"):
                check_leaks(clip_twice, allow=BY_DESIGN[protocol])


def test_a_picture_saved_again_under_another_name_is_a_near_copy(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for index, part in enumerate(["train"] * 8 + ["validation"] * 2 + ["test"] * 2):
        image = cv2.resize(rng.integers(0, 255, (48, 48, 3)).astype(np.uint8), (96, 96))
        rows.append(row(f"{index}", split=part))
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    again = cv2.imread(str(tmp_path / "3.png"))
    cv2.imwrite(str(tmp_path / "again.jpg"), again, [cv2.IMWRITE_JPEG_QUALITY, 60])
    rows.append(replace(row("again", split="test"), path="again.jpg"))
    hashes = hash_crops(rows, tmp_path)
    assert kinds(rows) == {}
    (leak,) = find_leaks(rows, hashes)
    assert (leak.kind, leak.name) == ("near copy", "3 and again")
    assert leak.crops == (("train", 1), ("test", 1))
    assert leak.example == "3.png and again.jpg"
    with pytest.raises(AwareNetError, match="1 near copy .3 and again: "):
        check_leaks(rows, hashes)
    rows[-1] = replace(rows[-1], split="train")
    assert check_leaks(rows, hashes) == "nothing is in two parts"


def test_many_near_copies_of_two_clips_are_one_leak_and_the_very_same_crop_is_none():
    rows = [
        row(f"{c}-{n}", split=part) for c, part in (("a", "train"), ("b", "test")) for n in "12"
    ]
    rows = [
        replace(r, clip=r.clip[0], source_clip=r.clip[0], identities=(r.clip[0],)) for r in rows
    ]
    hashes = np.arange(4, dtype=np.uint64)[:, None] * np.ones(9, np.uint64)
    (leak,) = find_leaks(rows, hashes)
    assert (leak.kind, leak.name) == ("near copy", "a and b")
    assert leak.crops == (("train", 2), ("test", 2))
    same = [replace(r, sha256="0") for r in rows]
    assert [leak.kind for leak in find_leaks(same, hashes)] == ["identical crop"]
