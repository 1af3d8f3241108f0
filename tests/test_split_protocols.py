"""Protocols of splits: those that let people cross, and options that have no meaning."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from swaps import SHARES, clip
from test_splits import actors, by_identity

from awarenet.errors import AwareNetError, SettingsError
from trainer.splits import PARTS, PROTOCOLS, frame_part, make_split, split_by_identity


def test_the_video_protocol_has_its_shares_to_the_clip_and_says_who_is_in_two_parts():
    clips = actors(10, 9, [(0, 1)]) + [clip("stranger", "nobody else")]
    split = make_split(clips, protocol="video", shares=(0.8, 0.1, 0.1), seed=3)
    assert Counter(split.parts.values()) == {"train": 80, "validation": 10, "test": 10}
    people = {
        part: {name for c in clips if split.parts[c.name] == part for name in c.identities}
        for part in PARTS
    }
    both = len(people["train"] & people["test"])
    known = len(people["test"] - {"nobody else"})
    told = f"{both} of the {known} identities of test that are in more than one clip are also in"
    assert both > 0
    assert any(told in warning for warning in split.warnings)


def test_videos_of_one_person_each_give_no_warning():
    clips = [clip(f"{n}", f"p{n}") for n in range(20)]
    assert make_split(clips, protocol="video", shares=SHARES, seed=0).warnings == ()


def test_the_frame_protocol_says_in_one_sentence_that_it_leaks():
    split = make_split([clip("a", "ann")], protocol="frame", shares=SHARES, seed=0)
    assert split.parts == {"a": "frame"}
    (warning,) = split.warnings
    assert "clips that were trained on" in warning


def test_frames_are_dealt_in_the_shares_asked_for_and_always_alike():
    dealt = [frame_part("clip", index, SHARES, 0) for index in range(6000)]
    for part, share in zip(PARTS, SHARES, strict=True):
        sigma = np.sqrt(share * (1 - share) / len(dealt))
        assert abs(dealt.count(part) / len(dealt) - share) < 4 * sigma
    assert dealt == [frame_part("clip", index, SHARES, 0) for index in range(6000)]
    for other in (("clip", 1), ("other", 0)):
        again = [frame_part(other[0], index, SHARES, other[1]) for index in range(6000)]
        same = np.mean([a == b for a, b in zip(dealt, again, strict=True)])
        assert abs(same - sum(share**2 for share in SHARES)) < 0.025  # as if they were independent


def test_a_frames_part_follows_from_sha256_of_seed_clip_and_index():
    for index in range(50):
        digest = hashlib.sha256(f"7\0a\0{index}".encode()).hexdigest()
        drawn = int(digest[:16], 16) / 2**64
        expected = "train" if drawn < 0.5 else "validation" if drawn < 0.7 else "test"
        assert frame_part("a", index, (0.5, 0.2, 0.3), 7) == expected


def test_no_frame_goes_to_a_part_without_a_share():
    assert {frame_part("a", index, (0.5, 0.0, 0.5), 0) for index in range(500)} == {"train", "test"}
    assert {frame_part("a", index, (1.0, 0.0, 0.0), 0) for index in range(500)} == {"train"}


@pytest.mark.parametrize("fractions", [(0.7, 0.2), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shares_that_are_none_are_refused(fractions, protocol):
    clips = [clip("a", "ann", part="train")]
    with pytest.raises(SettingsError, match=r"\[split\] shares.*sum to 1"):
        make_split(clips, protocol=protocol, shares=fractions, seed=0)
    with pytest.raises(SettingsError, match=r"\[split\] shares.*sum to 1"):
        split_by_identity(clips, fractions, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "person"}, "no split protocol 'person'; there are identity, official"),
        ({"fraction": 0.0}, "fraction 0.0 given"),
        ({"fraction": 1.5}, "fraction 1.5 given"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_options_that_have_no_meaning_are_refused_in_one_line(options, message):
    with pytest.raises(SettingsError, match=message) as error:
        by_identity([clip("a", "ann")], **options)
    assert "\n" not in str(error.value)


def test_clips_of_one_name_and_no_clips_at_all_are_refused():
    with pytest.raises(AwareNetError, match="two clips have one name"):
        by_identity([clip("a", "ann"), clip("a", "bob")])
    with pytest.raises(AwareNetError, match="no clip at all"):
        by_identity([])
