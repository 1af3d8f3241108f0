"""What happens between a face and the network's input, the same to real and fake."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.faces import crop_face
from trainer.augmentation.camera import (
    CLEAN,
    FACE_SHARE,
    HARD,
    REGIMES,
    SCENE_MARGIN,
    Degradation,
    degrade,
    draw_degradation,
)

SIDE = 256
NOTHING = Degradation(
    face_px=SIDE * FACE_SHARE,
    flip=False,
    angle=0.0,
    shift=(0.0, 0.0),
    zoom=1.0,
    gain=(1.0, 1.0, 1.0),
    contrast=1.0,
    brightness=0.0,
    gamma=1.0,
    gray=False,
    blur=0.0,
    motion=(0.0, 0.0),
    noise=0.0,
    codecs=(),
)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (12, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def through(scene: np.ndarray, **changes: object) -> np.ndarray:
    return degrade(scene, replace(NOTHING, **changes), margin=0.2, side=96)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_when_nothing_happens_the_face_is_only_cropped(scene):
    half = SIDE * FACE_SHARE / 2
    box = (SIDE / 2 - half, SIDE / 2 - half, SIDE / 2 + half, SIDE / 2 + half)
    expected = crop_face(scene, box, margin=0.2, side=96)
    found = through(scene)
    assert (found.shape, found.dtype) == ((96, 96, 3), np.uint8)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_crop_of_the_whole_margin_is_the_whole_scene(scene):
    whole = degrade(scene, NOTHING, margin=SCENE_MARGIN, side=SIDE)
    assert np.abs(whole.astype(int) - scene).max() <= 1


@pytest.mark.parametrize("regime", sorted(REGIMES))
def test_the_same_conditions_do_the_same_again(scene, regime):
    conditions = draw_degradation(np.random.default_rng(5), REGIMES[regime])
    assert conditions == draw_degradation(np.random.default_rng(5), REGIMES[regime])
    first = degrade(scene, conditions, margin=0.2, side=64)
    assert np.array_equal(first, degrade(scene, conditions, margin=0.2, side=64))
    other = draw_degradation(np.random.default_rng(6), REGIMES[regime])
    assert not np.array_equal(first, degrade(scene, other, margin=0.2, side=64))


def test_the_scene_itself_is_never_written_to(scene):
    before = scene.copy()
    for seed in range(6):
        degrade(scene, draw_degradation(np.random.default_rng(seed)), margin=0.2, side=64)
    assert np.array_equal(scene, before)


@given(st.integers(0, 2**32), st.sampled_from([CLEAN, HARD]))
@settings(max_examples=100, deadline=None)
def test_conditions_stay_within_their_regime(seed, regime):
    drawn = draw_degradation(np.random.default_rng(seed), regime)
    [(_, low, high)] = regime.face_px
    assert low <= drawn.face_px <= high
    assert len(drawn.codecs) <= 1
    for codec, quality in drawn.codecs:
        lowest, highest = regime.jpeg if codec == "jpeg" else regime.crf
        assert lowest <= quality <= highest


def test_training_sees_every_size_and_codec():
    drawn = [draw_degradation(np.random.default_rng(seed)) for seed in range(400)]
    sizes = np.array([conditions.face_px for conditions in drawn])
    assert 0.4 < (sizes == 160).mean() < 0.66
    assert 0.05 < (sizes < 100).mean() < 0.16
    assert sizes.min() >= 56
    names = [tuple(codec for codec, _ in conditions.codecs) for conditions in drawn]
    assert {("jpeg",), ("h264",), (), ("jpeg", "h264"), ("h264", "jpeg")} <= set(names)
    assert {("jpeg", "scale"), ("h264", "scale"), ("jpeg", "scale", "h264")} <= set(names)
    assert 0.4 < np.mean([conditions.moved is not None for conditions in drawn]) < 0.8
    flips = np.mean([conditions.flip for conditions in drawn])
    assert 0.4 < flips < 0.6


def test_a_flip_is_a_mirror(scene):
    assert difference(through(scene, flip=True), through(scene)[:, ::-1]) < 1


def test_a_zoomed_box_shows_less(scene):
    narrow = through(scene, zoom=0.8)
    wide = through(scene)
    inner = cv2.resize(wide[10:86, 10:86], (96, 96), interpolation=cv2.INTER_LINEAR)
    assert difference(narrow, inner) < difference(narrow, wide) / 3


def test_a_turn_is_a_turn_around_the_face(scene):
    turned = through(scene, angle=8.0)
    matrix = cv2.getRotationMatrix2D((47.5, 47.5), 8.0, 1.0)
    expected = cv2.warpAffine(through(scene), matrix, (96, 96), borderMode=cv2.BORDER_REPLICATE)
    assert difference(turned[16:80, 16:80], expected[16:80, 16:80]) < 3
    assert difference(turned, through(scene)) > 6


def test_small_faces_lose_detail(scene):
    losses = [difference(through(scene, face_px=px), through(scene)) for px in (120, 60, 24)]
    assert losses == sorted(losses)
    assert losses[-1] > 2 * losses[0]


def test_light_changes_as_asked(scene):
    plain = through(scene).astype(float)
    assert abs((through(scene, brightness=20.0) - plain).mean() - 20) < 2
    assert (through(scene, gamma=1.5) <= plain).all()
    assert through(scene, contrast=0.5).std() < 0.6 * plain.std()
    red = through(scene, gain=(1.2, 1.0, 1.0)).astype(float) - plain
    assert red[..., 0].mean() > 10
    assert np.abs(red[..., 1:]).max() <= 1
    assert np.ptp(through(scene, gray=True), axis=2).max() == 0


@pytest.mark.parametrize(
    "change", [{"blur": 1.0}, {"motion": (5.0, 45.0)}, {"motion": (4.0, 90.0)}]
)
def test_blur_takes_detail_but_no_light(change):
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[::2, ::2] = 200
    assert through(stripes, **change).std() < through(stripes).std()
    gray = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert np.abs(through(gray, **change).astype(int) - through(gray)).max() <= 1


def film(noise: float, seed: int) -> np.ndarray:
    gray = np.full((SIDE, SIDE, 3), 128, np.uint8)
    conditions = replace(NOTHING, noise=noise, seed=seed)
    return degrade(gray, conditions, margin=SCENE_MARGIN, side=SIDE)


def test_noise_is_as_strong_as_asked_and_the_same_for_a_seed():
    deviations = [film(sigma, seed=1)[..., 0].std() for sigma in (1.5, 5.0)]
    assert deviations == pytest.approx([1.5, 5.0], rel=0.15)
    assert abs(film(5.0, seed=1).mean() - 128) < 1
    assert np.array_equal(film(5.0, seed=1), film(5.0, seed=1))
    assert not np.array_equal(film(5.0, seed=1), film(5.0, seed=2))


def test_noise_falls_on_every_channel():
    assert film(5.0, seed=1).std((0, 1)) == pytest.approx([5, 5, 5], rel=0.15)


PATCH = slice(112, 144)  # in the middle of a face


def kept(scene: np.ndarray, **changes: object) -> np.ndarray:
    """The whole scene at its own size after one change."""
    return degrade(scene, replace(NOTHING, **changes), margin=SCENE_MARGIN, side=SIDE)


def test_light_from_one_side_leaves_the_other_side_lit():
    gray = np.full((SIDE, SIDE, 3), 200, np.uint8)
    columns = kept(gray, side_light=(0.5, 0.0))[SIDE // 2, :, 0].astype(float)
    assert columns[0] == pytest.approx(200, abs=2)
    assert columns[-1] == pytest.approx(100, abs=2)
    assert (np.diff(columns) <= 0).all()


def test_a_wide_aperture_blurs_the_background_and_not_the_face():
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 200
    soft, sharp = kept(stripes, out_of_focus=4.0), kept(stripes)
    assert np.array_equal(soft[PATCH, PATCH], sharp[PATCH, PATCH])
    assert soft[:24, :24].std() < sharp[:24, :24].std() / 10


def test_saturation_moves_colors_from_and_to_gray(scene):
    spread = [np.ptp(kept(scene, saturation=s), axis=2).mean() for s in (0.5, 1.0, 1.5)]
    assert spread == sorted(spread)
    assert spread[0] == pytest.approx(spread[1] / 2, rel=0.1)


def test_smoothing_takes_texture_and_keeps_edges():
    skin = np.random.default_rng(0).normal(120, 6, (SIDE, SIDE, 3))
    skin[:, SIDE // 2 :] += 80
    skin = np.clip(skin, 0, 255).astype(np.uint8)
    smooth = kept(skin, smooth=40.0)
    assert smooth[PATCH, :100].std() < skin[PATCH, :100].std() / 1.5
    edge = smooth[:, SIDE // 2 + 1].astype(float).mean() - smooth[:, SIDE // 2 - 2].mean()
    assert edge == pytest.approx(80, abs=4)


def test_sharpening_adds_detail_and_no_light(scene):
    assert kept(scene, sharpen=1.0).std() > kept(scene).std()
    gray = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert np.abs(kept(gray, sharpen=1.0).astype(int) - 90).max() <= 1


def test_a_caption_covers_the_same_part_of_both_and_little_of_it(scene):
    for seed in range(1, 20):
        covered = (kept(scene, overlay=seed) != kept(scene)).any(axis=2).mean()
        assert covered < 0.25
        assert np.array_equal(kept(scene, overlay=seed), kept(scene, overlay=seed))


def test_only_training_is_wild():
    drawn = [draw_degradation(np.random.default_rng(seed), CLEAN) for seed in range(200)]
    assert all(
        (d.side_light, d.out_of_focus, d.saturation, d.smooth, d.sharpen, d.overlay, d.moved)
        == ((0.0, 0.0), 0.0, 1.0, 0.0, 0.0, 0, None)
        for d in drawn
    )


@pytest.mark.parametrize("codec", [("jpeg", 30), ("h264", 36)])
def test_codecs_follow_one_another(scene, codec):
    assert difference(through(scene, codecs=(codec,)), through(scene)) > 0.5
    once, twice = through(scene, codecs=(codec,)), through(scene, codecs=(codec, ("jpeg", 15)))
    assert difference(twice, once) > 0.5


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_any_draw_gives_a_crop(seed):
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 256, (64, 64, 3), np.uint8)
    crop = degrade(scene, draw_degradation(rng), margin=0.3, side=48)
    assert (crop.shape, crop.dtype) == ((48, 48, 3), np.uint8)


def test_what_a_fake_does_not_change_stays_the_same_beside_it(scene):
    fake = scene.copy()
    fake[100:156, 100:156] = 255 - fake[100:156, 100:156]
    conditions = replace(NOTHING, brightness=10.0, blur=0.8, noise=3.0, codecs=(("jpeg", 60),))
    real, other = (degrade(s, conditions, margin=SCENE_MARGIN, side=SIDE) for s in (scene, fake))
    apart = np.abs(real.astype(int) - other).max(axis=2)
    assert apart[:80].max() == apart[:, :80].max() == apart[176:].max() == 0
    assert apart[110:146, 110:146].mean() > 20
