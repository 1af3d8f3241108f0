"""Where one shot ends and the next begins."""

import cv2
import numpy as np
import pytest
from clips import moving_face

from awarenet.settings import ROOT, Settings
from awarenet.shots import CutDetector
from awarenet.video import probe, sample_frames


def view(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (32, 18))


def test_a_jump_of_the_exposure_is_no_cut():
    cuts, scene = CutDetector(), np.random.default_rng(0).integers(60, 140, (18, 32, 3))
    assert [cuts.add((scene + light).astype(np.uint8)) for light in (0, 0, 50, 50)] == [0, 0, 0, 0]
    assert cuts.add(np.flip(scene).astype(np.uint8)) == 1


def test_a_fast_pan_is_no_cut_but_the_cut_after_it_is():
    coarse = np.random.default_rng(1).integers(0, 255, (4, 40, 3)).astype(np.uint8)
    wall = cv2.resize(coarse, (900, 18))
    starts = np.cumsum(np.minimum(np.arange(60), 12))  # the camera gathers speed
    views = [wall[:, start : start + 32] for start in starts]
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(views, views[1:], strict=False)]
    assert np.median(steps) > 15
    cuts = CutDetector()
    assert {cuts.add(view) for view in views} == {0}
    assert cuts.add(255 - views[-1]) == 1


def test_every_cut_of_a_fast_sequence_counts():
    colors = [(0, 0, 200), (200, 200, 0), (0, 200, 0), (200, 0, 200)]
    scenes = [np.zeros((18, 32, 3), np.uint8) for _ in colors]
    for place, (scene, color) in enumerate(zip(scenes, colors, strict=True)):
        scene[:, place * 8 : place * 8 + 8] = color
    cuts = CutDetector()
    assert [cuts.add(scene) for scene in scenes for _ in range(2)] == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("length", [6, 15, 30])
def test_a_dissolve_starts_a_shot(length):
    before, after = view(1).astype(float), view(2)
    shares = np.clip(np.arange(-40, length + 40) / length, 0, 1)
    shots = list(map(CutDetector().add, ((1 - s) * before + s * after for s in shares)))
    assert shots[:40] == [0] * 40
    assert shots[-30] >= 1
    assert shots[-30:] == [shots[-1]] * 30


def test_a_face_that_moves_for_long_is_one_shot():
    cuts, size = CutDetector(), (32 * 20, 18 * 20)
    small = (
        cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA)
        for image in moving_face(120, size=size)
    )
    assert {cuts.add(image) for image in small} == {0}


def test_a_slow_pan_over_a_photograph_is_one_shot(clip_of_a_pan):
    limits = Settings().limits
    frames = sample_frames(clip_of_a_pan, probe(clip_of_a_pan, limits), 100, limits)
    assert {frame.shot for frame in frames} == {0}


@pytest.fixture(params=["genuine", "swapped"])
def clip_of_a_pan(request):
    return ROOT / "assets" / "examples" / f"{request.param}.mp4"
