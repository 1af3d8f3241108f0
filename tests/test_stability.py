"""The same faces again, damaged as copies are: where, how much, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import portrait

from awarenet.damage import jpeg
from awarenet.faces import crop_face, square_box
from awarenet.report import Stability
from awarenet.stability import DAMAGES, Damage, check, harm, pick, restore

SIDE = 96
UNHARMED = Damage("nothing", lambda image: image)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(160, 160, 3) uint8 RGB, a face and fine detail."""
    face = cv2.resize(portrait(3), (160, 160), interpolation=cv2.INTER_AREA)
    detail = np.random.default_rng(0).normal(0, 12, face.shape)
    return np.clip(face + detail, 0, 255).astype(np.uint8)


class Said(NamedTuple):
    """What a check reads of a score."""

    probability: float
    interval: tuple[float, float]


def said(probability: float, spread: float = 0.01) -> Said:
    """Stand in for a score, its interval `spread` to either side."""
    return Said(probability, (max(probability - spread, 0.0), min(probability + spread, 1.0)))


def ask(crops: np.ndarray, score, **changes: object) -> tuple[list[tuple[int, int]], Stability]:
    """Run a whole check; its steps, and what it found."""
    boxes = [(20.0, 20.0, 60.0, 60.0)] * len(crops)
    chosen = {"margin": 0.15, "person": 1, "threshold": 0.5, **changes}
    *steps, found = check(crops, boxes, score, **chosen)
    return steps, found


@given(st.integers(1, 200), st.integers(1, 64))
@settings(max_examples=100, deadline=None)
def test_frames_are_picked_evenly(count, frames):
    places = pick(count, frames)
    assert len(places) == min(count, frames)
    assert places.min() >= 0 and places.max() < count
    gaps = np.diff(np.concatenate([-1 - places[:1], places, 2 * count - 1 - places[-1:]]))
    assert (np.diff(places) > 0).all()
    assert gaps.max() - gaps.min() <= 2  # the ends lie half a step from the first and the last


@pytest.mark.parametrize(("count", "frames"), [(0, 8), (4, 0)])
def test_no_frames_are_refused(count, frames):
    with pytest.raises(ValueError, match="expected at least 1"):
        pick(count, frames)


@pytest.mark.parametrize("length", [21.0, 40.6, 70.3, 95.4])
def test_the_frames_own_pixels_come_back(picture, length):
    box = (30.37, 41.8, 30.37 + length, 41.8 + length)
    crop = crop_face(picture, box, margin=0.0, side=SIDE)
    native, square = restore(crop, box)
    left, top = 29, 40
    true = picture[top : top + len(native), left : left + len(native)].astype(float)
    inner = slice(2, -2)  # the outermost ones hardly show in the crop
    error = np.abs(native - true)[inner, inner].mean()
    assert error < (1 if length < 60 else 2.5)
    nearest = cv2.resize(crop, native.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert error < 0.5 * np.abs(nearest - true)[inner, inner].mean()
    again = crop_face(native, square, margin=0.0, side=SIDE)
    assert np.abs(again.astype(float) - crop).mean() < 0.2


def test_a_face_at_the_edge_of_the_frame_comes_back_too(picture):
    box = (-20.3, 100.2, 45.1, 165.6)
    crop = crop_face(picture, box, margin=0.0, side=SIDE)
    native, square = restore(crop, box)
    again = crop_face(native, square, margin=0.0, side=SIDE)
    assert np.abs(again.astype(float) - crop).mean() < 0.2


def test_a_crop_that_was_not_enlarged_is_damaged_as_it_is(picture):
    crop = crop_face(picture, (10, 10, 150, 150), margin=0.0, side=SIDE)
    native, square = restore(crop, (10, 10, 150, 150))
    assert native is crop and square == (0, 0, SIDE, SIDE)
    expected = jpeg(crop, 50)
    np.testing.assert_array_equal(harm(native, square, DAMAGES["jpeg_50"], SIDE), expected)


def test_no_damage_changes_nothing(picture):
    box = (30.0, 30.0, 90.0, 90.0)
    crop = crop_face(picture, box, margin=0.0, side=SIDE)
    again = harm(*restore(crop, box), UNHARMED, SIDE)
    assert np.abs(again.astype(int) - crop).max() <= 8


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("length", [7.4, 40.6, 120.0])
def test_damage_lies_where_the_face_lies_at_any_size(picture, name, length):
    box = (40.2, 40.7, 40.2 + length, 40.7 + length)
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    crop = crop_face(smooth, box, margin=0.0, side=SIDE)
    hurt = harm(*restore(crop, box), DAMAGES[name], SIDE)
    assert hurt.shape == crop.shape and hurt.dtype == np.uint8
    if length > 10:  # of fewer pixels little is left to recognize
        off = [
            np.abs(np.roll(hurt, shift, (0, 1)).astype(float) - crop)[8:-8, 8:-8].mean()
            for shift in ((0, 0), (3, 0), (-3, 0), (0, 3), (0, -3))
        ]
        assert off[0] == min(off)


def test_damage_happens_at_the_size_in_the_frame(picture):
    """A small face loses more to the same JPEG than the same face shown larger."""
    crops = []
    for length in (30.0, 90.0):
        small = cv2.resize(picture, (round(160 * length / 90),) * 2, interpolation=cv2.INTER_AREA)
        box = tuple(value * length / 90 for value in (35.0, 35.0, 125.0, 125.0))
        crop = crop_face(small, box, margin=0.0, side=SIDE)
        hurt = harm(*restore(crop, box), DAMAGES["jpeg_50"], SIDE)
        coarse = cv2.GaussianBlur(hurt.astype(float) - crop, (0, 0), 2)  # blocks are larger
        crops.append(np.abs(coarse).mean())
    assert crops[0] > 1.5 * crops[1]


def test_a_check_scores_the_picked_frames_untouched_and_under_each_damage():
    crops = np.random.default_rng(1).integers(0, 256, (20, SIDE, SIDE, 3), np.uint8)
    asked = []

    def score(some: np.ndarray) -> Said:
        asked.append(some)
        return said(0.2 + 0.05 * len(asked), 0.5)

    steps, found = ask(crops, score, frames=4)
    assert [done for done, _ in steps] == list(range(8)) and {total for _, total in steps} == {7}
    np.testing.assert_array_equal(asked[0], crops[[2, 7, 12, 17]])
    assert [some.shape for some in asked] == [(4, SIDE, SIDE, 3)] * 7
    box = square_box((20.0, 20.0, 60.0, 60.0), 0.15)
    for number, damage in enumerate(DAMAGES.values(), start=1):
        expected = harm(*restore(crops[12], box), damage, SIDE)
        np.testing.assert_array_equal(asked[number][2], expected)
    assert [each.damage for each in found.scores] == list(DAMAGES)
    assert found.untouched == 0.25 and found.frames == 4
    assert (found.low, found.high) == (0.25, pytest.approx(0.55))
    assert {each.verdict for each in found.scores} == {"inconclusive"} and not found.flips_under


def test_what_is_known_of_the_untouched_frames_is_not_asked_again():
    crops = np.full((3, 32, 32, 3), 90, np.uint8)
    asked = []
    steps, found = ask(crops, lambda some: asked.append(some) or said(0.3), untouched=said(0.9))
    assert len(asked) == 6 and steps[-1] == (6, 6)
    assert found.untouched == 0.9 and found.high == 0.9 and found.low == 0.3


@pytest.mark.parametrize(
    ("before", "after", "flips"),
    [
        (said(0.9), said(0.1), True),
        (said(0.1), said(0.9), True),
        (said(0.9), said(0.45, 0.2), False),  # now inconclusive
        (said(0.45, 0.2), said(0.9), False),  # was inconclusive
        (said(0.9), said(0.7), False),
    ],
)
def test_only_the_opposite_verdict_is_a_flip(before, after, flips):
    crops = np.full((2, 32, 32, 3), 90, np.uint8)
    _, found = ask(crops, lambda some: after, untouched=before)
    assert found.flips_under == (list(DAMAGES) if flips else [])


def test_a_check_stops_between_two_damages():
    crops = np.full((2, 32, 32, 3), 90, np.uint8)
    asked = []
    steps = check(
        crops, [(0, 0, 9, 9)] * 2, lambda some: asked.append(some) or said(0.3),
        margin=0.1, person=1, threshold=0.5,
    )  # fmt: skip
    for done, _ in steps:
        if done == 3:
            break
    steps.close()
    assert len(asked) == 3


def test_as_many_boxes_as_crops_are_expected():
    crops = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="2 crops, 1 boxes"):
        next(check(crops, [(0, 0, 9, 9)], said, margin=0.1, person=1, threshold=0.5))


def test_every_damage_has_words():
    assert len({damage.words for damage in DAMAGES.values()}) == len(DAMAGES) == 6
