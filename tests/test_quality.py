"""What the input is worth: sharpness is measured, facts become warnings, limits are said."""

import dataclasses

import cv2
import numpy as np
import pytest
from clips import draw_face

from awarenet.quality import BLURRED, FEW_FRAMES, SMALL_FACE_PX, Facts, assess, limits_of, sharpness

FINE = Facts(kind="video", face_px=200, frames_seen=32, sharpness=400, people=1)


def codes(**changes: object) -> list[str]:
    return [notice.code for notice in assess(dataclasses.replace(FINE, **changes))]


def drawn(side: int = 256) -> np.ndarray:
    image = np.full((side, side, 3), (90, 110, 140), np.uint8)
    draw_face(image, (side // 2, side // 2), side // 2)
    return image


def test_a_good_clip_has_no_warnings():
    assert codes() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"face_px": SMALL_FACE_PX - 1}, "small_face"),
        ({"sharpness": BLURRED - 1}, "blurred"),
        ({"frames_seen": FEW_FRAMES - 1}, "few_frames"),
        ({"kind": "image", "frames_seen": 1}, "single_image"),
        ({"members": 1}, "single_member"),
        ({"calibrated": False}, "uncalibrated"),
        ({"trained_finder": False}, "other_face_finder"),
        ({"people": 2}, "several_people"),
        ({"people_left_out": 1}, "people_left_out"),
        ({"people_too_brief": 1}, "people_too_brief"),
        ({"faces_too_small": 3}, "faces_skipped"),
    ],
)
def test_each_fact_has_its_own_warning(changes, code):
    assert codes(**changes) == [code]


def test_a_warning_names_the_number_behind_it():
    (notice,) = assess(dataclasses.replace(FINE, face_px=51.4))
    assert "51 px" in notice.message


def test_sharpness_is_the_variance_of_the_laplacian_of_the_luma():
    crop = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    luma = crop.astype(np.float64) @ [0.299, 0.587, 0.114]
    values = [
        luma[y - 1, x] + luma[y + 1, x] + luma[y, x - 1] + luma[y, x + 1] - 4 * luma[y, x]
        for y in range(1, 39)
        for x in range(1, 39)
    ]
    assert sharpness(crop) == pytest.approx(np.var(values))


def test_blur_lowers_sharpness_step_by_step():
    blurred = [cv2.GaussianBlur(drawn(), (0, 0), sigma) for sigma in (0.5, 1, 2, 4, 8)]
    measured = [sharpness(crop) for crop in blurred]
    assert measured == sorted(measured, reverse=True)
    assert measured[0] > 10 * measured[-1]
    assert sharpness(np.full((64, 64, 3), 77, np.uint8)) == pytest.approx(0, abs=1e-9)


def test_crops_of_all_sides_compare():
    small = cv2.resize(drawn(512), (128, 128), interpolation=cv2.INTER_AREA)
    assert sharpness(drawn(512)) == pytest.approx(sharpness(small), rel=0.05)


def test_limits_name_the_training_data_and_the_rates_at_the_threshold_below():
    rates = [(0.9, 0.01, 0.5), (0.5, 0.05, 0.8), (0.3, 0.4, 0.95)]
    lines = limits_of("portraits", "20 clips", rates, 0.6)
    assert lines[-2].endswith("trained on: portraits.")
    assert "0.50, 5% of genuine and 80% of manipulated" in lines[-1]
    assert lines[-1].endswith("measured on 20 clips.")


def test_limits_invent_no_rates():
    assert not any("% of genuine" in line for line in limits_of("x", "y", [(0.5, 0.1, 0.9)], 0.4))
    assert any("generated as a whole" in line for line in limits_of("", "", [], 0.5))
