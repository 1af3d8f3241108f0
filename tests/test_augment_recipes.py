"""What every recipe promises, and what [augment] adds to it."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.damage import h264
from awarenet.errors import SettingsError
from awarenet.faces import crop_face
from trainer.augmentation import RECIPES, apply_conditions, augment, draw_conditions
from trainer.augmentation.aware_net import transform
from trainer.augmentation.cut_outs import cut_out
from trainer.settings import AugmentSettings

SIDE = 128
BOX = (34.0, 24.0, 94.0, 104.0)
POINTS = np.array([[50.0, 50], [78, 52], [64, 70], [54, 84], [75, 85]])
EVERYTHING = AugmentSettings(recompress=0.5, cut_out=0.5)
CHANGING = sorted(set(RECIPES) - {"none"})


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(60, 200, (16, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def make(recipe: str, scene: np.ndarray, seed: int, settings=EVERYTHING, side=80) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return augment(recipe, scene, BOX, POINTS, rng, margin=0.1, side=side, settings=settings)


@pytest.mark.parametrize("asked", [AugmentSettings(), EVERYTHING])
@pytest.mark.parametrize("recipe", sorted(RECIPES))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_two_pictures_given_equal_generators_suffer_alike(scene, recipe, asked, seed):
    """A mark on the forehead: far from it nothing may differ by more than a coarse codec's whim.

    Pictures given unequal generators differ by 60 levels in the median.
    """
    marked = scene.copy()
    marked[30:38, 60:68] = 255 - marked[30:38, 60:68]
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    options = {"margin": 0.1, "side": 80, "settings": asked}
    real = augment(recipe, scene, BOX, POINTS, one, **options)
    fake = augment(recipe, marked, BOX, POINTS, other, **options)
    assert one.bit_generator.state == other.bit_generator.state
    apart = np.abs(real.astype(int) - fake).max(axis=2)
    coded = recipe == "camera" or asked is EVERYTHING
    assert np.median(apart) <= (10 if coded else 1)
    assert (apart > 24).mean() < 0.12


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_equal_pictures_stay_equal_and_are_never_written_to(scene, recipe):
    before = scene.copy()
    for seed in range(12):
        crop = make(recipe, scene, seed)
        assert (crop.shape, crop.dtype) == ((80, 80, 3), np.uint8)
        assert np.array_equal(crop, make(recipe, scene.copy(), seed))
    assert np.array_equal(scene, before)


@pytest.mark.parametrize("recipe", CHANGING)
def test_draws_differ(scene, recipe):
    crops = {make(recipe, scene, seed, AugmentSettings()).tobytes() for seed in range(20)}
    assert len(crops) > 15


def test_the_recipe_none_is_the_crop_alone_whatever_augment_says(scene):
    expected = crop_face(scene, BOX, margin=0.1, side=80)
    always = AugmentSettings(recompress=1.0, cut_out=1.0)
    for seed in range(4):
        assert np.array_equal(make("none", scene, seed, always), expected)


@pytest.mark.parametrize("recipe", CHANGING)
def test_cut_outs_come_as_often_as_asked(recipe):
    rng, asked = np.random.default_rng(0), AugmentSettings(cut_out=0.3)
    drawn = [draw_conditions(recipe, rng, asked) for _ in range(1500)]
    assert np.mean([one.cut_out is not None for one in drawn]) == pytest.approx(0.3, abs=0.04)
    assert all(one.crf is None for one in drawn)


@pytest.mark.parametrize("recipe", CHANGING)
def test_h264_comes_as_often_and_as_coarse_as_asked(recipe):
    rng, asked = np.random.default_rng(0), AugmentSettings(recompress=0.4, crf=(20, 23))
    drawn = [draw_conditions(recipe, rng, asked) for _ in range(1500)]
    crf = [one.crf for one in drawn if one.crf is not None]
    assert len(crf) / 1500 == pytest.approx(0.4, abs=0.04)
    assert set(crf) == {20, 21, 22, 23}
    moved = [one.moved is not None for one in drawn if one.crf is not None]
    assert np.mean(moved) == pytest.approx(0.6, abs=0.06)
    assert all(one.cut_out is None for one in drawn)


@pytest.mark.parametrize("recipe", CHANGING)
def test_what_augment_does_leaves_the_recipes_own_draws_alone(recipe):
    plain, both = (
        [draw_conditions(recipe, np.random.default_rng(seed), asked).own for seed in range(20)]
        for asked in (AugmentSettings(), EVERYTHING)
    )
    assert plain == both


def test_the_order_is_cut_out_then_codec_then_recipe(scene):
    always = AugmentSettings(recompress=1.0, cut_out=1.0)
    conditions = draw_conditions("aware_net", np.random.default_rng(3), always)
    found = apply_conditions(scene, conditions, box=BOX, landmarks=POINTS, margin=0.1, side=80)
    coded = h264(cut_out(scene, conditions.cut_out, BOX, POINTS), conditions.crf, conditions.moved)
    assert np.array_equal(found, transform(coded, conditions.own, box=BOX, margin=0.1, side=80))


def test_scenes_with_odd_sides_are_recompressed_too(scene):
    always = AugmentSettings(recompress=1.0)
    assert make("dfdc", scene[:127, :127], 0, always).shape == (80, 80, 3)


@pytest.mark.parametrize("recipe", CHANGING)
def test_settings_that_are_off_cost_no_draw(recipe):
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    draw_conditions(recipe, one, AugmentSettings())
    RECIPES[recipe].draw(other)
    assert one.bit_generator.state == other.bit_generator.state


def test_only_aware_nets_epochs_are_longer():
    assert {name: recipe.epoch for name, recipe in RECIPES.items()} == {
        "none": 1.0, "aware_net": 1.3, "dfdc": 1.0, "camera": 1.0,
    }  # fmt: skip


def test_a_recipe_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(SettingsError, match="no recipe 'strong'.*none, aware_net, dfdc, camera"):
        draw_conditions("strong", np.random.default_rng(0))
