"""What copies do to a picture."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.damage import add_noise, blur, h264, h264_of_any_size, jpeg, rescale, shrink

SIDE = 256


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (24, 24, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize(("codec", "good", "bad"), [(jpeg, 95, 20), (h264, 16, 40)])
def test_a_codec_keeps_size_and_color_and_costs_what_it_is_told(scene, codec, good, bad):
    assert codec(scene, good).shape == scene.shape
    assert difference(codec(scene, good), scene) < 4
    assert difference(codec(scene, bad), scene) > 1.5 * difference(codec(scene, good), scene)
    for color in ((200, 30, 30), (30, 30, 200)):  # a swap of red and blue would show here
        plain = np.full((64, 64, 3), color, np.uint8)
        assert np.abs(codec(plain, good).astype(int) - plain).max() <= 6


@pytest.mark.parametrize("moved", [(0, 0), (3, -2), (-1, 3)])
def test_a_frame_coded_from_the_one_before_lies_where_it_lay(scene, moved):
    coded = h264(scene, 30, moved)
    assert coded.shape == scene.shape
    assert difference(coded, scene) < 8
    for shift in ((3, -2), (-3, 2), (2, 2)):
        elsewhere = np.roll(scene, shift, (1, 0))
        assert difference(coded[8:-8, 8:-8], elsewhere[8:-8, 8:-8]) > difference(coded, scene)


def test_a_frame_coded_from_the_one_before_is_not_the_frame_coded_alone(scene):
    assert difference(h264(scene, 30, (2, 1)), h264(scene, 30)) > 0.2


@given(st.integers(16, 200), st.integers(16, 200), st.integers(60, 160))
@settings(max_examples=60, deadline=None)
def test_a_new_size_has_even_sides_as_asked(height, width, percent):
    image = np.zeros((height, width, 3), np.uint8)
    found = np.array(rescale(image, percent).shape[:2])
    assert (found % 2 == 0).all()
    asked = np.maximum(np.array([height, width]) * percent / 100, 16)
    assert np.abs(found - asked).max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (65, 64), (64, 67), (33, 35)])
def test_odd_sides_come_back_odd(scene, shape):
    image = scene[: shape[0], : shape[1]]
    coded = h264_of_any_size(image, 20, (1, 1))
    assert coded.shape == image.shape
    assert difference(coded, image) < 6
    if shape == (64, 64):
        assert np.array_equal(coded, h264(image, 20, (1, 1)))


def test_noise_has_the_deviation_that_it_says():
    gray = np.full((128, 128, 3), 128, np.uint8)
    for deviation in (4, 8, 16):
        added = add_noise(gray, deviation).astype(float) - 128
        assert added.std() == pytest.approx(deviation, rel=0.03)
        assert abs(added.mean()) < 0.3
        channels = np.corrcoef(added.reshape(-1, 3).T)
        assert np.abs(channels - np.eye(3)).max() < 0.05


def test_a_blur_spreads_a_point_as_far_as_it_says():
    point = np.zeros((65, 65, 3), np.uint8)
    point[30:35, 30:35] = 255  # of variance (25 - 1) / 12 = 2 along each side
    across = np.arange(65) - 32
    for sigma in (1, 2, 3):
        profile = blur(point, sigma)[:, :, 0].astype(float).sum(axis=0)
        spread = (profile * across**2).sum() / profile.sum()
        assert spread == pytest.approx(sigma**2 + 2, rel=0.1)


def test_a_smaller_size_takes_what_is_finer_than_it_can_hold():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    for percent in (50, 25):
        assert shrink(stripes, percent)[8:-8, 8:-8].std() < 5
    broad = np.zeros((64, 64, 3), np.uint8)
    broad[:, 32:] = 255
    assert difference(shrink(broad, 25), broad) < 12


def test_odd_sides_are_coded_where_they_lie(scene):
    gray = np.repeat(scene[:65, :65, :1], 3, axis=2)  # H.264 keeps half of the color
    coded = h264_of_any_size(gray, 10)
    assert difference(coded, gray) < 2
    assert difference(coded[:, 1:], gray[:, :-1]) > 2 * difference(coded, gray)


@pytest.mark.parametrize("kind", ["jpeg", "h264", "blur", "noise", "size"])
def test_the_same_picture_suffers_the_same_and_is_not_written_to(scene, kind):
    damage = {
        "jpeg": lambda image: jpeg(image, 50),
        "h264": lambda image: h264(image, 35),
        "blur": lambda image: blur(image, 1.0),
        "noise": lambda image: add_noise(image, 8),
        "size": lambda image: shrink(image, 50),
    }[kind]
    before = scene.copy()
    first = damage(scene)
    np.testing.assert_array_equal(scene, before)
    assert first.shape == scene.shape and first.dtype == np.uint8
    np.testing.assert_array_equal(damage(scene.copy()), first)
