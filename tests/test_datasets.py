"""Photographs on disk become rows that say who is in them."""

from pathlib import Path

import pytest

from awarenet.errors import SettingsError
from trainer.datasets import DATASETS, index_photos, name_people


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_photograph_is_a_person_of_its_own(tmp_path):
    folder = fill(tmp_path / "faces", "b.PNG", "a.jpg", "notes.txt", "c.webp")
    clips = index_photos(folder)
    assert [clip.name for clip in clips] == ["faces-a", "faces-b", "faces-c"]
    assert [clip.identities for clip in clips] == [("faces-a",), ("faces-b",), ("faces-c",)]
    assert {(clip.label, clip.method, clip.dataset) for clip in clips} == {(0, "real", "faces")}
    assert all(clip.source_clip == clip.name for clip in clips)
    assert clips[1].path == folder / "b.PNG"


def test_a_subfolder_is_one_person(tmp_path):
    folder = fill(tmp_path / "orl", "s1/1.pgm", "s1/2.pgm", "s2/1.pgm")
    people = {clip.name: clip.identities for clip in index_photos(folder)}
    assert people == {
        "orl-s1-1": ("orl-s1",),
        "orl-s1-2": ("orl-s1",),
        "orl-s2-1": ("orl-s2",),
    }


def test_photographs_named_alike_in_two_folders_stay_apart(tmp_path):
    clips = [
        clip
        for name in ("one", "two")
        for clip in index_photos(fill(tmp_path / name, "ann.jpg", "x/ann.jpg"))
    ]
    assert len({clip.name for clip in clips}) == 4
    assert len({clip.identities for clip in clips}) == 4


def test_people_found_twice_are_joined(tmp_path):
    folder = fill(tmp_path / "faces", "a.jpg", "b.jpg", "c.jpg")
    clips = index_photos(folder, {"faces-b": "faces-a"})
    assert [clip.identities[0] for clip in clips] == ["faces-a", "faces-a", "faces-c"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"photos: no folder .*nowhere; the README"):
        index_photos(tmp_path / "nowhere")


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"photos: no \.jpg, .* file in .*notes"):
        index_photos(fill(tmp_path / "notes", "readme.md"))


def test_the_registry_holds_what_it_names(tmp_path):
    folder = fill(tmp_path / "faces", "a.jpg")
    assert DATASETS["photos"](folder) == index_photos(folder)


def test_the_longest_prefix_says_who_is_in_a_clip():
    paths = [Path(name) for name in ("again.mp4", "again-2.mp4", "bird.mkv", "ben.mp4")]
    named = name_people(paths, {"again": "ann", "again-2": "cid", "b": "ben", "bird": "dan"})
    assert [named[path] for path in paths] == ["ann", "cid", "dan", "ben"]


def test_a_clip_that_nobody_named_shows_a_person_of_its_own():
    paths = [Path("x/cap.mp4"), Path("franck.mp4")]
    assert list(name_people(paths, {"fr": "franck"}).values()) == ["cap", "franck"]
