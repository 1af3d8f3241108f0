"""Damage to crops, and the sweep over it."""

import cv2
import numpy as np
import pytest

from trainer.evaluation.robustness import CORRUPTIONS, add_noise, blur, corrupt, film, sweep

SIDE = 65  # odd, as Xception's 299 is


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """(4, SIDE, SIDE, 3) uint8 RGB with shapes of many sizes."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (4, 16, 16, 3)).astype(np.uint8)
    return np.stack(
        [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for one in coarse]
    )


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


LEVELS = [(kind, level) for kind, levels in CORRUPTIONS.items() for level in levels]


def test_the_kinds_and_levels_are_those_that_were_asked_for():
    assert {kind: list(levels) for kind, levels in CORRUPTIONS.items()} == {
        "jpeg": ["quality 70", "quality 50", "quality 30"],
        "blur": ["1 px", "2 px", "3 px"],
        "noise": ["4 of 255", "8 of 255", "16 of 255"],
        "size": ["half", "quarter"],
        "h264": ["CRF 23", "CRF 30", "CRF 40"],
    }


@pytest.mark.parametrize(("kind", "level"), LEVELS)
def test_damage_keeps_shape_and_color_and_depends_on_the_crop_alone(crops, kind, level):
    damage = CORRUPTIONS[kind][level]
    before = crops.copy()
    found = corrupt(crops, damage)
    np.testing.assert_array_equal(crops, before)
    assert found.shape == crops.shape and found.dtype == np.uint8
    assert 0.2 < difference(found, crops) < 30
    np.testing.assert_array_equal(corrupt(crops[::-1], damage)[::-1], found)
    for color in ((200, 30, 30), (30, 30, 200)):  # a swap of red and blue would show here
        plain = np.full((SIDE, SIDE, 3), color, np.uint8)
        assert difference(damage(plain), plain) < 14


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_levels_rise(crops, kind):
    changes = [difference(corrupt(crops, damage), crops) for damage in CORRUPTIONS[kind].values()]
    assert changes == sorted(changes)
    assert changes[-1] > 1.2 * changes[0]


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
    for damage in CORRUPTIONS["size"].values():
        assert damage(stripes)[8:-8, 8:-8].std() < 5
    broad = np.zeros((64, 64, 3), np.uint8)
    broad[:, 32:] = 255
    assert difference(CORRUPTIONS["size"]["quarter"](broad), broad) < 12


def test_odd_sides_are_filmed_where_they_lie(crops):
    gray = np.repeat(crops[0][:, :, :1], 3, axis=2)  # H.264 keeps half of the color
    filmed = film(gray, 10)
    assert difference(filmed, gray) < 2
    assert difference(filmed[:, 1:], gray[:, :-1]) > 2 * difference(filmed, gray)


def test_no_crops_are_no_crops(crops):
    assert corrupt(crops[:0], CORRUPTIONS["h264"]["CRF 30"]).shape == (0, SIDE, SIDE, 3)


@pytest.mark.parametrize("batch", [1, 3, 512])
def test_a_sweep_measures_all_crops_at_every_level_in_their_order(crops, batch):
    def score(some: np.ndarray) -> np.ndarray:
        assert 0 < len(some) <= batch
        return some.reshape(len(some), -1)[:, :6].reshape(-1, 2, 3).astype(np.float32)

    def measure(logits: np.ndarray) -> dict:
        return {"value": logits.copy()}

    found = sweep(crops, score, measure, batch=batch)
    assert found.keys() == CORRUPTIONS.keys()
    for kind, rows in found.items():
        assert [row["level"] for row in rows] == ["none", *CORRUPTIONS[kind]]
        for row in rows:
            damage = CORRUPTIONS[kind].get(row["level"])
            whole = corrupt(crops, damage) if damage else crops
            expected = whole.reshape(len(crops), -1)[:, :6].reshape(-1, 2, 3)
            np.testing.assert_array_equal(row["auc"]["value"], expected)


def test_untouched_crops_are_scored_once(crops):
    asked = []

    def score(some: np.ndarray) -> np.ndarray:
        asked.append(some)
        return np.zeros((len(some), 1, 1), np.float32)

    sweep(crops, score, lambda logits: {"value": 0.5})
    assert len(asked) == 1 + len(LEVELS)
