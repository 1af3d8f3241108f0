"""DFDC in all the pieces that people have of it, and its preview."""

import json
import logging
import shutil
from collections import Counter

import miniatures
import pytest
from miniatures import fill, write_csv, write_dfdc_part

from awarenet.errors import SettingsError
from trainer.datasets import index_dfdc, index_dfdc_preview


def by_name(clips):
    return {clip.name: clip for clip in clips}


def test_parts_go_by_the_number_of_the_folder(tmp_path):
    clips = index_dfdc(miniatures.dfdc(tmp_path, parts=(0, 34, 35, 39, 40, 49, 50)))
    folders = Counter((clip.path.parent.name, clip.part) for clip in clips)
    assert folders == {
        ("dfdc_train_part_0", "train"): 6, ("dfdc_train_part_34", "train"): 6,
        ("dfdc_train_part_35", "validation"): 6, ("dfdc_train_part_39", "validation"): 6,
        ("dfdc_train_part_40", "test"): 6, ("dfdc_train_part_49", "test"): 6,
        ("dfdc_train_part_50", ""): 6,
    }  # fmt: skip
    assert Counter(clip.method for clip in clips) == {"real": 14, "fake": 28}


def test_a_fake_shares_its_identity_with_its_original(tmp_path):
    root = miniatures.dfdc(tmp_path, parts=(7,))
    told = json.loads((root / "dfdc_train_part_7" / "metadata.json").read_text())
    clips = by_name(index_dfdc(root))
    for file, said in told.items():
        clip = clips[f"dfdc-{file.removesuffix('.mp4')}"]
        original = (said["original"] or file).removesuffix(".mp4")
        assert clip.identities == (f"dfdc:{original}",)
        assert clip.source_clip == f"dfdc-{original}"
        assert clip.label == (said["label"] == "FAKE")


def test_a_single_folder_knows_its_number(tmp_path):
    root = miniatures.dfdc(tmp_path, parts=(36,))
    assert {clip.part for clip in index_dfdc(root / "dfdc_train_part_36")} == {"validation"}


def test_folders_within_folders_are_found(tmp_path):
    write_dfdc_part(tmp_path / "DFDC" / "train" / "dfdc_train_part_05" / "dfdc_train_part_5", 0)
    write_dfdc_part(tmp_path / "DFDC" / "train" / "dfdc_train_part_45" / "dfdc_train_part_45", 100)
    clips = index_dfdc(tmp_path / "DFDC")
    assert Counter(clip.part for clip in clips) == {"train": 6, "test": 6}


def test_clips_may_lie_a_level_below_their_metadata(tmp_path, caplog):
    home = tmp_path / "dfdc_train_part_3"
    write_dfdc_part(home / "videos", 0)
    (home / "videos" / "metadata.json").rename(home / "metadata.json")
    assert len(index_dfdc(tmp_path)) == 6
    assert not caplog.records


def test_kaggles_sample_has_no_part_and_may_lack_its_originals(tmp_path):
    home = tmp_path / "train_sample_videos"
    said = {"label": "FAKE", "split": "train", "original": "vudstovrck.mp4"}
    fill(home, ["aagfhgtpmv.mp4"])
    (home / "metadata.json").write_text(json.dumps({"aagfhgtpmv.mp4": said}))
    (clip,) = index_dfdc(tmp_path)
    assert (clip.name, clip.part, clip.label) == ("dfdc-aagfhgtpmv", "", 1)
    assert (clip.source_clip, clip.identities) == ("dfdc-vudstovrck", ("dfdc:vudstovrck",))


def test_a_missing_original_written_as_nan_is_none(tmp_path):
    home = fill(tmp_path / "dfdc_train_part_1", ["abcdefghij.mp4"])
    text = '{"abcdefghij.mp4": {"label": "REAL", "split": "train", "original": NaN}}'
    (home / "metadata.json").write_text(text)
    (clip,) = index_dfdc(tmp_path)
    assert (clip.source_clip, clip.label) == (clip.name, 0)


def test_a_clip_of_the_sample_that_is_in_a_part_too_is_listed_there(tmp_path, caplog):
    root = miniatures.dfdc(tmp_path, parts=(40,))
    shutil.copytree(root / "dfdc_train_part_40", root / "train_sample_videos")
    with caplog.at_level(logging.WARNING):
        clips = index_dfdc(root)
    assert {clip.part for clip in clips} == {"test"}
    assert "6 clips that are there twice" in caplog.text


@pytest.mark.parametrize("form", ["labels.csv", "label in metadata", "is_fake in metadata"])
def test_labeled_test_clips_are_the_test_part(tmp_path, form):
    root = miniatures.dfdc_test(tmp_path)
    names = sorted(path.name for path in (root / "test" / "videos").iterdir())
    labels = {name: index % 2 for index, name in enumerate(names)}
    if form == "labels.csv":
        write_csv(root / "test" / "labels.csv", ("filename", "label"), labels.items())
    else:
        (root / "test" / "labels.csv").unlink()
        words = {name: {"label": ("REAL", "FAKE")[n]} for name, n in labels.items()}
        said = (
            words if form.startswith("label ") else {n: {"is_fake": v} for n, v in labels.items()}
        )
        (root / "test" / "metadata.json").write_text(json.dumps(said))
    clips = index_dfdc(root)
    assert {clip.path.name: clip.label for clip in clips} == labels
    assert {clip.part for clip in clips} == {"test"}
    assert all(clip.source_clip == clip.name for clip in clips)  # nothing tells the originals
    assert index_dfdc(root / "test") == clips


def test_what_has_no_file_or_no_metadata_is_counted_in_one_line(tmp_path, caplog):
    root = miniatures.dfdc(tmp_path, parts=(0,))
    home = root / "dfdc_train_part_0"
    gone = sorted(home.glob("*.mp4"))[0]
    gone.unlink()
    fill(home, ["extra.mp4", "more.mp4"])
    fill(root / "test_videos", ["unknown.mp4"])
    with caplog.at_level(logging.WARNING):
        clips = index_dfdc(root)
    assert len(clips) == 5
    assert [record.message for record in caplog.records] == [
        f"dfdc: left out: 1 clips with metadata that are not there, as {gone.stem}; "
        "3 clips without metadata, as extra"
    ]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"a.mp4": {}}', '{"a.mp4": {"label": "MAYBE"}}', '{"a.mp4": 1}']
)
def test_metadata_that_means_nothing_is_named(tmp_path, text):
    home = fill(tmp_path / "dfdc_train_part_0", ["a.mp4"])
    (home / "metadata.json").write_text(text)
    with pytest.raises(SettingsError, match=r"metadata\.json cannot be read .*; expected"):
        index_dfdc(tmp_path)


def test_labels_that_mean_nothing_are_named(tmp_path):
    write_csv(tmp_path / "test" / "labels.csv", ("file", "label"), [("a.mp4", 1)])
    with pytest.raises(SettingsError, match=r"labels\.csv cannot be read .*filename and label"):
        index_dfdc(tmp_path)


def test_a_wrong_folder_says_what_was_looked_for_and_found(tmp_path):
    fill(tmp_path / "clips", ["a.mp4"])
    with pytest.raises(SettingsError, match=r"looked for dfdc_train_part_0 to _49.*found clips/"):
        index_dfdc(tmp_path)


def test_hundreds_of_rows_are_listed_without_opening_a_clip(tmp_path, monkeypatch):
    root = miniatures.dfdc(tmp_path, parts=range(6), originals=10, fakes=9)
    monkeypatch.setattr("os.stat", lambda *_, **__: pytest.fail("a clip was asked for its status"))
    clips = index_dfdc(open_earlier(root))
    assert len(clips) == len({clip.name for clip in clips}) == 600
    assert Counter(clip.label for clip in clips) == {0: 60, 1: 540}


def open_earlier(root):
    """A path that knows already that it is a folder, since that question is a stat too."""

    class Known(type(root)):
        def is_dir(self):
            return True

    return Known(root)


def test_the_preview_has_its_own_parts_people_and_sources(tmp_path):
    clips = by_name(index_dfdc_preview(miniatures.dfdc_preview(tmp_path)))
    counts = Counter((clip.method, clip.part) for clip in clips.values())
    assert counts == {
        ("real", "train"): 2, ("method_A", "train"): 2, ("method_B", "train"): 2,
        ("real", "test"): 1, ("method_A", "test"): 1, ("method_B", "test"): 1,
    }  # fmt: skip
    fake = clips["dfdc_preview-method_B-643049_1260311_A_001"]
    assert fake.identities == ("dfdc_preview:1260311", "dfdc_preview:643049")
    assert clips[fake.source_clip].identities == ("dfdc_preview:1260311",)
    assert clips[fake.source_clip].path.name == "1260311_A_001.mp4"


def test_a_level_that_a_copy_adds_to_the_preview_changes_nothing(tmp_path):
    plain = index_dfdc_preview(miniatures.dfdc_preview(tmp_path / "a"))
    within = index_dfdc_preview(miniatures.dfdc_preview(tmp_path / "b", videos=True))
    above = index_dfdc_preview(tmp_path / "a")
    root = miniatures.dfdc_preview(tmp_path / "c")
    for method in ("original_videos", "method_A", "method_B"):
        (root / method).rename(root / "kept")
        (root / method).mkdir()
        (root / "kept").rename(root / method / "videos")
    names = [clip.name for clip in plain]
    for clips in (within, above, index_dfdc_preview(root)):
        assert [clip.name for clip in clips] == names
        assert all(clip.path.is_file() for clip in clips)


def test_what_the_previews_list_lacks_or_has_too_many_of_is_counted(tmp_path, caplog):
    root = miniatures.dfdc_preview(tmp_path)
    (root / "method_A" / "643049" / "643049_A" / "1260311_643049_A_001.mp4").unlink()
    fill(root / "method_A" / "1", ["1_2_A_003.mp4"])
    with caplog.at_level(logging.WARNING):
        assert len(index_dfdc_preview(root)) == 8
    assert len(caplog.records) == 1
    assert "1 clips of dataset.json that are not there" in caplog.text
    assert "1 clips that dataset.json does not list, as 1_2_A_003" in caplog.text


@pytest.mark.parametrize("said", [{"label": "odd", "set": "train"}, {"label": "fake"}, 3])
def test_a_preview_that_means_nothing_is_refused(tmp_path, said):
    root = miniatures.dfdc_preview(tmp_path)
    entry = "original_videos/643049/643049_A_001.mp4"
    (root / "dataset.json").write_text(json.dumps({entry: said}))
    with pytest.raises(SettingsError, match=r"dataset\.json.*expected"):
        index_dfdc_preview(root)


def test_a_preview_without_its_list_says_so(tmp_path):
    with pytest.raises(SettingsError, match=r"looked for dataset\.json beside.*found method_A/"):
        index_dfdc_preview(fill(tmp_path, ["method_A/1/1_A/2_1_A_001.mp4"]))
