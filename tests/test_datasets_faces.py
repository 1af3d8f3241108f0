"""What AWARE-NET and 'Stronger Together?' left on disk: flat clips, and faces cut out of them."""

import logging
from collections import Counter

import miniatures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import fill, write_csv

from awarenet.errors import SettingsError
from trainer.datasets import index_aware_net, index_dataset, index_stronger_together


def by_name(clips):
    return {clip.name: clip for clip in clips}


def test_pictures_become_the_clips_that_they_were_cut_from(tmp_path):
    clips = by_name(index_aware_net(miniatures.aware_net(tmp_path)))
    assert sorted(clips) == [
        "aware_net-celebdf-Celeb-real-id49_0000",
        "aware_net-celebdf-Celeb-real-id50_0000",
        "aware_net-celebdf-Celeb-synthesis-id49_id50_0000",
        "aware_net-celebdf-YouTube-real-00170",
        "aware_net-dfd-DeepFakeDetection-01_02__exit_phone_room__YVGY8LOK",
        "aware_net-dfd-actors-01__exit_phone_room",
        "aware_net-ffpp-Deepfakes-054_071",
        "aware_net-ffpp-Deepfakes-071_054",
        "aware_net-ffpp-youtube-054",
        "aware_net-ffpp-youtube-071",
    ]
    assert {clip.source_clip for clip in clips.values()} <= set(clips)
    assert all(clip.path == clip.pictures[0].parent for clip in clips.values())


def test_their_people_methods_and_parts_are_those_of_the_videos(tmp_path):
    clips = by_name(index_aware_net(miniatures.aware_net(tmp_path)))
    fake = clips["aware_net-ffpp-Deepfakes-071_054"]
    assert (fake.label, fake.method, fake.part) == (1, "Deepfakes", "train")
    assert fake.identities == ("ffpp:071", "ffpp:054")
    other = clips["aware_net-celebdf-Celeb-synthesis-id49_id50_0000"]
    assert other.identities == ("celebdf:id49", "celebdf:id50")
    assert clips["aware_net-celebdf-YouTube-real-00170"].part == "test"  # on the official list
    assert clips["aware_net-celebdf-YouTube-real-00170"].identities == ("celebdf:yt-00170",)
    assert Counter(clip.label for clip in clips.values()) == {0: 6, 1: 4}


def test_the_pictures_of_a_clip_are_in_order_of_time(tmp_path):
    root = miniatures.aware_net(tmp_path, faces=12, layout={"ff++/real/youtube": ["071"]})
    fill(root / "ff++/real/youtube", ["071_10000_face.png"])
    (clip,) = index_aware_net(root)
    order = [int(path.stem.split("_")[1]) for path in clip.pictures]
    assert order == [*range(12), 10_000]


@pytest.mark.parametrize("given_folder", ["", "faces", "faces/ff++", "faces/ff++/fake"])
def test_any_folder_of_the_tree_may_be_given(tmp_path, given_folder):
    layout = {"ff++/fake/FaceSwap": ["071_054"], "celebdf/real": ["id1_0000", "00012"]}
    miniatures.aware_net(tmp_path, layout=layout | {"celebdf/fake": ["id1_id2_0000"]})
    clips = by_name(index_aware_net(tmp_path / given_folder))
    assert clips["aware_net-ffpp-FaceSwap-071_054"].source_clip == "aware_net-ffpp-youtube-071"
    if given_folder in ("", "faces"):
        assert clips["aware_net-celebdf-YouTube-real-00012"].label == 0
        assert clips["aware_net-celebdf-Celeb-synthesis-id1_id2_0000"].method == "Celeb-synthesis"


def test_clips_of_unknown_names_stand_for_themselves(tmp_path):
    layout = {"ff++/real/youtube": ["holiday"], "celebdf/fake": ["holiday"]}
    clips = index_aware_net(miniatures.aware_net(tmp_path, layout=layout))
    assert [(clip.label, clip.method) for clip in clips] == [(1, "fake"), (0, "real")]
    assert len({clip.name for clip in clips}) == len({clip.identities for clip in clips}) == 2
    assert all(clip.name.replace("-", "").replace("_", "").isalnum() for clip in clips)


def test_a_name_that_contradicts_its_folder_is_left_out(tmp_path, caplog):
    layout = {"ff++/real/youtube": ["071", "071_054"]}
    root = miniatures.aware_net(tmp_path, layout=layout)
    fill(root / "ff++/real/youtube", ["cover.png"])
    with caplog.at_level(logging.WARNING):
        (clip,) = index_aware_net(root)
    assert clip.name == "aware_net-ffpp-youtube-071"
    assert [record.message for record in caplog.records] == [
        "aware_net: left out: 1 pictures not called <clip>_0000_face, as cover.png; "
        "1 clips that their folder and name do not agree on, as 071_054"
    ]


@settings(max_examples=25, deadline=None)  # each writes files
@given(st.integers(1, 40), st.sampled_from(["071", "01__kitchen_pan", "id1_0000", "a_frame_0001"]))
def test_the_clip_is_recovered_from_any_of_its_pictures(tmp_path_factory, faces, stem):
    folder = tmp_path_factory.mktemp("faces")
    root = miniatures.aware_net(folder, faces=faces, layout={"ff++/real": [stem]})
    (clip,) = index_aware_net(root)
    assert len(clip.pictures) == faces
    assert f"-{stem}" in clip.name


def test_a_folder_without_faces_says_what_was_looked_for(tmp_path):
    with pytest.raises(SettingsError, match=r"looked for faces/ff\+\+/real/.*found a\.png"):
        index_aware_net(fill(tmp_path, ["a.png"]))


def test_the_flat_folder_is_told_apart_by_its_table(tmp_path):
    clips = by_name(index_stronger_together(miniatures.stronger_together(tmp_path)))
    fake = clips["stronger_together-celeb-df-id31_id1_0007"]  # its row says celeb-dfx
    assert (fake.label, fake.method) == (1, "Celeb-synthesis")
    assert fake.identities == ("celebdf:id31", "celebdf:id1")
    assert fake.source_clip == "stronger_together-celeb-df-id31_0007"
    swap = clips["stronger_together-deepfakedetection-01_02__exit_phone_room__YVGY8LOK"]
    assert swap.identities == ("dfd:01", "dfd:02")
    assert swap.source_clip in clips
    assert clips["stronger_together-deepfake-detection-challenge-eudeqjhdfd"].label == 0
    assert len(clips) == len(miniatures.STRONGER_TOGETHER)


def test_fakes_of_dfdc_find_their_originals_in_its_metadata_only(tmp_path, caplog):
    root = miniatures.stronger_together(tmp_path)
    name = "stronger_together-deepfake-detection-challenge-fakedulanfulol"
    with caplog.at_level(logging.WARNING):
        alone = by_name(index_stronger_together(root))[name]
    assert (alone.source_clip, alone.identities) == (name, ("dfdc:dulanfulol",))
    assert "originals of 1 fakes of DFDC are not told" in caplog.text
    (root / "videos" / "metadata.json").write_text(
        '{"dulanfulol.mp4": {"label": "FAKE", "split": "train", "original": "eudeqjhdfd.mp4"}}'
    )
    clips = by_name(index_stronger_together(root))
    assert clips[name].identities == ("dfdc:eudeqjhdfd",)
    assert clips[clips[name].source_clip].path.name == "eudeqjhdfd.mp4"


def test_a_data_set_that_nobody_knows_is_kept_and_told(tmp_path, caplog):
    fill(tmp_path / "videos", ["id1_0000.mp4"])
    header = ("video_id", "fake", "original_dataset")
    write_csv(tmp_path / "videos.csv", header, [("id1_0000.mp4", 0, "holidays")])
    with caplog.at_level(logging.WARNING):
        (clip,) = index_stronger_together(tmp_path)
    assert clip.identities == ("stronger_together:unknown:id1_0000",)  # not Celeb-DF's id1
    assert "1 clips are of a data set other than celeb-df" in caplog.text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Celeb-DF", "celeb-df"),
        ("celebdf", "celeb-df"),
        ("deepfakedetecton", "deepfakedetection"),
        ("deepfake-detection-chalenge", "deepfake-detection-challenge"),
        ("DFDC", "deepfake-detection-challenge"),
    ],
)
def test_misspelt_data_sets_are_understood(tmp_path, written, meant):
    fill(tmp_path / "videos", ["a.mp4"])
    header = ("Video_ID", " fake", "original_dataset")
    write_csv(tmp_path / "videos" / "videos.csv", header, [("a.mp4", 0, written)])
    (clip,) = index_stronger_together(tmp_path)
    assert clip.name == f"stronger_together-{meant}-a"


def test_rows_without_clips_and_clips_without_rows_are_counted(tmp_path, caplog):
    root = miniatures.stronger_together(tmp_path)
    (root / "videos" / "id51_0004.mp4").unlink()
    fill(root / "videos", ["stray.mp4", "id1_0003.avi"])
    with caplog.at_level(logging.WARNING):
        assert len(index_stronger_together(root)) == len(miniatures.STRONGER_TOGETHER) - 1
    assert "1 clips of the table that are not there, as id51_0004" in caplog.text
    assert "1 clips that the table does not list, as stray" in caplog.text


def test_a_row_that_means_nothing_is_shown_with_its_line(tmp_path):
    root = miniatures.stronger_together(tmp_path)
    with (root / "videos" / "videos.csv").open("a") as file:
        file.write("x.mp4,maybe,celeb-df\n")
    with pytest.raises(SettingsError, match=r"line 10: video_id 'x\.mp4' and fake 'maybe'"):
        index_stronger_together(root)


def test_a_folder_without_the_table_says_what_was_looked_for(tmp_path):
    with pytest.raises(SettingsError, match=r"columns video_id, fake, original_dataset; found a"):
        index_stronger_together(fill(tmp_path, ["a.mp4"]))


def test_its_faces_are_read_as_clips_in_order_of_time(tmp_path):
    root = miniatures.stronger_together_faces(tmp_path, frames=11)
    clips = by_name(index_aware_net(root))
    assert len(clips) == len(miniatures.STRONGER_TOGETHER)
    fake = clips["stronger_together-celeb-df-id31_id1_0007"]
    names = [path.name.removeprefix("id31_id1_0007.mp4_frame") for path in fake.pictures]
    assert names == [*(f"{number}.jpg" for number in range(1, 12)), "11_face2.jpg"]
    assert fake.path == root / "images"
    assert (fake.label, fake.identities) == (1, ("celebdf:id31", "celebdf:id1"))


def test_videos_are_not_needed_for_its_faces_but_for_its_clips(tmp_path):
    root = miniatures.stronger_together_faces(tmp_path)
    with pytest.raises(SettingsError, match="does not fit"):
        index_dataset("stronger_together", root)
    assert index_dataset("aware_net", root)
