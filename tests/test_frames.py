"""The frames that are cut up for training are those that the detector would look at."""

from __future__ import annotations

import gc

import clips as drawn
import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet import media
from awarenet.settings import LimitSettings
from awarenet.video import pace, probe, sample_frames
from trainer.extraction.frames import read_frames

LIMITS = LimitSettings()


@pytest.mark.parametrize("kind", ["plain", "uneven", "without_times", "few", "damaged"])
@pytest.mark.parametrize("count", [1, 4])
def test_the_frames_are_those_that_the_detector_would_look_at(tmp_path, kind, count):
    path = tmp_path / ("clip.avi" if kind == "without_times" else "clip.mp4")
    frames = drawn.moving_face(2 if kind == "few" else 30)
    if kind == "uneven":
        drawn.write_clip(path, frames, times_ms=[40 * i + (i > 15) * 3000 for i in range(30)])
    else:
        codec = "mpeg4" if kind == "without_times" else "libx264"
        drawn.write_clip(path, frames, codec=codec)
    if kind == "damaged":
        drawn.damage(path, 0.4, 0.6)
    expected = list(sample_frames(path, probe(path, LIMITS), count, LIMITS))
    found = list(read_frames(path, count, LIMITS))
    assert [(one.index, one.time_s) for one in found] == [
        (one.index, one.time_s) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize(
    ("fps", "suffix", "expected"),
    [
        (25, ".mp4", [0, 13, 25, 38, 50]),
        (30, ".mp4", [0, 15, 30, 45]),
        (25, ".avi", [0, 13, 25, 38, 50]),
    ],
)
def test_a_frame_is_taken_every_half_second(tmp_path, fps, suffix, expected):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    frames = drawn.moving_face(51)
    path = drawn.write_clip(tmp_path / f"clip{suffix}", frames, fps=fps, codec=codec)
    found = list(read_frames(path, 3, LIMITS, every_s=0.5))
    assert [one.index for one in found] == expected
    assert [drawn.read_number(one.image) for one in found] == expected
    assert [one.time_s for one in found] == pytest.approx([index / fps for index in expected])


def test_a_step_longer_than_the_clip_gives_its_first_frame(tmp_path):
    path = drawn.write_clip(tmp_path / "clip.mp4", drawn.moving_face(20))
    assert [one.index for one in read_frames(path, 9, LIMITS, every_s=60)] == [0]


@settings(deadline=None)
@given(
    gaps=st.lists(st.integers(1, 3000), max_size=60),
    start=st.integers(-500, 5000),
    step=st.integers(1, 4000),
)
def test_each_step_gives_its_first_frame(gaps, start, step):
    ticks = start + np.cumsum([0, *gaps])  # ms
    expected, seen = [], set()
    for tick in ticks.tolist():
        number = (tick - start) // step
        if number not in seen:
            seen.add(number)
            expected.append(tick / 1000)
    assert pace(ticks / 1000, step / 1000).tolist() == expected


def test_a_clip_is_decoded_by_one_thread(tmp_path, monkeypatch):
    path = drawn.write_clip(tmp_path / "clip.mp4", drawn.moving_face(5))
    seen = []
    frames = media.Clip.frames
    monkeypatch.setattr(
        media.Clip, "frames", lambda clip: seen.append(clip._stream.codec_context) or frames(clip)
    )
    assert len(list(read_frames(path, 2, LIMITS))) == 2
    assert [context.thread_count for context in seen] == [1]


def test_few_decoded_frames_are_held_at_once(tmp_path):
    path = drawn.write_clip(tmp_path / "clip.mp4", drawn.moving_face(60))
    held = []
    gc.collect()
    gc.freeze()  # what other tests loaded need not be searched
    gc.disable()  # none may wait for it: frames of a long clip would fill the memory until then
    try:
        for _ in read_frames(path, 60, LIMITS):
            held.append(sum(isinstance(one, VideoFrame) for one in gc.get_objects()))
    finally:
        gc.enable()
        gc.unfreeze()
    assert len(held) == 60
    assert max(held) <= 8  # of 60; at the end the decoder hands over all that it had put back
