"""The splits that authors published: counted as they say, and what crosses them measured."""

from collections import Counter

import pytest
from swaps import SHARES, clip

from awarenet.errors import SettingsError
from trainer.datasets import Clip
from trainer.datasets.stems import recognize
from trainer.official import celebdf_v2_test, ffpp_parts
from trainer.splits import Split, make_split


def official(clips: list[Clip], seed: int = 0, **options) -> Split:
    return make_split(clips, **{"protocol": "official", "shares": SHARES, "seed": seed} | options)


def named(stem: str, dataset: str, part: str, method: str = "real") -> Clip:
    """Make the clip of a file called `stem`."""
    said = recognize(stem)
    name = f"{dataset}-{method}-{stem}"
    source = f"{dataset}-real-{said.source}" if said.label else ""
    return clip(name, *said.identities, source=source, dataset=dataset, part=part)


def faceforensics(*methods: str) -> list[Clip]:
    return [
        named(stem, "faceforensics", part, method)
        for stem, part in sorted(ffpp_parts().items())
        for method in (methods if "_" in stem else ("real",))
    ]


def celebdf() -> list[Clip]:
    """List Celeb-DF v2 as far as its test list tells: its clips, and those they were made from."""
    listed = {item.stem: label for item, label in celebdf_v2_test().items()}
    assert Counter(listed.values()) == {0: 178, 1: 340}
    sources = {recognize(stem).source for stem in listed}
    clips = [
        named(stem, "celebdf_v2", "test", "fake" if listed[stem] else "real") for stem in listed
    ]
    return clips + [named(stem, "celebdf_v2", "train") for stem in sorted(sources - set(listed))]


def test_faceforensics_has_its_720_140_and_140_videos_of_each_kind_and_no_leak():
    clips = faceforensics("Deepfakes", "FaceShifter")
    split = official(clips)
    counts = Counter(split.parts.values())
    assert counts == {"train": 3 * 720, "validation": 3 * 140, "test": 3 * 140}
    assert split.dropped == {}
    assert split.warnings == ()


def test_234_of_the_340_fakes_that_celebdf_tests_on_are_of_clips_outside_its_test_part():
    clips = celebdf()
    split = official(clips, shares=(0.8, 0.0, 0.2))
    assert Counter(split.parts[c.name] for c in clips if c.label) == {"test": 340}
    assert sum(split.parts[c.name] == "test" for c in clips) == 518
    (warning,) = split.warnings
    assert warning.startswith("celebdf_v2: the official split is not free of leaks: ")
    assert "; 234 of 340 fakes of test are made from clips of train" in warning


def test_every_identity_that_celebdf_tests_on_is_found_again_in_train():
    people = sorted(
        {name for c in celebdf() for name in c.identities if c.part == "test" and "yt" not in name}
    )
    assert len(people) == 56
    more = [
        clip(f"again-{n}", name, dataset="celebdf_v2", part="train")
        for n, name in enumerate(people)
    ]
    split = official([*celebdf(), *more], shares=(0.8, 0.0, 0.2))
    told = "56 of the 56 identities of test that are in more than one clip are also in train"
    assert any(told in warning for warning in split.warnings)


def test_fakes_of_train_that_are_made_from_test_clips_are_counted():
    clips = [
        clip("a1", "a", part="test"),
        clip("b1", "b", part="train"),
        clip("a1-b", "a", "b", source="a1", part="train"),
        clip("b1-a", "b", "a", source="b1", part="test"),
        clip("c1", "c", part="test"),
        clip("c1-c", "c", source="c1", part="test"),
    ]
    (warning,) = official(clips, shares=(1.0, 0.0, 0.0)).warnings
    assert warning == (
        "faces: the official split is not free of leaks: 2 of the 3 identities of test that are in "
        "more than one clip are also in train; 1 of 2 fakes of test are made from clips of train; "
        "1 of 1 fakes of train are made from clips of test"
    )


def test_validation_is_cut_out_of_train_by_people_where_there_is_none():
    clips = [clip(f"{n:03d}", f"p{n}", part="train") for n in range(80)]
    clips += [clip(f"f{n:03d}", f"p{n}", source=f"{n:03d}", part="train") for n in range(80)]
    clips += [clip(f"t{n:03d}", f"t{n}", part="test") for n in range(10)]
    split = official(clips, shares=(0.6, 0.2, 0.2))
    assert Counter(split.parts.values()) == {"train": 120, "validation": 40, "test": 10}
    assert all(split.parts[f"{n:03d}"] == split.parts[f"f{n:03d}"] for n in range(80))
    assert {split.parts[f"t{n:03d}"] for n in range(10)} == {"test"}
    assert split.warnings == ()
    assert official(clips, 1, shares=(0.6, 0.2, 0.2)).parts != split.parts


def test_where_people_cannot_be_told_apart_validation_is_cut_out_by_clip_and_this_is_said():
    clips = [clip(f"{n:02d}", "ann", part="train") for n in range(40)]
    clips += [clip("t", "bob", part="test")]
    split = official(clips, shares=(0.6, 0.2, 0.2))
    assert Counter(split.parts.values()) == {"train": 30, "validation": 10, "test": 1}
    (warning,) = split.warnings
    assert warning.startswith("faces: validation cut out of official train is not free of leaks")
    assert "1 of the 1 identities of validation" in warning


def test_a_validation_part_that_is_there_is_kept():
    clips = [clip(f"{n}", f"p{n}", part=p) for n, p in enumerate(["train", "validation", "test"])]
    assert official(clips).parts == {"0": "train", "1": "validation", "2": "test"}


def test_a_data_set_without_official_parts_is_refused_and_identity_offered():
    clips = [clip("a", "ann", part="train"), clip("b", "bob", dataset="film")]
    with pytest.raises(SettingsError, match="^film: no clip has an official part; .*identity"):
        official(clips)


def test_clips_that_the_official_lists_leave_out_are_dropped_and_counted():
    clips = [clip("a", "ann", part="train"), clip("b", "bob", part="test"), clip("c", "cid")]
    split = official(clips, shares=(1.0, 0.0, 0.0))
    assert split.dropped == {"c": "in no official part"}
    assert split.warnings == ("faces: 1 of 3 clips are in no official part, left out",)


def test_a_fraction_takes_from_every_official_part():
    clips = faceforensics("Deepfakes")
    counts = Counter(official(clips, fraction=0.1).parts.values())
    assert counts == {"train": 144, "validation": 28, "test": 28}
