"""FaceForensics++ and DeepFakeDetection, as they are given out and as mirrors keep them."""

import logging
import re
import shutil
from collections import Counter

import miniatures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from miniatures import FFPP_METHODS, fill

from awarenet.errors import SettingsError
from trainer.datasets import index_dfd, index_faceforensics
from trainer.datasets.stems import recognize


def by_name(clips):
    return {clip.name: clip for clip in clips}


def test_every_method_is_listed_with_its_official_parts(tmp_path):
    clips = index_faceforensics(miniatures.faceforensics(tmp_path, pairs=3))
    counts = Counter((clip.method, clip.part) for clip in clips)
    assert counts == {
        (method, part): 6
        for method in ("real", *FFPP_METHODS)
        for part in ("train", "validation", "test")
    }
    assert {clip.label for clip in clips if clip.method == "real"} == {0}
    assert {clip.label for clip in clips if clip.method != "real"} == {1}


def test_a_fake_knows_both_people_its_source_and_its_mask(tmp_path):
    root = miniatures.faceforensics(tmp_path)
    clips = by_name(index_faceforensics(root))
    fake = clips["faceforensics-c23-FaceSwap-071_054"]
    assert fake.identities == ("ffpp:071", "ffpp:054")
    assert fake.source_clip == "faceforensics-c23-youtube-071"
    assert fake.path == root / "manipulated_sequences/FaceSwap/c23/videos/071_054.mp4"
    assert fake.mask == root / "manipulated_sequences/FaceSwap/masks/videos/071_054.mp4"
    assert (fake.method, fake.compression, fake.part) == ("FaceSwap", "c23", "train")
    real = clips[fake.source_clip]
    assert (real.identities, real.source_clip, real.mask) == (("ffpp:071",), real.name, None)


def test_every_source_is_a_clip_and_names_are_sorted_and_fit_for_files(tmp_path):
    clips = index_faceforensics(miniatures.faceforensics(tmp_path))
    names = [clip.name for clip in clips]
    assert names == sorted(set(names))
    assert {clip.source_clip for clip in clips} <= set(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names)


def test_a_method_without_masks_has_none(tmp_path):
    clips = index_faceforensics(miniatures.faceforensics(tmp_path, masks=False))
    assert {clip.mask for clip in clips} == {None}


def test_only_the_compressions_asked_for_are_listed(tmp_path):
    root = miniatures.faceforensics(tmp_path, compressions=("raw", "c23", "c40"), pairs=1)
    assert {clip.compression for clip in index_faceforensics(root)} == {"c23"}
    both = index_faceforensics(root, compressions=["c0", "c40"])
    assert Counter(clip.compression for clip in both) == {"raw": 36, "c40": 36}
    assert len({clip.name for clip in both}) == len(both)
    assert {clip.source_clip.split("-")[1] for clip in both if clip.compression == "raw"} == {"raw"}


def test_c0_is_raw(tmp_path):
    root = miniatures.faceforensics(tmp_path, compressions=("c0",), pairs=1)
    clips = index_faceforensics(root, compressions="raw")
    assert {clip.compression for clip in clips} == {"raw"}


def test_the_compression_that_is_there_is_named(tmp_path):
    root = miniatures.faceforensics(tmp_path, compressions=("c40",))
    with pytest.raises(SettingsError, match=r"no c23 clip in .*, but c40; ask for that in comp"):
        index_faceforensics(root)


@pytest.mark.parametrize("asked", [[], ["c24"]])
def test_a_compression_that_does_not_exist_is_refused(tmp_path, asked):
    with pytest.raises(SettingsError, match="there are raw, c0, c23, c40"):
        index_faceforensics(miniatures.faceforensics(tmp_path), compressions=asked)


def test_mirrors_may_spell_folders_and_suffixes_their_way(tmp_path):
    root = tmp_path / "ffpp"
    fill(root / "Original_Sequences" / "YouTube" / "C23", ["071.MKV", "054.avi"])
    fill(root / "manipulated sequences" / "deepfakes" / "C23" / "Videos", ["071_054.webm"])
    clips = by_name(index_faceforensics(root))
    assert list(clips) == [
        "faceforensics-c23-Deepfakes-071_054",
        "faceforensics-c23-youtube-054",
        "faceforensics-c23-youtube-071",
    ]


def test_a_flat_copy_says_its_compression_by_its_name(tmp_path):
    root = tmp_path / "FaceForensics++_C23"
    fill(root, ["original/071.mp4", "Deepfakes/071_054.mp4", "csv/Deepfakes.csv"])
    assert [clip.name for clip in index_faceforensics(root)] == [
        "faceforensics-c23-Deepfakes-071_054",
        "faceforensics-c23-youtube-071",
    ]
    plain = shutil.move(root, tmp_path / "ff")
    assert [(clip.name, clip.compression) for clip in index_faceforensics(plain)] == [
        ("faceforensics-Deepfakes-071_054", ""),
        ("faceforensics-youtube-071", ""),
    ]


def test_what_tools_put_beside_the_clips_is_not_listed(tmp_path):
    root = miniatures.faceforensics(tmp_path, pairs=1)
    before = index_faceforensics(root)
    home = root / "original_sequences" / "youtube" / "c23"
    fill(home, ["frames/071/000.png", "landmarks/071/000.npy", "videos/._071.mp4"])
    assert index_faceforensics(root) == before


def test_clips_called_otherwise_are_left_out_and_counted_once(tmp_path, caplog):
    root = miniatures.faceforensics(tmp_path, pairs=1)
    before = index_faceforensics(root)
    real = root / "original_sequences" / "youtube" / "c23" / "videos"
    fill(real, ["holiday.mp4", "000_003.mp4", "01__kitchen.mp4"])
    with caplog.at_level(logging.WARNING):
        assert index_faceforensics(root) == before
    assert [record.message for record in caplog.records] == [
        "faceforensics: left out: 3 clips whose names say nothing, as 000_003.mp4"
    ]


def test_swaps_of_clips_that_are_no_official_pair_have_no_part(tmp_path):
    root = miniatures.faceforensics(tmp_path, pairs=1)
    fill(root / "manipulated_sequences" / "Deepfakes" / "c23" / "videos", ["000_001.mp4"])
    clips = by_name(index_faceforensics(root))
    assert clips["faceforensics-c23-Deepfakes-000_001"].part == ""


def test_numbers_of_one_person_are_one_identity():
    assert recognize("343").identities == recognize("043").identities == ("ffpp:043",)
    assert recognize("183_826").identities == ("ffpp:179",)
    assert recognize("183_826").source == "183"  # the clip is another all the same


def test_a_wrong_folder_says_what_was_looked_for_and_found(tmp_path):
    fill(tmp_path / "pets", ["cats/1.mp4", *(f"dog{number}.txt" for number in range(9))])
    with pytest.raises(SettingsError) as caught:
        index_faceforensics(tmp_path / "pets")
    message = str(caught.value)
    assert "looked for original_sequences/youtube/c23/videos" in message
    assert "found cats/, dog0.txt, dog1.txt, dog2.txt, dog3.txt, dog4.txt and 4 more" in message
    assert "\n" not in message


@pytest.mark.parametrize("index", [index_faceforensics, index_dfd])
def test_a_folder_that_is_not_there_is_named(tmp_path, index):
    with pytest.raises(SettingsError, match=r"no folder .*nowhere; expected original_sequences"):
        index(tmp_path / "nowhere")


def test_actors_and_their_swaps_are_a_data_set_of_their_own(tmp_path, caplog):
    root = miniatures.dfd(miniatures.faceforensics(tmp_path).parent)
    with caplog.at_level(logging.INFO):
        assert {clip.dataset for clip in index_faceforensics(root)} == {"faceforensics"}
    assert "include_dfd" in caplog.text
    clips = index_dfd(root)
    assert Counter(clip.method for clip in clips) == {"real": 6, "DeepFakeDetection": 4}
    assert {clip.part for clip in clips} == {""}
    everything = index_faceforensics(root, include_dfd=True)
    assert [clip for clip in everything if clip.dataset == "dfd"] == clips


def test_both_actors_are_in_a_fake_and_its_source_is_the_targets_scene(tmp_path):
    root = miniatures.dfd(tmp_path)
    clips = by_name(index_dfd(root))
    fake = clips["dfd-c23-DeepFakeDetection-01_02__kitchen_pan__YVGY8LOK"]
    assert fake.identities == ("dfd:01", "dfd:02")
    assert clips[fake.source_clip].path.name == "01__kitchen_pan.mp4"
    assert clips[fake.source_clip].identities == ("dfd:01",)
    assert fake.mask.parent == root / "manipulated_sequences/DeepFakeDetection/masks/videos"


def test_the_other_copy_of_dfd_is_read(tmp_path):
    fill(tmp_path / "DFD_original sequences", ["01__kitchen_pan.mp4"])
    twice = tmp_path / "DFD_manipulated_sequences" / "DFD_manipulated_sequences"
    fill(twice, ["01_02__kitchen_pan__YVGY8LOK.mp4"])
    assert [clip.name for clip in index_dfd(tmp_path)] == [
        "dfd-DeepFakeDetection-01_02__kitchen_pan__YVGY8LOK",
        "dfd-actors-01__kitchen_pan",
    ]


numbers = st.integers(0, 999).map("{:03d}".format)
actors = st.integers(1, 28).map("{:02d}".format)
scenes = st.from_regex(r"[a-z]{3,9}(_[a-z]{3,9}){0,4}", fullmatch=True)


@given(numbers, numbers)
def test_any_name_of_faceforensics_is_understood(target, donor):
    fake, real = recognize(f"{target}_{donor}"), recognize(target)
    assert (real.family, real.label, real.source, real.folder) == ("ffpp", 0, target, "youtube")
    assert (fake.label, fake.source, fake.folder) == (1, target, "youtube")
    assert set(fake.identities) == {*real.identities, *recognize(donor).identities}


@given(actors, actors, scenes, st.from_regex(r"[A-Z0-9]{8}", fullmatch=True))
def test_any_name_of_dfd_is_understood(target, donor, scene, code):
    fake, real = recognize(f"{target}_{donor}__{scene}__{code}"), recognize(f"{target}__{scene}")
    assert (real.family, real.label, real.identities) == ("dfd", 0, (f"dfd:{target}",))
    assert (fake.family, fake.label, fake.source) == ("dfd", 1, real.source)
    assert set(fake.identities) == {f"dfd:{target}", f"dfd:{donor}"}


@given(st.text(alphabet="abcxyz-. ", max_size=12))
def test_other_names_say_nothing(text):
    assert recognize(text) is None
