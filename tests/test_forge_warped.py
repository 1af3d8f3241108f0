"""Faces that lost detail on the way there and back: they stay in place, and only they change."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from tiny_people import real_scene

from trainer.portraits.forge import Scene, face_mask, make_fake, make_pair
from trainer.portraits.forge.self_warping import (
    FACTORS,
    SCALES,
    vary_colors,
    warp_there_and_back,
)

SIDE = 192


@pytest.fixture(scope="module")
def target() -> Scene:
    return real_scene("hopper", SIDE)


def inside(target: Scene) -> np.ndarray:
    return face_mask(target[1], SIDE, "inner") > 0.5


def far_from(target: Scene, px: int) -> np.ndarray:
    """Whether a pixel is further than `px` away from the face."""
    kernel = np.ones((2 * px + 1, 2 * px + 1))
    return cv2.dilate(face_mask(target[1], SIDE, "oval"), kernel) < 0.5


def turned(target: Scene, degrees: float) -> Scene:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, 1)
    image = cv2.warpAffine(target[0], matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    return image, cv2.transform(target[1][None], matrix)[0].astype(np.float32)


def detail(image: np.ndarray, where: np.ndarray) -> float:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F)[where].std())


@pytest.mark.parametrize("degrees", [0, 25, -40])
@pytest.mark.parametrize("scale", [*SCALES, 0.63])
def test_a_picture_of_even_slopes_comes_back_as_it_was(target, degrees, scale):
    # shrinking, turning and blurring leave a plane a plane: what differs is where it came to lie
    across = np.linspace(10, 240, SIDE)
    slopes = [np.tile(across, (SIDE, 1)), np.tile(across[:, None], (1, SIDE))]
    image = np.round(np.stack([*slopes, (slopes[0] + slopes[1]) / 2], axis=2)).astype(np.uint8)
    scene = image, turned(target, degrees)[1]
    back = warp_there_and_back(scene, scale, cv2.INTER_LINEAR)
    apart = (back.astype(float) - image)[inside(scene)]
    assert np.abs(apart).max() <= 3
    assert np.abs(apart.mean(0)).max() < 0.25  # 1.2 levels a px: within a fifth of a px


@pytest.mark.parametrize("degrees", [0, 25])
def test_the_smaller_a_face_was_the_less_detail_is_left(target, degrees):
    scene = turned(target, degrees)
    where = inside(scene)
    left = [
        detail(warp_there_and_back(scene, scale, cv2.INTER_LINEAR), where)
        for scale in (0.4, 0.6, 0.8, 1.0)
    ]
    assert left == sorted(left)
    assert left[0] < 0.5 * left[-1]
    assert left[-1] < 0.8 * detail(scene[0], where)


def test_a_face_of_its_own_size_is_only_blurred(target):
    found = warp_there_and_back(target, 1.0, cv2.INTER_CUBIC)
    expected = cv2.GaussianBlur(target[0], (5, 5), 0)
    apart = np.abs(found.astype(float) - expected)[inside(target)]
    without = np.abs(target[0].astype(float) - expected)[inside(target)]
    assert apart.mean() < 0.4 * without.mean()


@pytest.mark.parametrize("seed", range(8))
def test_only_the_face_loses_detail_and_its_colors_stay(seed, target):
    fake = make_fake("warped", target, None, np.random.default_rng(seed))
    outside = far_from(target, SIDE // 6)
    assert outside.mean() > 0.2
    assert np.array_equal(fake[outside], target[0][outside])
    middle = face_mask(target[1], SIDE, "brows_to_lips") > 0.5
    assert detail(fake, middle) < 0.85 * detail(target[0], middle)
    soft = [cv2.GaussianBlur(image, (0, 0), SIDE / 16).astype(float) for image in (fake, target[0])]
    assert np.abs(soft[0] - soft[1]).mean() < 1


def test_other_seeds_blur_otherwise(target):
    fakes = [make_fake("warped", target, None, np.random.default_rng(seed)) for seed in range(6)]
    assert len({fake.tobytes() for fake in fakes}) == 6


def test_a_face_that_fills_its_scene_can_be_warped(target):
    low, high = target[1].min(0), target[1].max(0)
    x, y = (int(value) for value in (low + high) / 2)
    half = int((high - low).max() / 2)
    tight = np.ascontiguousarray(target[0][y - half : y + half, x - half : x + half])
    scene = tight, target[1] - np.array([x - half, y - half], np.float32)
    fake = make_fake("warped", scene, None, np.random.default_rng(0))
    assert fake.shape == tight.shape
    assert 0.5 < np.abs(fake.astype(float) - tight).mean() < 30


def test_light_contrast_color_and_sharpness_change_as_pillow_changes_them(target):
    for seed in range(4):
        drawn = np.random.default_rng(seed).uniform(*FACTORS, 4)
        expected = Image.fromarray(target[0])
        kinds = ("Brightness", "Contrast", "Color", "Sharpness")
        for kind, factor in zip(kinds, drawn, strict=True):
            expected = getattr(ImageEnhance, kind)(expected).enhance(float(factor))
        found = vary_colors(target[0], np.random.default_rng(seed))
        apart = np.abs(found.astype(int) - np.asarray(expected))[1:-1, 1:-1]
        assert apart.mean() < 2.5  # Pillow cuts off what we round, four times
        assert np.quantile(apart, 0.999) <= 6


def test_both_of_a_warped_pair_have_the_same_new_colors(target):
    real, fake = make_pair("warped", target, np.random.default_rng(3))
    outside = far_from(target, SIDE // 6)
    assert np.array_equal(real[outside], fake[outside])
    assert not np.array_equal(real, fake)
    assert np.abs(real.astype(int) - target[0])[outside].mean() > 1


def test_the_real_one_of_a_self_blended_pair_is_what_it_was(target):
    real, fake = make_pair("self_blended", target, np.random.default_rng(3))
    assert real is target[0]
    alone = make_fake("self_blended", target, target, np.random.default_rng(3))
    assert np.array_equal(fake, alone)
