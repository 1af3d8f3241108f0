"""The annotation file of a split: what it says, when it is made anew, and that it is not edited."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from swaps import SHARES, clip

from awarenet.errors import AwareNetError
from trainer.splits import make_split
from trainer.splits.split_file import count_clips, read_split, stored_split, write_split

OPTIONS = {"protocol": "identity", "shares": SHARES, "seed": 1}


@pytest.fixture
def clips() -> list:
    people = range(20)
    real = [clip(f"{n:02d}", f"p{n}") for n in people]
    return real + [clip(f"f{n:02d}", f"p{n}", source=f"{n:02d}") for n in people if n % 2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "split.json"


def edit(path: Path, **changes) -> None:
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | changes), "utf-8")


@pytest.mark.parametrize("protocol", ["identity", "video", "frame"])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_what_was_written_is_read_again(protocol, fraction, clips, tmp_path):
    split = make_split(clips, **OPTIONS | {"protocol": protocol}, fraction=fraction)
    write_split(tmp_path / "split.json", split, clips)
    again = read_split(tmp_path / "split.json")
    assert again == split
    assert again.sha256 == split.sha256


def test_the_file_says_how_the_split_was_made_and_what_came_of_it(clips, path):
    split = stored_split(path, clips, **OPTIONS, fraction=0.5)
    content = json.loads(path.read_text("utf-8"))
    assert content["protocol"] == "identity"
    assert content["shares"] == [0.7, 0.15, 0.15]
    assert (content["seed"], content["fraction"], content["cut"]) == (1, 0.5, False)
    assert content["sha256"] == split.sha256
    assert content["warnings"] == list(split.warnings)
    assert content["dropped"] == split.dropped
    assert set(split.dropped.values()) == {"not among the fraction 0.5"}
    assert content["counts"] == count_clips(split, clips)


def test_clips_are_counted_by_part_and_label(clips):
    split = make_split(clips, **OPTIONS)
    home = {c.name: split.parts[c.name] for c in clips}
    counts = count_clips(split, clips)
    assert {part: sum(both.values()) for part, both in counts.items()} == {
        part: list(home.values()).count(part) for part in set(home.values())
    }
    assert sum(both["fake"] for both in counts.values()) == 10
    dropped = replace(split, parts={}, dropped=dict.fromkeys(home, "why"))
    assert count_clips(dropped, clips) == {"dropped": {"real": 20, "fake": 10}}


def test_the_same_clips_and_options_are_read_and_not_split_again(clips, path, monkeypatch):
    first = stored_split(path, clips, **OPTIONS)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr("trainer.splits.split_file.make_split", None)
    assert stored_split(path, clips[::-1], **OPTIONS) == first
    assert stored_split(path, clips, **OPTIONS | {"shares": list(SHARES)}, fraction=1) == first
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"shares": (0.6, 0.2, 0.2)},
        {"fraction": 0.5},
        {"protocol": "video"},
        {"cut": True},
    ],
)
def test_other_options_make_it_anew(change, clips, path):
    stored_split(path, clips, **OPTIONS)
    split = stored_split(path, clips, **OPTIONS | change)
    assert split == make_split(clips, **OPTIONS | change)
    assert read_split(path) == split


def test_options_left_out_mean_their_defaults_and_not_those_of_the_file(clips, path):
    stored_split(path, clips, **OPTIONS, fraction=0.5)
    assert stored_split(path, clips, **OPTIONS).fraction == 1.0


@pytest.mark.parametrize(
    "change",
    [{"name": "new"}, {"identities": ("p1", "p2")}, {"part": "test"}, {"source_clip": "01"}],
)
def test_other_clips_or_other_facts_about_them_make_it_anew(change, clips, path):
    stored_split(path, clips, **OPTIONS)
    other = [replace(clips[0], **change), *clips[1:]]
    assert stored_split(path, other, **OPTIONS) == make_split(other, **OPTIONS)


def test_a_clip_that_moved_on_disk_does_not(clips, path, monkeypatch):
    first = stored_split(path, clips, **OPTIONS)
    monkeypatch.setattr("trainer.splits.split_file.make_split", None)
    moved = [replace(c, path=Path("elsewhere") / c.path) for c in clips]
    assert stored_split(path, moved, **OPTIONS) == first


def test_force_makes_it_anew(clips, path):
    first = stored_split(path, clips, **OPTIONS)
    path.write_text("anything", "utf-8")
    assert stored_split(path, clips, force=True, **OPTIONS) == first
    assert read_split(path) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"protocol": "official"},
        {"warnings": ["all is well"]},
        {"dropped": {"f01": "I do not like it"}},
        {"counts": {}},
        {"sha256": "0" * 64},
        {"made_of": "0" * 64},
    ],
)
def test_a_file_that_was_edited_is_refused_in_one_line(changes, clips, path):
    stored_split(path, clips, **OPTIONS)
    edit(path, **changes)
    for use in (read_split, lambda path: stored_split(path, clips, **OPTIONS)):
        with pytest.raises(AwareNetError, match="was changed after it was made.*force") as error:
            use(path)
        assert "\n" not in str(error.value)


def test_a_clip_moved_by_hand_to_another_part_is_refused_with_both_hashes(clips, path):
    split = stored_split(path, clips, **OPTIONS)
    name = min(split.parts)
    parts = split.parts | {name: "test" if split.parts[name] != "test" else "train"}
    edit(path, parts=parts)
    with pytest.raises(AwareNetError) as error:
        read_split(path)
    assert split.sha256[:12] in str(error.value)
    assert replace(split, parts=parts).sha256[:12] in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"seal": 1, "format": "awarenet.split/2"}'])
def test_a_file_that_is_no_split_is_refused_in_one_line(text, tmp_path):
    path = tmp_path / "split.json"
    path.write_text(text, "utf-8")
    with pytest.raises(
        AwareNetError, match="is no awarenet.split/1.*delete it or use force"
    ) as error:
        read_split(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(AwareNetError, match="no .*split.json; make the split first"):
        read_split(tmp_path / "split.json")


def test_warnings_are_told_whenever_the_split_is_used(clips, path, caplog):
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            stored_split(path, clips, **OPTIONS | {"protocol": "frame"})
        assert "clips that were trained on" in caplog.text
