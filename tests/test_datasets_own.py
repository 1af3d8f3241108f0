"""People's own folders and tables; names, the registry, and counts beside the published ones."""

import csv
import logging
import re
from pathlib import Path, PurePosixPath

import miniatures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import fill, write_csv

from awarenet.errors import SettingsError
from trainer.datasets import DATASETS, Clip, count_table, index_dataset, index_folders, index_table
from trainer.datasets.clip import safe_name, unique_names


def by_name(clips):
    return {clip.name: clip for clip in clips}


@pytest.mark.parametrize("suffix", [".mp4", ".PNG"])
def test_a_folder_within_real_or_fake_is_one_person(tmp_path, suffix):
    clips = by_name(index_folders(miniatures.folders(tmp_path, suffix=suffix)))
    assert {name: (clip.label, clip.identities) for name, clip in clips.items()} == {
        "folders-own-real-ann-1": (0, ("folders-own:ann",)),
        "folders-own-real-ann-2": (0, ("folders-own:ann",)),
        "folders-own-real-ben-1": (0, ("folders-own:ben",)),
        "folders-own-real-stray": (0, ("folders-own-real-stray",)),
        "folders-own-fake-ann-1": (1, ("folders-own:ann",)),
        "folders-own-fake-odd": (1, ("folders-own-fake-odd",)),
    }
    assert clips["folders-own-fake-ann-1"].source_clip == "folders-own-real-ann-1"
    assert clips["folders-own-fake-odd"].source_clip == "folders-own-fake-odd"


def test_train_and_test_folders_are_parts(tmp_path):
    fill(tmp_path / "set", ["train/real/a.jpg", "Val/fake/b.jpg", "test/Real/ann/a.jpg"])
    clips = index_folders(tmp_path / "set")
    assert sorted((clip.part, clip.label) for clip in clips) == [
        ("test", 0), ("train", 0), ("validation", 1),
    ]  # fmt: skip


def test_namesakes_get_names_of_their_own(tmp_path):
    fill(tmp_path / "set", ["real/a.mp4", "real/a.avi", "real/b-c.mp4", "real/b/c.mp4"])
    fill(tmp_path / "set", ["real/佐藤.mp4", "real/A b.mp4", "real/notes.txt"])
    clips = index_folders(tmp_path / "set")
    assert len({clip.name.casefold() for clip in clips}) == len(clips) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", clip.name) for clip in clips)


def test_a_folder_without_real_or_fake_says_so(tmp_path):
    with pytest.raises(SettingsError, match=r"looked for real/ and fake/.*found a\.mp4"):
        index_folders(fill(tmp_path / "set", ["a.mp4"]))


def test_a_table_is_read_as_written(tmp_path):
    clips = by_name(index_table(miniatures.table(tmp_path)))
    assert sorted(clips) == [f"table-clips-clips-{name}" for name in ("a", "ab", "b", "c")]
    swap = clips["table-clips-clips-ab"]
    assert (swap.label, swap.method, swap.part) == (1, "swap", "train")
    assert swap.identities == ("table-clips:ann", "table-clips:ben")
    assert swap.source_clip == "table-clips-clips-a"
    assert clips["table-clips-clips-b"].part == "validation"
    lone = clips["table-clips-clips-c"]
    assert (lone.method, lone.source_clip) == ("fake", "table-clips-clips-gone")
    assert lone.identities == ("table-clips-clips-gone",)


def test_a_folder_with_one_table_is_enough_and_people_of_other_sets_may_be_named(tmp_path):
    fill(tmp_path, ["a.mp4"])
    write_csv(tmp_path / "own.csv", ("path", "label", "identity"), [("a.mp4", 1, "ffpp:000;x")])
    (clip,) = index_table(tmp_path)
    assert clip.identities == ("ffpp:000", "table-own:x")


def test_clips_that_are_not_there_are_counted(tmp_path, caplog):
    path = miniatures.table(tmp_path)
    (tmp_path / "clips" / "b.mp4").unlink()
    with path.open("a") as file:
        file.write("clips/a.mp4,real\nelse/where.mp4,fake\n")
    with caplog.at_level(logging.WARNING):
        assert len(index_table(path)) == 3
    assert [record.message for record in caplog.records] == [
        "table: left out: 1 rows of a path that was there before, as clips/a.mp4; "
        "2 clips of the table that are not there, as clips/b.mp4"
    ]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (("file", "label"), ("a.mp4", 0), "has the columns file, label; expected path, label"),
        (("path", "label"), ("a.mp4", 2), r"line 2: label '2'; expected 0, 1, real or fake"),
        (("path", "label"), ("a.txt", 0), r"line 2: path 'a\.txt' is neither a clip \(\.mp4"),
        (("path", "label", "part"), ("a.mp4", 0, "dev"), "line 2: part 'dev'; expected train"),
        (("path", "label"), ("gone.mp4", 0), "no clip of .* is there; its paths are relative to"),
    ],
)
def test_a_table_that_means_nothing_is_refused(tmp_path, header, row, message):
    fill(tmp_path, ["a.mp4", "a.txt"])
    with pytest.raises(SettingsError, match=message):
        index_table(write_csv(tmp_path / "own.csv", header, [row]))


@pytest.mark.parametrize("content", ["", "\x00\x80", "path,label\n"])
def test_what_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "own.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"\[data\] table: .*own\.csv"):
        index_table(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no file .*own\.csv; expected a CSV file"):
        index_table(tmp_path / "own.csv")
    with pytest.raises(SettingsError, match=r"looked for a CSV file .*found nothing"):
        index_table(tmp_path)


words = st.text(st.characters(codec="utf-8", exclude_characters="/\\;:\0\r\n"), max_size=8)
people = st.lists(words.map(str.strip).filter(bool), max_size=3, unique=True)


@settings(max_examples=30, deadline=None)  # each writes files
@given(st.lists(st.tuples(st.sampled_from("01"), people), min_size=1, max_size=6))
def test_any_table_comes_back_as_it_was_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("table")
    names = [f"clip {number}, x.mp4" for number in range(len(rows))]
    fill(folder, names)
    lines = [
        (name, label, " ; ".join(seen)) for name, (label, seen) in zip(names, rows, strict=True)
    ]
    clips = index_table(write_csv(folder / "own.csv", ("Path", "LABEL ", "identity"), lines))
    found = {clip.path.name: clip for clip in clips}
    for name, (label, seen) in zip(names, rows, strict=True):
        clip = found[name]
        assert str(clip.label) == label
        assert clip.identities == tuple(f"table-own:{person}" for person in seen) or (
            not seen and clip.identities == (clip.name,)
        )


@given(st.lists(st.lists(words.filter(lambda w: w not in ("", ".", "..")), min_size=1, max_size=3)))
def test_any_files_get_names_that_no_two_share(paths):
    unique = list(dict.fromkeys(PurePosixPath(*(f"{part}.mp4" for part in p)) for p in paths))
    names = unique_names("set", unique)
    assert len({name.casefold() for name in names.values()}) == len(unique)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", name) for name in names.values())


def test_plain_names_stay_as_they_are_and_long_ones_are_cut():
    assert safe_name("dfdc-aagfhgtpmv") == "dfdc-aagfhgtpmv"
    assert len(safe_name("x" * 400)) < 200
    assert safe_name("x" * 400) != safe_name("x" * 401)


def test_every_data_set_says_what_it_expects_of_a_folder_that_does_not_fit(tmp_path):
    for name, dataset in DATASETS.items():
        with pytest.raises(SettingsError) as caught:
            index_dataset(name, tmp_path)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)
        assert name == "photos" or dataset.layout in str(caught.value)


def test_a_data_set_or_option_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no data set 'celebdf'.*Did you mean 'celebdf_v"):
        index_dataset("celebdf", tmp_path)
    with pytest.raises(SettingsError, match=r"no option 'compression'; there are compressions"):
        index_dataset("dfd", tmp_path, compression="c23")
    with pytest.raises(SettingsError, match=r"celebdf_v2 has no option 'x'; there are none"):
        index_dataset("celebdf_v2", tmp_path, x=1)


def test_names_are_unique_over_all_data_sets(tmp_path):
    ffpp = miniatures.dfd(miniatures.faceforensics(tmp_path).parent)
    folders = {
        "faceforensics": ffpp,
        "dfd": ffpp,
        "celebdf_v1": miniatures.celebdf(tmp_path, version=1),
        "celebdf_v2": miniatures.celebdf(tmp_path),
        "dfdc": miniatures.dfdc(tmp_path),
        "dfdc_preview": miniatures.dfdc_preview(tmp_path),
        "stronger_together": miniatures.stronger_together(tmp_path / "one"),
        "aware_net": miniatures.aware_net(tmp_path),
        "folders": miniatures.folders(tmp_path),
        "table": miniatures.table(tmp_path / "table"),
    }
    clips = [clip for name, folder in folders.items() for clip in index_dataset(name, folder)]
    assert {clip.dataset for clip in clips} == set(folders) == set(DATASETS) - {"photos"}
    assert len({clip.name.casefold() for clip in clips}) == len(clips)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", clip.name) for clip in clips)
    assert all(clip.name.startswith(clip.dataset) for clip in clips)
    assert all(clip.identities and clip.source_clip for clip in clips)


def counted(method: str, part: str, count: int, dataset: str = "dfd", compression: str = "c23"):
    label = int(method != "real")
    return [
        Clip(Path(), f"{method}-{part}-{n}", dataset, label, method, ("x",), "", part,
             compression=compression) for n in range(count)
    ]  # fmt: skip


def test_counts_stand_beside_the_published_ones():
    clips = [*counted("real", "train", 5), *counted("real", "", 1), *counted("A", "test", 7)]
    table = count_table(clips, {"real": 6, "A": 10, "B": 4})
    assert [line.split() for line in table.splitlines()] == [
        ["dfd", "c23", "train", "validation", "test", "no", "part", "all", "published"],
        ["real", "5", "0", "0", "1", "6", "6"],
        ["A", "0", "0", "7", "0", "7", "10", "(-3)"],
        ["B", "0", "0", "0", "0", "0", "4", "(-4)"],
        ["all", "fakes", "0", "0", "7", "0", "7", "14", "(-7)"],
        ["all", "5", "0", "7", "1", "13", "20", "(-7)"],
    ]


def test_each_data_set_and_compression_is_counted_by_itself(tmp_path):
    root = miniatures.dfd(miniatures.faceforensics(tmp_path, compressions=("c23", "c40")).parent)
    clips = index_dataset("faceforensics", root, compressions=["c23", "c40"], include_dfd=True)
    titles = [table.split("  ")[0] for table in count_table(clips).split("\n\n")]
    assert titles == ["dfd c23", "faceforensics c23", "faceforensics c40"]


def test_methods_published_as_one_are_added_up(tmp_path):
    clips = index_dataset("dfdc_preview", miniatures.dfdc_preview(tmp_path))
    lines = [line.split() for line in count_table(clips).splitlines()]
    assert ["method_A", "2", "0", "1", "0", "3", "-"] in lines
    assert ["method_A", "+", "method_B", "4", "0", "2", "0", "6", "4119", "(-4113)"] in lines
    assert lines[-1] == ["all", "6", "0", "3", "0", "9", "5250", "(-5241)"]


def test_where_nothing_is_published_nothing_is_claimed(tmp_path):
    clips = index_dataset("folders", miniatures.folders(tmp_path))
    assert {line.split()[-1] for line in count_table(clips).splitlines()[1:]} == {"-"}


def test_a_table_with_quotes_is_read_by_its_own_rules(tmp_path):
    fill(tmp_path, ['a "b", c.mp4'])
    with (tmp_path / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), ('a "b", c.mp4', "Fake")])
    (clip,) = index_table(tmp_path / "own.csv")
    assert (clip.label, clip.path.name) == (1, 'a "b", c.mp4')
