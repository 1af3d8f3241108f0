"""Celeb-DF: who is in a clip, what its list of test clips says, and what mirrors do to it."""

import logging
from collections import Counter

import miniatures
import pytest
from miniatures import CELEBDF, CELEBDF_LISTED, fill

from awarenet.errors import SettingsError
from trainer.datasets import index_celebdf_v1, index_celebdf_v2
from trainer.official import celebdf_v2_test


def by_name(clips):
    return {clip.name: clip for clip in clips}


def test_every_clip_is_listed_with_its_label(tmp_path):
    clips = index_celebdf_v2(miniatures.celebdf(tmp_path))
    assert Counter((clip.method, clip.label) for clip in clips) == {
        ("real", 0): len(CELEBDF["Celeb-real"]) + len(CELEBDF["YouTube-real"]),
        ("Celeb-synthesis", 1): len(CELEBDF["Celeb-synthesis"]),
    }


def test_a_fake_knows_target_donor_and_source(tmp_path):
    clips = by_name(index_celebdf_v2(miniatures.celebdf(tmp_path)))
    fake = clips["celebdf_v2-Celeb-synthesis-id0_id1_0001"]
    assert fake.identities == ("celebdf:id0", "celebdf:id1")
    assert clips[fake.source_clip].path.name == "id0_0001.mp4"
    assert clips[fake.source_clip].identities == ("celebdf:id0",)
    stranger = clips["celebdf_v2-YouTube-real-00012"]
    assert stranger.identities == ("celebdf:yt-00012",)
    assert {clip.source_clip for clip in clips.values()} <= set(clips)


def test_the_list_kept_here_gives_version_2_its_parts(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        clips = index_celebdf_v2(miniatures.celebdf(tmp_path))
    there = {(clip.path.parent.name, clip.path.stem): clip.part for clip in clips}
    listed = set(celebdf_v2_test()) & set(there)
    assert listed
    assert {key for key, part in there.items() if part == "test"} == listed
    assert {part for key, part in there.items() if key not in listed} == {"train"}
    assert f"{518 - len(listed)} clips of the test list that are not there" in caplog.text


def test_the_whole_list_finds_178_real_and_340_fake_clips(tmp_path):
    root = tmp_path / "Celeb-DF-v2"
    fill(root, (f"{clip.folder}/{clip.stem}.mp4" for clip in celebdf_v2_test()))
    clips = index_celebdf_v2(root)
    assert Counter((clip.part, clip.label) for clip in clips) == {
        ("test", 0): 178,
        ("test", 1): 340,
    }


def test_the_folders_own_list_wins(tmp_path):
    root = miniatures.celebdf(tmp_path, listed=CELEBDF_LISTED)
    assert {clip.name for clip in index_celebdf_v2(root) if clip.part == "test"} == {
        "celebdf_v2-YouTube-real-00170",
        "celebdf_v2-Celeb-real-id49_0000",
        "celebdf_v2-Celeb-synthesis-id49_id50_0000",
    }


def test_version_1_has_parts_only_by_its_own_list(tmp_path):
    without = index_celebdf_v1(miniatures.celebdf(tmp_path / "a", version=1))
    assert {clip.part for clip in without} == {""}
    root = miniatures.celebdf(tmp_path / "b", version=1, listed=CELEBDF_LISTED)
    assert Counter(clip.part for clip in index_celebdf_v1(root))["test"] == 3


def test_the_versions_share_people_but_no_names(tmp_path):
    one = index_celebdf_v1(miniatures.celebdf(tmp_path, version=1))
    two = index_celebdf_v2(miniatures.celebdf(tmp_path))
    assert not {clip.name for clip in one} & {clip.name for clip in two}
    assert {clip.identities for clip in one} == {clip.identities for clip in two}


def test_a_list_with_its_labels_the_wrong_way_round_is_refused(tmp_path):
    listed = "1 Celeb-synthesis/id0_id1_0000.mp4\n"
    with pytest.raises(SettingsError, match=r"id0_id1_0000 is real; expected 1 for real"):
        index_celebdf_v2(miniatures.celebdf(tmp_path, listed=listed))


def test_mirrors_add_a_level_and_spell_youtube_their_way(tmp_path):
    root = tmp_path / "celebdf"
    fill(root / "celeb-real" / "videos", ["id0_0000.mp4"])
    fill(root / "Youtube-real" / "videos", ["00170.avi"])
    fill(root / "Celeb_synthesis", ["id0_id1_0000.MP4"])
    clips = by_name(index_celebdf_v2(root))
    assert list(clips) == [
        "celebdf_v2-Celeb-real-id0_0000",
        "celebdf_v2-Celeb-synthesis-id0_id1_0000",
        "celebdf_v2-YouTube-real-00170",
    ]
    assert clips["celebdf_v2-YouTube-real-00170"].part == "test"


def test_what_is_in_the_wrong_folder_or_there_twice_is_left_out(tmp_path, caplog):
    root = miniatures.celebdf(tmp_path, listed=CELEBDF_LISTED)
    before = index_celebdf_v2(root)
    fill(root, ["Celeb-real/id0_id1_0000.mp4", "Celeb-real/notes.txt", "Celeb-real/me.mp4"])
    fill(root, ["Celeb-real/id0_0000.avi", "Celeb-real/videos/id0_0001.mp4"])
    with caplog.at_level(logging.WARNING):
        clips = index_celebdf_v2(root)
    assert [clip.name for clip in clips] == [clip.name for clip in before]
    assert len(caplog.records) == 1
    assert "2 clips whose names say nothing" in caplog.text
    assert "2 second files of one name" in caplog.text


def test_a_wrong_folder_says_what_was_looked_for_and_found(tmp_path):
    with pytest.raises(
        SettingsError, match=r"does not fit; looked for Celeb-real, .*found nothing"
    ):
        index_celebdf_v2(tmp_path)
