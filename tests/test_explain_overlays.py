"""What is laid over a frame, and where; the small frames that wait for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.explain import PREVIEW_PX, Preview, overlay
from awarenet.faces import crop_face, square_box

MARGIN = 0.25


def frame_of(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("box", [(30, 20, 70, 60), (-15, -10, 30, 40), (100, 60, 140, 110)])
def test_heat_lands_where_the_crop_was_cut(box):
    frame = np.zeros((90, 120, 3), np.uint8)
    frame[25:40, 35:45] = 200  # a patch in the first box, and in reach of the others' edges
    frame[70:85, 105:118] = 200
    frame[2:20, 3:20] = 200
    crop = crop_face(frame, box, margin=MARGIN, side=64)
    heat = (crop[..., 0] / 200).astype(np.float32).clip(0, 1)
    drawn = overlay(frame * 0, box, MARGIN, heat, 1.0, 1.0)[..., 0] / 255
    x0, y0, x1, y1 = (round(side) for side in square_box(box, MARGIN))
    rows, columns = slice(max(y0, 0) + 1, max(y1 - 1, 0)), slice(max(x0, 0) + 1, max(x1 - 1, 0))
    inside = frame[rows, columns, 0] / 200
    assert inside.max() == 1
    assert np.abs(drawn[rows, columns] - inside).mean() < 0.12


def test_nothing_outside_the_square_changes_nor_the_frame_itself():
    frame = frame_of()
    before = frame.copy()
    drawn = overlay(frame, (40, 30, 80, 60), MARGIN, np.ones((64, 64), np.float32), 1.0, 0.5)
    x0, y0, x1, y1 = square_box((40, 30, 80, 60), MARGIN)
    rest = np.ones(frame.shape[:2], bool)
    rest[int(np.floor(y0)) : int(np.ceil(y1)), int(np.floor(x0)) : int(np.ceil(x1))] = False
    np.testing.assert_array_equal(drawn[rest], frame[rest])
    np.testing.assert_array_equal(frame, before)
    assert (drawn[~rest] != frame[~rest]).mean() > 0.5


def test_a_face_beside_the_frame_leaves_it_as_it_is():
    frame = frame_of()
    drawn = overlay(frame, (500, 500, 540, 560), MARGIN, np.ones((8, 8), np.float32), 1.0, 1.0)
    np.testing.assert_array_equal(drawn, frame)


@settings(max_examples=30, deadline=None)
@given(weak=st.floats(0, 1), strong=st.floats(0, 1))
def test_the_surer_a_network_is_of_fake_the_more_the_frame_glows(weak, strong):
    frame, heat = np.full((60, 60, 3), 90, np.uint8), np.ones((16, 16), np.float32)
    none, less, more = (
        overlay(frame, (20, 20, 40, 40), 0, heat, strength, 0.5)[30, 30].astype(int)
        for strength in (0.0, *sorted((weak, strong)))
    )
    assert none.tolist() == [90, 90, 90]
    assert less[0] <= more[0]  # red comes
    assert less[2] >= more[2]  # blue goes


def test_a_confident_real_hardly_glows():
    frame, heat = np.full((60, 60, 3), 90, np.uint8), np.ones((16, 16), np.float32)
    drawn = overlay(frame, (20, 20, 40, 40), 0, heat, 0.02, 0.5)
    assert np.abs(drawn.astype(int) - frame).max() <= 2


def test_a_preview_is_small_and_its_boxes_fit():
    frame = np.zeros((1200, 2560, 3), np.uint8)
    frame[300:500, 1000:1400] = 250
    preview = Preview.of(frame)
    image = preview.image()
    assert image.shape == (600, PREVIEW_PX, 3)
    x0, y0, x1, y1 = (int(side) for side in preview.scaled((1000, 300, 1400, 500)))
    assert image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() > 240
    assert image[: y0 - 4].max() < 10
    assert len(preview.jpeg) < frame.nbytes / 50


def test_a_small_frame_is_kept_as_large_as_it_is():
    frame = frame_of()
    preview = Preview.of(frame)
    assert preview.scale == 1
    assert preview.image().shape == frame.shape
