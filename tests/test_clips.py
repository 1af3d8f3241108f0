"""Real clips, cut and swapped: only the face differs, and what is written can be played."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_people import portrait, real_scene, row, shaken, write_patterns

from awarenet.errors import AwareNetError
from awarenet.faces import Face, RetinaFaceMobileNet, create_face_finder
from awarenet.landmarks import find_landmarks
from trainer.manifest import write_manifest
from trainer.portraits import clips
from trainer.portraits.clips import MadeClip, make_clips, swap_face, swap_frames, write_clip
from trainer.portraits.forge import Scene, face_mask
from trainer.settings import TrainerSettings

RATE = 8  # frames a second


@pytest.fixture(scope="module")
def finder() -> RetinaFaceMobileNet:
    return create_face_finder()


@pytest.fixture(scope="module")
def donor() -> Scene:
    return real_scene("astronaut")


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """(300, 401, 3) uint8 RGB: somebody before a striped wall, off the middle."""
    image = np.full((300, 401, 3), 120, np.uint8)
    image[:, ::7] = 60
    image[40:296, 20:276] = portrait(1)
    return image


def decode(path: Path) -> tuple[list[np.ndarray], Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return frames, stream.average_rate


def slides(count: int, shape: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Flat frames, each of its own brightness."""
    return [np.full((*shape, 3), 20 + 10 * index, np.uint8) for index in range(count)]


def levels(frames: list[np.ndarray]) -> list[int]:
    return [round((float(frame.mean()) - 20) / 10) for frame in frames]


@pytest.mark.parametrize("kind", ["matched_swap", "poisson_swap"])
def test_a_swap_changes_the_face_region_only(frame, donor, finder, kind):
    [face] = finder.find(frame)
    before = frame.copy()
    swapped = swap_face(frame, face, donor, kind, np.random.default_rng(0))
    assert np.array_equal(frame, before)
    assert (swapped.shape, swapped.dtype) == (frame.shape, np.uint8)
    changed = np.abs(swapped.astype(int) - frame).max(axis=2)
    points = find_landmarks(frame, face)
    inside = face_mask(points, 401, "inner")[:300] > 0.5
    assert changed[inside].mean() > 5
    x0, y0 = points.min(0) - face.side_px * 0.15
    x1, y1 = points.max(0) + face.side_px * 0.15
    rows, columns = np.nonzero(changed > 2)
    assert x0 < columns.min() < columns.max() < x1
    assert y0 < rows.min() < rows.max() < y1


def test_a_face_at_the_edge_of_the_frame_can_be_swapped(frame, donor, finder):
    [face] = finder.find(frame)
    left = int(face.box[0] + face.side_px * 0.15)
    cut = np.ascontiguousarray(frame[:, left:])
    [face] = finder.find(cut)
    assert face.box[0] < 5
    swapped = swap_face(cut, face, donor, "matched_swap", np.random.default_rng(0))
    assert swapped.shape == cut.shape
    assert not np.array_equal(swapped, cut)
    assert np.array_equal(swapped[:, -60:], cut[:, -60:])


def test_frames_without_a_face_stay_as_they_are(frame, donor, finder):
    wall = np.full_like(frame, 120)
    out = swap_frames([wall, frame, wall], donor, "matched_swap", 0, finder)
    assert len(out) == 3
    assert np.array_equal(out[0], wall)
    assert np.array_equal(out[2], wall)
    assert not np.array_equal(out[1], frame)


def test_the_largest_face_is_swapped_with_the_same_draw_in_every_frame(frame, donor):
    class Two:
        """Finds a small face first and the large one second."""

        name = "two"

        def find(self, image: np.ndarray) -> list[Face]:
            [face] = create_face_finder().find(image)
            small = Face((300.0, 10.0, 340.0, 50.0), 0.99, face.landmarks * 0.3 + [290, 0])
            return [small, face]

    out = swap_frames([frame, frame], donor, "matched_swap", 5, Two())
    assert np.array_equal(out[0], out[1])
    assert np.array_equal(out[0][:60, 290:], frame[:60, 290:])
    assert not np.array_equal(out[0], frame)
    other = swap_frames([frame], donor, "matched_swap", 6, Two())
    assert not np.array_equal(out[0], other[0])


@pytest.mark.parametrize("rate", [8, Fraction(30000, 1001)])
def test_a_written_clip_plays_back_whole_and_in_time(tmp_path, rate):
    frames = slides(12)
    write_clip(tmp_path / "clip.mp4", frames, rate)
    found, found_rate = decode(tmp_path / "clip.mp4")
    assert levels(found) == list(range(12))
    assert float(found_rate) == pytest.approx(float(rate), rel=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_odd_sides_lose_their_last_line_of_pixels(tmp_path):
    write_clip(tmp_path / "clip.mp4", slides(3, (49, 65)), RATE)
    found, _ = decode(tmp_path / "clip.mp4")
    assert found[0].shape == (48, 64, 3)


def test_a_lower_rate_factor_is_a_larger_and_truer_clip(tmp_path):
    frames = list(shaken(portrait(0), 4, seed=0))
    errors, sizes = [], []
    for crf in (14, 36):
        write_clip(tmp_path / f"{crf}.mp4", frames, RATE, crf=crf)
        found, _ = decode(tmp_path / f"{crf}.mp4")
        errors.append(np.abs(found[2].astype(int) - frames[2]).mean())
        sizes.append((tmp_path / f"{crf}.mp4").stat().st_size)
    assert errors[0] < errors[1]
    assert sizes[0] > 2 * sizes[1]


def test_a_clip_that_fails_midway_leaves_the_old_one(tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, slides(3), RATE)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="numpy array"):
        write_clip(path, [*slides(1), np.zeros((48, 64), np.uint8)], RATE)
    assert path.read_bytes() == before


def settings_for(folder: Path, **data: object) -> TrainerSettings:
    """Settings whose only real people are patterns, so that clips are cut but not swapped."""
    return TrainerSettings.model_validate(
        {
            "data": {"run": str(folder / "run"), "videos": (str(folder / "clips"),), **data},
            "evaluate": {"swaps_per_clip": 0, "piece_s": 0.5, "pieces": 2},
        }
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run with a manifest, and clips: 4 pieces of ann's, 1 of bob's and a little of cid's."""
    write_patterns(tmp_path / "run", {"validation": 1, "test": 1}, side=16)
    (tmp_path / "clips").mkdir()
    for name, count in (("ann-walks", 16), ("bob", 4), ("cid", 2)):
        write_clip(tmp_path / "clips" / f"{name}.mp4", slides(count), RATE)
    return tmp_path


def test_clips_are_cut_into_pieces_spread_over_them(folder):
    made = make_clips(
        settings_for(folder, clip_people={"ann": "ann"}, calibration_people=("ann", "cid"))
    )
    assert {(clip.path, clip.person, clip.part) for clip in made} == {
        ("clips/ann-walks-00-real.mp4", "ann", "calibration"),
        ("clips/ann-walks-01-real.mp4", "ann", "calibration"),
        ("clips/bob-00-real.mp4", "bob", "test"),
        ("clips/cid-00-real.mp4", "cid", "calibration"),
    }
    assert {(clip.label, clip.method) for clip in made} == {(0, "real")}
    shown = [levels(decode(folder / "run" / clip.path)[0]) for clip in made]
    assert shown == [[0, 1, 2, 3], [8, 9, 10, 11], [0, 1, 2, 3], [0, 1]]


def test_clips_are_made_once(folder):
    made = make_clips(settings_for(folder))
    (folder / "run" / "clips" / "bob-00-real.mp4").unlink()
    assert make_clips(settings_for(folder)) == made
    assert not (folder / "run" / "clips" / "bob-00-real.mp4").exists()
    listed = json.loads((folder / "run" / "clips.json").read_text("utf-8"))
    assert [MadeClip(**record) for record in listed] == made


def test_pieces_of_a_single_frame_are_pieces_too(folder):
    settings = settings_for(folder)
    short = settings.evaluate.model_copy(update={"piece_s": 0.125, "pieces": 40})
    made = make_clips(settings.model_copy(update={"evaluate": short}))
    assert len([clip for clip in made if clip.person == "cid"]) == 2


def test_a_person_without_a_clip_cannot_calibrate(folder):
    with pytest.raises(AwareNetError, match="calibration_people: no clip of dan"):
        make_clips(settings_for(folder, calibration_people=("bob", "dan")))


def test_a_folder_of_clips_that_is_not_there_is_named(folder):
    with pytest.raises(AwareNetError, match=r"videos: no .*nowhere; the README"):
        make_clips(settings_for(folder, videos=(str(folder / "nowhere"),)))


def test_donors_of_test_clips_are_test_people(folder, monkeypatch):
    used = []
    monkeypatch.setattr(clips, "read_scene", lambda row, root: used.append(row.clip))
    monkeypatch.setattr(clips, "swap_frames", lambda frames, *rest: frames)
    rows = [row(f"{split}-{n}", split=split) for split in ("train", "validation", "test")
            for n in range(3)]  # fmt: skip
    write_manifest(rows, folder / "run" / "manifest.parquet")
    settings = settings_for(folder, calibration_people=("ann-walks",))
    two = settings.evaluate.model_copy(update={"swaps_per_clip": 2})
    made = make_clips(settings.model_copy(update={"evaluate": two}))
    fakes = [clip for clip in made if clip.label]
    assert [clip.method for clip in fakes] == ["matched_swap", "poisson_swap"] * 4
    for clip, name in zip(fakes, used, strict=True):
        part = "validation" if clip.part == "calibration" else "test"
        assert name.startswith(part)
