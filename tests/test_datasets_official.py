"""The published splits are kept whole, and mean here what their authors mean by them."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.errors import SettingsError
from trainer.official import (
    ListedClip,
    celebdf_v2_test,
    dfdc_part,
    ffpp_pairs,
    ffpp_parts,
    read_celebdf_list,
)


def test_faceforensics_has_360_70_and_70_pairs():
    assert {part: len(pairs) for part, pairs in ffpp_pairs().items()} == {
        "train": 360, "validation": 70, "test": 70,
    }  # fmt: skip


def test_they_are_720_140_and_140_videos_and_as_many_fakes_of_each_method():
    for length in (3, 7):  # 000, and 000_003
        counts = Counter(part for stem, part in ffpp_parts().items() if len(stem) == length)
        assert counts == {"train": 720, "validation": 140, "test": 140}


def test_every_video_of_faceforensics_is_in_one_pair():
    videos = list(itertools.chain(*itertools.chain(*ffpp_pairs().values())))
    assert sorted(videos) == [f"{number:03d}" for number in range(1000)]


def test_a_pair_binds_both_clips_and_both_swaps():
    parts = ffpp_parts()
    assert {parts[stem] for stem in ("071", "054", "071_054", "054_071")} == {"train"}
    assert "000_001" not in parts  # no official pair


def test_celebdf_lists_178_real_and_340_fake_clips():
    assert Counter(celebdf_v2_test().values()) == {0: 178, 1: 340}
    assert Counter(clip.folder for clip in celebdf_v2_test()) == {
        "Celeb-real": 108, "YouTube-real": 70, "Celeb-synthesis": 340,
    }  # fmt: skip


def test_neither_the_first_nor_the_last_line_of_the_list_is_lost():
    assert celebdf_v2_test()[ListedClip("YouTube-real", "00170")] == 0
    assert celebdf_v2_test()[ListedClip("Celeb-synthesis", "id17_id2_0003")] == 1


def test_the_labels_of_the_list_are_turned():
    for clip, label in celebdf_v2_test().items():
        assert label == int(clip.folder == "Celeb-synthesis")


def test_a_list_from_another_machine_is_read(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\ufeff1 Youtube-real\\videos\\00170.mp4\r\n\r\n0 Celeb-synthesis/a_b_1.AVI")
    assert read_celebdf_list(path) == {
        ListedClip("YouTube-real", "00170"): 0,
        ListedClip("Celeb-synthesis", "a_b_1"): 1,
    }


@pytest.mark.parametrize("line", ["2 Celeb-real/a.mp4", "Celeb-real/a.mp4", "1 a.mp4", "1 Else/a"])
def test_a_line_that_means_nothing_is_shown_with_its_number(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"1 Celeb-real/id0_0000.mp4\n{line}\n")
    with pytest.raises(SettingsError, match=r"list\.txt, line 2: .* came; expected 1 \(real\)"):
        read_celebdf_list(path)


@settings(max_examples=30, deadline=None)  # each writes a file
@given(
    st.dictionaries(
        st.builds(
            ListedClip,
            st.sampled_from(["Celeb-real", "YouTube-real", "Celeb-synthesis"]),
            st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True),
        ),
        st.integers(0, 1),
    )
)
def test_any_list_comes_back_as_it_was_written(tmp_path_factory, clips):
    path = tmp_path_factory.mktemp("lists") / "list.txt"
    path.write_text("\n".join(f"{1 - n} {c.folder}/{c.stem}.mp4" for c, n in clips.items()))
    assert read_celebdf_list(path) == clips


def test_the_fifty_folders_of_dfdc_are_35_5_and_10():
    parts = Counter(dfdc_part(number) for number in range(50))
    assert parts == {"train": 35, "validation": 5, "test": 10}
    assert [dfdc_part(number) for number in (-1, 0, 34, 35, 39, 40, 49, 50)] == [
        "", "train", "train", "validation", "validation", "test", "test", "",
    ]  # fmt: skip
