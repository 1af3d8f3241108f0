"""AWARE-NET's list of transforms, against Pillow and torchvision."""

import importlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from trainer.augmentation.aware_net import (
    CORNERS,
    ROTATION,
    SHEAR,
    SKEW,
    SKEWS,
    TILTS,
    Transforms,
    draw_transforms,
    projection,
    transform,
)

functional = importlib.import_module("torchvision.transforms.v2.functional")  # after `trainer`
SIDE = 96
WHOLE = (0.0, 0.0, float(SIDE), float(SIDE))
NOTHING = Transforms(0, 0, False, False, 0.0, TILTS[0], 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (12, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def through(scene: np.ndarray, **changes: object) -> np.ndarray:
    return transform(scene, replace(NOTHING, **changes), box=WHOLE, margin=0, side=SIDE)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def array(image: torch.Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def test_when_nothing_is_drawn_nothing_changes(scene):
    assert np.array_equal(through(scene), scene)


def test_a_flip_is_a_mirror(scene):
    assert difference(through(scene, flip=True), scene[:, ::-1]) < 0.01


@pytest.mark.parametrize("angle", [-15, -4, 9, 15])
def test_a_rotation_is_torchvisions_enlarged_until_no_corner_shows(scene, angle):
    turned = array(functional.rotate(tensor(scene), angle, functional.InterpolationMode.BILINEAR))
    radians = np.radians(abs(angle))
    inner = SIDE / (np.cos(radians) + np.sin(radians))
    start = (SIDE - inner) / 2
    box = (start, start, start + inner, start + inner)
    cut = Image.fromarray(turned).resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)
    found = through(scene, rotation=angle)
    assert difference(found, np.array(cut)) < 1
    assert difference(found, scene) > 5


@pytest.mark.parametrize("angle", [-10, -3, 6])
@pytest.mark.parametrize("upright", [False, True])
def test_a_shear_is_pillows_without_the_wedges(scene, angle, upright):
    slope = np.tan(np.radians(angle))
    image = scene.transpose(1, 0, 2) if upright else scene
    # Pillow wants the way back: from a pixel to where it came from, around the middle row
    back = (1, -slope, slope * SIDE / 2, 0, 1, 0)
    sheared = Image.fromarray(np.ascontiguousarray(image)).transform(
        (SIDE, SIDE), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR
    )
    wedge = abs(slope) * SIDE / 2
    box = (wedge, 0, SIDE - wedge, SIDE)
    cut = np.array(sheared.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box))
    cut = cut.transpose(1, 0, 2) if upright else cut
    found = through(scene, shear=angle, shear_is_upright=upright)
    assert difference(found[2:-2, 2:-2], cut[2:-2, 2:-2]) < 1
    assert difference(found, scene) > 2


@pytest.mark.parametrize("pulled", TILTS + CORNERS)
def test_a_skew_pulls_corners_out_of_the_picture_and_is_torchvisions_perspective(scene, pulled):
    start = [[0, 0], [SIDE - 1, 0], [SIDE - 1, SIDE - 1], [0, SIDE - 1]]
    end = np.array(start, float)
    for corner, x, y in pulled:
        end[corner] += np.array([x, y]) * 0.2 * SIDE
    expected = array(functional.perspective(tensor(scene), start, end.tolist()))
    found = through(scene, skew=0.2, pulled=pulled)
    assert difference(found[2:-2, 2:-2], expected[2:-2, 2:-2]) < 2.5
    assert difference(found, scene) > 5


def test_all_tilts_and_corners_are_pulled_outward():
    inside = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    for pulled in TILTS + CORNERS:
        for corner, x, y in pulled:
            assert (np.abs(inside[corner] + [x, y]) >= 1).all()
    assert len(set(TILTS)) == 4
    assert len(set(CORNERS)) == 8
    assert [len(kind) for kind in SKEWS] == [4, 2, 2, 8]


@given(st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_no_draw_shows_anything_from_beyond_the_picture(seed):
    matrix = projection(draw_transforms(np.random.default_rng(seed)), SIDE)
    edge = np.linspace(0, SIDE - 1, 9)
    rim = np.array([[x, y] for x in edge for y in edge])
    back = cv2.perspectiveTransform(rim[:, None], np.linalg.inv(matrix))[:, 0]
    assert back.min() > -1.5
    assert back.max() < SIDE + 0.5


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.2])
@pytest.mark.parametrize(
    ("name", "enhancer", "adjust"),
    [
        ("brightness", ImageEnhance.Brightness, functional.adjust_brightness),
        ("contrast", ImageEnhance.Contrast, functional.adjust_contrast),
        ("color", ImageEnhance.Color, functional.adjust_saturation),
    ],
)
def test_light_and_color_are_pillows_and_torchvisions(scene, factor, name, enhancer, adjust):
    found = through(scene, **{name: factor}).astype(int)
    pillow = np.array(enhancer(Image.fromarray(scene)).enhance(factor))
    assert np.abs(found - pillow).max() <= 2
    assert np.abs(found - array(adjust(tensor(scene), factor))).max() <= 2
    assert difference(found, scene) > 1


def test_everything_is_drawn_as_often_and_as_far_as_the_paper_says():
    drawn = [draw_transforms(np.random.default_rng(seed)) for seed in range(4000)]

    def share(happens) -> float:
        return float(np.mean([happens(one) for one in drawn]))

    assert share(lambda one: one.rotation != 0) == pytest.approx(0.5 * 30 / 31, abs=0.03)
    assert share(lambda one: one.shear != 0) == pytest.approx(0.3 * 20 / 21, abs=0.03)
    assert share(lambda one: one.flip) == pytest.approx(0.5, abs=0.03)
    assert share(lambda one: one.skew > 0) == pytest.approx(0.3, abs=0.03)
    for name in ("brightness", "contrast", "color"):
        values = np.array([getattr(one, name) for one in drawn])
        assert (values != 1).mean() == pytest.approx(0.3, abs=0.03)
        assert (values.min(), values.max()) == pytest.approx((0.8, 1.2), abs=0.01)
    assert {one.rotation for one in drawn} == set(range(-ROTATION, ROTATION + 1))
    assert {one.shear for one in drawn} == set(range(-SHEAR, SHEAR + 1))
    assert 0.28 < max(one.skew for one in drawn) <= SKEW
    assert {one.pulled for one in drawn} == set(TILTS + CORNERS)
