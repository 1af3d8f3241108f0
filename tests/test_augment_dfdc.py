"""The strength of the DFDC winner, against Pillow and torchvision."""

import importlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from awarenet.damage import jpeg
from trainer.augmentation.dfdc import (
    COLOR_AXES,
    INTERPOLATIONS,
    Changes,
    draw_changes,
    make_changes,
)

functional = importlib.import_module("torchvision.transforms.v2.functional")  # after `trainer`
SIDE = 128
WHOLE = (0.0, 0.0, float(SIDE), float(SIDE))
NOTHING = Changes(
    jpeg=0,
    noise=0.0,
    seed=0,
    blur=False,
    flip=False,
    interpolation=INTERPOLATIONS[0],
    contrast=1.0,
    brightness=0.0,
    color=(0.0, 0.0, 0.0),
    hue=(0, 0, 0),
    gray=False,
    shift=(0.0, 0.0),
    zoom=1.0,
    angle=0.0,
)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (16, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def through(scene: np.ndarray, *, side: int = SIDE, **changes: object) -> np.ndarray:
    return make_changes(scene, replace(NOTHING, **changes), box=WHOLE, margin=0, side=side)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_when_nothing_is_drawn_nothing_changes(scene):
    assert np.array_equal(through(scene), scene)


def test_the_crop_keeps_its_margin_and_repeats_what_the_scene_lacks(scene):
    found = make_changes(scene, NOTHING, box=(32, 32, 96, 80), margin=0.25, side=96)
    assert np.array_equal(found, scene[8:104, 16:112])
    beyond = make_changes(scene, NOTHING, box=(0, 0, 64, 64), margin=0.25, side=96)
    assert np.array_equal(beyond[16:, 16:], scene[:80, :80])
    assert np.array_equal(beyond[0, 16:], scene[0, :80])


def test_jpeg_flip_and_gray_are_what_they_say(scene):
    assert np.array_equal(through(scene, jpeg=60), jpeg(scene, 60))
    assert np.array_equal(through(scene, flip=True), scene[:, ::-1])
    luma = np.array(Image.fromarray(scene).convert("L"))
    assert np.abs(through(scene, gray=True).astype(int) - luma[..., None]).max() <= 1


def test_blur_is_pillows(scene):
    kernel = np.exp(-np.array([1, 0, 1]) / (2 * 0.8**2))
    weights = np.outer(kernel, kernel).ravel() / kernel.sum() ** 2
    expected = Image.fromarray(scene).filter(ImageFilter.Kernel((3, 3), weights, scale=1))
    apart = np.abs(through(scene, blur=True).astype(int) - np.array(expected))
    assert apart[1:-1, 1:-1].max() <= 2


def test_noise_is_as_strong_as_asked_and_the_same_for_a_seed():
    gray = np.full((SIDE, SIDE, 3), 128, np.uint8)
    noisy = through(gray, noise=5.0, seed=3)
    assert noisy.std((0, 1)) == pytest.approx([5, 5, 5], rel=0.1)
    assert np.array_equal(noisy, through(gray, noise=5.0, seed=3))
    assert not np.array_equal(noisy, through(gray, noise=5.0, seed=4))


@pytest.mark.parametrize("side", [80, 200])
def test_sizes_change_by_the_interpolation_of_their_direction(scene, side):
    for pair in INTERPOLATIONS:
        found = through(scene, side=side, interpolation=pair)
        assert found.shape == (side, side, 3)
        expected = Image.fromarray(scene).resize((side, side), Image.Resampling.BICUBIC)
        assert difference(found, np.array(expected)) < 2
    kinds = {through(scene, side=side, interpolation=pair).tobytes() for pair in INTERPOLATIONS}
    assert len(kinds) == 2  # of the three pairs two share the one direction, two the other


def test_contrast_brightness_and_color_are_added_and_multiplied(scene):
    found = through(scene, contrast=0.9, brightness=12.0).astype(float)
    assert np.abs(found - np.clip(scene * 0.9 + 12, 0, 255)).max() <= 0.51
    found = through(scene, color=(5.0, 0.0, -7.0)).astype(float)
    assert np.abs(found - np.clip(scene + np.array([5.0, 0, -7]), 0, 255)).max() <= 0.51


def test_where_a_picture_shrinks_areas_are_averaged(scene):
    means = scene.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(through(scene, side=64) - means).max() <= 0.75


def test_hue_goes_around_the_circle_as_torchvisions(scene):
    tensor = torch.from_numpy(scene).permute(2, 0, 1)
    expected = functional.adjust_hue(tensor, 15 / 180).permute(1, 2, 0).numpy()
    assert difference(through(scene, hue=(15, 0, 0)), expected) < 3
    assert difference(through(scene, hue=(15, 0, 0)), scene) > 8


def test_color_axes_are_at_right_angles():
    axes = COLOR_AXES / np.linalg.norm(COLOR_AXES, axis=0)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-3)


def test_a_turn_shift_and_zoom_is_torchvisions_and_leaves_black(scene):
    found = through(scene, angle=8.0, shift=(0.05, -0.1), zoom=0.85)
    tensor = torch.from_numpy(scene).permute(2, 0, 1)
    expected = functional.affine(
        tensor, -8.0, [0.05 * SIDE, -0.1 * SIDE], 0.85, [0.0],
        functional.InterpolationMode.BILINEAR,
    ).permute(1, 2, 0).numpy()  # fmt: skip
    assert difference(found, expected) < 1.5
    assert (found[-3:] == 0).all()


def test_everything_is_drawn_as_often_and_as_far_as_it_was():
    drawn = [draw_changes(np.random.default_rng(seed)) for seed in range(4000)]

    def share(happens) -> float:
        return float(np.mean([happens(one) for one in drawn]))

    assert share(lambda one: one.jpeg > 0) == pytest.approx(0.5, abs=0.03)
    assert share(lambda one: one.noise > 0) == pytest.approx(0.1, abs=0.02)
    assert share(lambda one: one.blur) == pytest.approx(0.05, abs=0.015)
    assert share(lambda one: one.flip) == pytest.approx(0.5, abs=0.03)
    assert share(lambda one: one.gray) == pytest.approx(0.2, abs=0.03)
    assert share(lambda one: one.angle != 0) == pytest.approx(0.5, abs=0.03)
    for happens in (
        lambda one: one.contrast != 1,
        lambda one: any(one.color),
        lambda one: one.hue != (0, 0, 0),
    ):
        assert share(happens) == pytest.approx(0.7 / 3, abs=0.03)
    assert {one.interpolation for one in drawn} == set(INTERPOLATIONS)
    assert {one.jpeg for one in drawn} == {0, *range(60, 101)}
    noises = [one.noise for one in drawn if one.noise]
    assert 10**0.5 <= min(noises) < max(noises) <= 50**0.5


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_a_draw_stays_within_its_limits(seed):
    one = draw_changes(np.random.default_rng(seed))
    assert 0.8 <= one.contrast <= 1.2
    assert abs(one.brightness) <= 51
    assert abs(one.angle) <= 10
    assert 0.8 <= one.zoom <= 1.2
    assert np.abs(one.shift).max() <= 0.1
    assert (np.abs(one.hue) <= [20, 30, 20]).all()
    light = [one.contrast != 1 or one.brightness != 0, any(one.color), one.hue != (0, 0, 0)]
    assert sum(light) <= 1
