"""What a good clip gives: the right frames, upright, at the right times, in the right shots."""

import hashlib
import time
from itertools import count

import cv2
import numpy as np
import pytest
from clips import (
    LIMITS,
    SIZE,
    moving_face,
    numbers,
    read,
    set_display_matrix,
    write_clip,
)
from hypothesis import given
from hypothesis import strategies as st

from awarenet.errors import Canceled, MediaError
from awarenet.media import Clip
from awarenet.settings import LimitSettings
from awarenet.video import probe, sample_frames, spread

KINDS = [  # container, codec, pixel format
    ("mp4", "libx264", "yuv420p"),
    ("webm", "libvpx", "yuv420p"),
    ("avi", "mpeg4", "yuv420p"),
    ("mkv", "ffv1", "yuv420p"),
    ("mov", "mjpeg", "yuvj420p"),
    ("gif", "gif", "rgb8"),
]


# What a good clip gives


@pytest.mark.parametrize("suffix, codec, pix_fmt", KINDS)
def test_a_sample_is_the_frame_that_it_says_it_is(tmp_path, suffix, codec, pix_fmt):
    path = write_clip(tmp_path / f"clip.{suffix}", moving_face(50), codec=codec, pix_fmt=pix_fmt)
    info, frames = read(path, 10)
    assert (info.kind, info.width, info.height, info.rotation_deg) == ("video", *SIZE, 0)
    assert (info.frame_count, info.codec) == (
        50,
        {"libx264": "h264", "libvpx": "vp8"}.get(codec, codec),
    )
    assert info.duration_s == pytest.approx(2.0) and info.fps == pytest.approx(25.0)
    assert [frame.index for frame in frames] == [2, 7, 12, 17, 22, 27, 32, 37, 42, 47]
    assert numbers(frames) == [frame.index for frame in frames]
    assert [frame.time_s for frame in frames] == pytest.approx([f.index / 25 for f in frames])
    assert {(frame.image.shape, frame.image.dtype.name) for frame in frames} == {
        ((SIZE[1], SIZE[0], 3), "uint8")
    }


@pytest.mark.parametrize(
    "suffix, codec", [("mp4", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4")]
)
def test_opencv_decodes_the_same_pixels_at_the_same_times(tmp_path, suffix, codec):
    path = write_clip(tmp_path / f"clip.{suffix}", moving_face(40), codec=codec)
    frames = {frame.index: frame for frame in read(path, 6)[1]}
    capture, compared = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
    for index in count():
        ok, image = capture.read()
        if not ok:
            break
        if index in frames:
            assert capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 == pytest.approx(frames[index].time_s)
            difference = np.abs(image[:, :, ::-1].astype(int) - frames[index].image)
            assert difference.max() <= 2
            compared += 1
    assert compared == 6


def test_red_stays_red(tmp_path):
    red = np.full((64, 64, 3), (220, 20, 20), np.uint8)
    path = write_clip(tmp_path / "red.mp4", [red] * 3)
    assert np.abs(read(path)[1][0].image.astype(int) - red).max() < 12


def test_a_clip_of_more_than_eight_bits_gives_eight(tmp_path):
    path = write_clip(tmp_path / "deep.mkv", moving_face(10), pix_fmt="yuv420p10le")
    frames = read(path, 10)[1]
    assert numbers(frames) == list(range(10))
    assert frames[0].image.dtype == np.uint8


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_clip_comes_upright(tmp_path, degrees, mirror):
    path = write_clip(tmp_path / "phone.mp4", moving_face(6))
    stored = read(path, 1)[1][0].image
    info, frames = read(set_display_matrix(path, degrees, mirror=mirror), 1)
    expected = np.rot90(stored, -degrees // 90)
    if mirror:
        expected = expected[:, ::-1]
    np.testing.assert_array_equal(frames[0].image, expected)
    assert (info.height, info.width) == expected.shape[:2]
    if not mirror:
        assert info.rotation_deg == degrees


def test_samples_lie_evenly_in_time_where_frames_do_not(tmp_path):
    times = [*range(0, 1000, 20), *range(1000, 9000, 400)]
    path = write_clip(tmp_path / "varying.mkv", moving_face(len(times)), times_ms=times)
    info, frames = read(path, 9)
    assert [frame.time_s for frame in frames] == pytest.approx(
        np.arange(0.5, 9) * 8.6 / 9, abs=0.21
    )
    assert [times[number] / 1000 for number in numbers(frames)] == [f.time_s for f in frames]
    assert info.duration_s == pytest.approx(8.6, abs=0.2)


def test_time_counts_from_the_start_of_the_stream(tmp_path):
    path = write_clip(
        tmp_path / "late.mkv", moving_face(5), times_ms=[5000, 5100, 5200, 5300, 5400]
    )
    assert [frame.time_s for frame in read(path)[1]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_clip_with_fewer_frames_than_asked_gives_each_once(tmp_path):
    path = write_clip(tmp_path / "short.mp4", moving_face(5))
    assert numbers(read(path, 32)[1]) == [0, 1, 2, 3, 4]
    assert numbers(read(write_clip(tmp_path / "one.mp4", moving_face(1)), 32)[1]) == [0]


def test_only_the_samples_become_full_pictures(tmp_path, monkeypatch):
    made, upright = [], Clip.upright
    monkeypatch.setattr(Clip, "upright", lambda clip, frame: made.append(0) or upright(clip, frame))
    read(write_clip(tmp_path / "long.mp4", moving_face(200)), 4)
    assert len(made) == 4


def test_the_hash_is_that_of_the_file(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving_face(3))
    assert probe(path, LIMITS).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True).map(sorted),
    st.integers(1, 80),
)
def test_spread_takes_distinct_times_in_order(times, wanted):
    chosen = spread(np.array(times, float), wanted)
    assert len(chosen) == min(wanted, len(times))
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(times)


def test_spread_sees_each_part_of_a_regular_clip_at_its_middle():
    np.testing.assert_allclose(spread(np.arange(0, 101.0), 4), [12.5, 37.5, 62.5, 87.5], atol=0.5)


# Cuts


def test_a_cut_between_two_samples_starts_a_shot(tmp_path):
    scenes = [moving_face(20, paper=p) for p in [(20, 40, 60), (230, 220, 60), (20, 40, 60)]]
    path = write_clip(tmp_path / "cut.mp4", [image for scene in scenes for image in scene])
    assert [frame.shot for frame in read(path, 6)[1]] == [0, 0, 1, 1, 2, 2]
    assert [frame.shot for frame in read(path, 2)[1]] == [0, 2]


def test_a_moving_face_is_one_shot(tmp_path):
    path = write_clip(tmp_path / "still.mp4", moving_face(60))
    assert {frame.shot for frame in read(path, 60)[1]} == {0}


# Time and the wish to stop


def test_reading_ends_when_the_time_is_up(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving_face(50))
    with pytest.raises(MediaError, match="took over") as caught:
        read(path, limits=LimitSettings(deadline_s=1e-9))
    assert caught.value.status == "timeout"


def test_the_callers_own_time_does_not_count(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving_face(50))
    limits = LimitSettings(deadline_s=5)
    frames = sample_frames(path, probe(path, LIMITS), 3, limits)
    next(frames)
    clock, later = time.monotonic, 60.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: clock() + later)
        assert len(list(frames)) == 2


def test_the_caller_can_stop_between_two_frames(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving_face(50))
    wishes: list[bool] = []
    frames = sample_frames(path, probe(path, LIMITS), 10, LIMITS, lambda: bool(wishes))
    assert next(frames).index == 2
    wishes.append(True)
    with pytest.raises(Canceled):
        next(frames)
