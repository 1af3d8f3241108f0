"""What is kept of an analysis comes back as it was, and no longer or larger than agreed."""

import io
import os
import stat
import threading
import time
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_detector import make_detector

from awarenet.analyses import Analyses, analysis_key
from awarenet.errors import SettingsError
from awarenet.explain import Preview
from awarenet.pipeline import Analysis, Overlay

KEYS = [digit * 64 for digit in "abcdef"]


@pytest.fixture(scope="module")
def analysis(detector, clips) -> Analysis:
    """A real report of two people, with pictures of noise: no codec gives those back by luck."""
    found = detector.examine(clips / "two.mp4")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 24, 32, 3), np.uint8)
    frame = found.report.people[0].timeline[0].frame
    overlays = [
        Overlay(1, frame, 0.125, family, image)
        for family, image in zip(("ensemble", "test_resnet", "mobilenet_v2"), images, strict=True)
    ]
    buffer = io.BytesIO()
    Image.fromarray(images[0]).save(buffer, "JPEG")
    faces = {
        1: random.integers(0, 256, (4, 8, 8, 3), np.uint8),
        2: np.zeros((0, 8, 8, 3), np.uint8),
    }
    previews = {frame: Preview(buffer.getvalue(), 0.625), 7: Preview(b"as it came", 1.0)}
    return Analysis(found.report, tuple(overlays), faces, previews)


@pytest.fixture
def kept(tmp_path) -> Analyses:
    return Analyses(tmp_path / "kept")


def entries(kept: Analyses) -> list[str]:
    """First letters of the keys that are there."""
    return sorted(path.name[0] for path in kept.folder.iterdir())


def age(kept: Analyses, key: str, *, written_s: float = 0, used_s: float = 0) -> None:
    """Make an entry older."""
    now = time.time()
    os.utime(kept.folder / f"{key}.zip", (now - used_s, now - written_s))


def test_an_analysis_comes_back_as_it_was(kept, analysis):
    kept.put(KEYS[0], analysis)
    found = kept.get(KEYS[0])
    assert found.report == analysis.report
    assert found.report.to_json() == analysis.report.to_json()
    assert found.previews == analysis.previews
    assert len(found.overlays) == 3
    for ours, theirs in zip(found.overlays, analysis.overlays, strict=True):
        assert replace(ours, image=None) == replace(theirs, image=None)
        np.testing.assert_array_equal(ours.image, theirs.image)
    assert list(found.faces) == [1, 2]
    for person, crops in analysis.faces.items():
        np.testing.assert_array_equal(found.faces[person], crops)
        assert found.faces[person].dtype == np.uint8


def test_nothing_of_an_analysis_is_forgotten_here():
    kept = {"report", "overlays", "faces", "previews"}
    assert {field.name for field in fields(Analysis)} == kept, "awarenet.analyses keeps no more"


def test_one_persons_faces_and_one_frame_can_be_asked_for(kept, analysis):
    kept.put(KEYS[0], analysis)
    np.testing.assert_array_equal(kept.faces(KEYS[0], 1), analysis.faces[1])
    assert kept.preview(KEYS[0], 7) == Preview(b"as it came", 1.0)
    assert kept.faces(KEYS[0], 9) is None
    assert kept.preview(KEYS[0], 9) is None
    assert kept.faces(KEYS[1], 1) is None
    assert entries(kept) == ["a"], "asking for what is not there removed what is"


def test_another_store_on_the_folder_finds_what_the_first_has_kept(kept, analysis):
    kept.put(KEYS[0], analysis)
    assert Analyses(kept.folder).get(KEYS[0]).report == analysis.report


def test_what_is_not_kept_is_none(kept):
    assert kept.get(KEYS[0]) is None


@pytest.mark.parametrize("key", ["", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_key_that_is_no_hash_is_refused(kept, key):
    with pytest.raises(ValueError, match="analysis_key"):
        kept.get(key)


def test_a_failure_that_may_pass_is_not_kept(kept, detector, clips):
    kept.put(KEYS[0], Analysis(detector.failure(clips / "one.mp4", "timeout", "too slow")))
    kept.put(KEYS[1], Analysis(detector.analyze(clips / "wall.mp4")))
    assert kept.get(KEYS[0]) is None
    assert kept.get(KEYS[1]).report.status == "no_face"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(flipped(path.read_bytes(), b"\x93NUMPY", 200)),
        lambda path: path.write_bytes(flipped(path.read_bytes(), b"as it came", 2)),
        lambda path: rewrite(path, "report.json", b'{"schema": "awarenet.report/0"}'),
        lambda path: rewrite(path, "index.json", b'{"overlays": [{}], "faces": [], "scales": {}}'),
        lambda path: rewrite(path, "overlays/1.npy", b"no picture"),
        lambda path: rewrite(path, "faces/1.npy", pickled()),
    ],
)
def test_a_broken_entry_is_removed_and_not_raised(kept, analysis, spoil):
    kept.put(KEYS[0], analysis)
    kept.put(KEYS[1], analysis)
    spoil(kept.folder / f"{KEYS[0]}.zip")
    assert kept.get(KEYS[0]) is None
    assert entries(kept) == ["b"]
    assert kept.get(KEYS[1]) is not None


def flipped(data: bytes, after: bytes, offset: int) -> bytes:
    """Change one byte, so many after the start of a passage."""
    place = data.index(after) + offset
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def rewrite(path: Path, name: str, content: bytes) -> None:
    """Put something else into an entry, with a check sum that fits."""
    with zipfile.ZipFile(path) as old:
        files = {each: old.read(each) for each in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for each, data in (files | {name: content}).items():
            new.writestr(each, data)


def pickled() -> bytes:
    """An array that only unpickling could read."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_what_was_not_used_for_longest_goes_first(tmp_path, analysis):
    kept = Analyses(tmp_path / "kept")
    kept.put(KEYS[0], analysis)
    size = (kept.folder / f"{KEYS[0]}.zip").stat().st_size
    kept = Analyses(kept.folder, max_bytes=size * 3)
    for place, key in enumerate(KEYS[:3]):
        kept.put(key, analysis)
        age(kept, key, used_s=100 - place)
    kept.get(KEYS[0])
    kept.put(KEYS[3], analysis)
    assert entries(kept) == ["a", "c", "d"]


def test_an_analysis_too_large_for_all_of_the_room_is_not_kept(tmp_path, analysis):
    kept = Analyses(tmp_path / "kept", max_bytes=1000)
    kept.put(KEYS[0], analysis)
    assert entries(kept) == []


def test_what_is_too_old_goes_however_often_it_was_used(kept, analysis):
    kept.put(KEYS[0], analysis)
    kept.put(KEYS[1], analysis)
    age(kept, KEYS[0], written_s=3599)
    age(kept, KEYS[1], written_s=3601)
    assert kept.get(KEYS[1]) is None
    assert kept.get(KEYS[0]) is not None, "reading must not make it younger"
    age(kept, KEYS[0], written_s=3601)
    kept.sweep()
    assert entries(kept) == []


def test_what_is_too_old_goes_although_nobody_calls(tmp_path, analysis):
    kept = Analyses(tmp_path / "kept", max_age_s=0.05)
    kept.put(KEYS[0], analysis)
    end = time.monotonic() + 10
    while entries(kept) and time.monotonic() < end:
        time.sleep(0.05)
    assert entries(kept) == []


def test_other_files_of_the_folder_stay(tmp_path, analysis):
    kept = Analyses(tmp_path / "kept", max_bytes=1)
    (kept.folder / "mine.zip").write_bytes(b"1234")
    os.utime(kept.folder / "mine.zip", (0, 0))
    kept.put(KEYS[0], analysis)
    assert entries(kept) == ["m"]


def test_nobody_else_can_read_what_is_kept(kept, analysis):
    kept.put(KEYS[0], analysis)
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((kept.folder / f"{KEYS[0]}.zip").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot keep analyses in .*file"):
        Analyses(tmp_path / "file" / "kept")


def test_a_write_that_fails_leaves_nothing_and_raises_nothing(kept, analysis, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    kept.put(KEYS[0], analysis)
    assert list(kept.folder.iterdir()) == []


def test_many_threads_may_use_it(kept, analysis):
    kept.put(KEYS[0], analysis)
    small = Analyses(kept.folder, (kept.folder / f"{KEYS[0]}.zip").stat().st_size * 2)
    wrong = []

    def work(number: int) -> None:
        try:
            for turn in range(6):
                key = KEYS[(number + turn) % 4]
                small.put(key, analysis)
                found = small.get(key)
                if found is not None and found.report != analysis.report:
                    wrong.append(key)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(entries(small)) <= 2


def test_the_key_changes_with_all_that_the_answer_depends_on(saved, clips, tmp_path):
    detector = make_detector(saved)
    path = tmp_path / "clip.mp4"
    path.write_bytes((clips / "one.mp4").read_bytes())
    key = analysis_key(path, detector)
    assert key == analysis_key(str(path), make_detector(saved))
    page = detector.with_settings(app={"port": 1})
    assert key == analysis_key(path, page), "the page's own settings change no answer"
    other_bundle = make_detector(saved)
    other_bundle.bundle = replace(detector.bundle, sha256="1" * 64)
    renamed = path.rename(tmp_path / "other.mp4")
    keys = [
        key,
        analysis_key(renamed, detector),
        analysis_key(renamed, detector.with_settings(sampling={"frames": 3})),
        analysis_key(renamed, other_bundle),
    ]
    renamed.write_bytes((clips / "two.mp4").read_bytes())
    keys.append(analysis_key(renamed, detector))
    assert len(set(keys)) == 5


def test_the_key_changes_with_the_versions(detector, clips, monkeypatch):
    key = analysis_key(clips / "one.mp4", detector)
    monkeypatch.setattr("awarenet.analyses.package_versions", lambda: {"awarenet": "another"})
    assert key != analysis_key(clips / "one.mp4", detector)


def test_a_folder_that_somebody_removed_takes_no_answer_away(tmp_path, analysis):
    kept = Analyses(tmp_path / "answers")
    (tmp_path / "answers").rmdir()
    kept.sweep()
    assert kept.get("a" * 64) is None
    kept.put("a" * 64, analysis)
    assert kept.get("a" * 64) is not None
