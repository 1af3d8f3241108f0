"""Damage to crops, and the sweep over it."""

import cv2
import numpy as np
import pytest

from trainer.evaluation.robustness import CORRUPTIONS, corrupt, sweep

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
