"""What the input is worth: sharpness is measured, facts become warnings, limits are said."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
from clips import draw_face

from awarenet.quality import (
    MESSAGES,
    Facts,
    Measured,
    Notice,
    assess,
    measure,
    own_limits,
    sharpness,
    turned_deg,
)
from awarenet.quality.notices import (
    BLURRED,
    BRIGHT,
    COARSE_STEP,
    DARK,
    FEW_FRAMES,
    FLAT,
    SMALL_FACE_PX,
    TURNED_DEG,
)

GOOD = Measured(face_px=200, sharpness=400, light=0.5, contrast=0.2, turned_deg=5)
FINE = Facts(kind="video", faces=GOOD, frames_seen=32, people=1)
# Eyes (middles of their corners), nose tip and mouth corners, cm; x to the right, y up, z toward
# the camera. Of MediaPipe's canonical face, points 33 and 133, 263 and 362, 1, 61, 291.
CANONICAL = np.array(
    [[-3.151, 2.625, 3.466], [3.151, 2.625, 3.466], [0, -1.127, 7.476]]
    + [[-2.456, -4.343, 4.284], [2.456, -4.343, 4.284]]
)


def notices(**changes: object) -> tuple[Notice, ...]:
    """Warnings of a good clip but for this; names of `Measured` change its faces."""
    of_faces = {name: changes.pop(name) for name in list(changes) if hasattr(GOOD, name)}
    faces = dataclasses.replace(GOOD, **of_faces)
    return assess(dataclasses.replace(FINE, faces=faces, **changes))


def codes(**changes: object) -> list[str]:
    return [notice.code for notice in notices(**changes)]


def photographed(
    turned: float, nodded: float, tilted: float = 0.0, distance: float = 1e6
) -> np.ndarray:
    """(5, 2) px of the canonical face, turned (degrees), from a distance in cm."""
    turn, nod, tilt = np.radians([turned, nodded, tilted])
    around_y = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    around_x = [[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]]
    around_z = [[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]]
    points = CANONICAL @ np.transpose(np.array(around_z) @ around_x @ around_y)
    return points[:, :2] * [10, -10] * distance / (distance - points[:, 2:]) + 300


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
        ({"light": DARK - 0.01}, "too_dark"),
        ({"light": BRIGHT + 0.01}, "too_bright"),
        ({"contrast": FLAT - 0.01}, "low_contrast"),
        ({"turned_deg": TURNED_DEG + 1}, "turned_away"),
        ({"quantization": COARSE_STEP + 1}, "strongly_compressed"),
        ({"distance": 3.0, "distance_limit": 2.0}, "outside_training"),
        ({"flips_under": {"blur": "slight blur"}}, "flips"),
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


@pytest.mark.parametrize(
    "changes",
    [
        {"light": DARK},
        {"light": BRIGHT},
        {"contrast": FLAT},
        {"turned_deg": TURNED_DEG},
        {"quantization": COARSE_STEP},
        {"distance": 2.0, "distance_limit": 2.0},
        {"distance": 9.0},  # of a bundle that does not know its limits
    ],
)
def test_at_a_limit_there_is_no_warning_yet(changes):
    assert codes(**changes) == []


def test_a_warning_names_the_numbers_behind_it():
    (notice,) = notices(face_px=51.4)
    assert "51 px" in notice.message
    assert notice.values == {"face_px": 51.4, "limit": SMALL_FACE_PX}
    flips = {"jpeg_50": "JPEG of quality 50", "blur": "slight blur"}
    (notice,) = notices(flips_under=flips)
    assert "under JPEG of quality 50, slight blur:" in notice.message
    assert notice.values["codes"] == ["jpeg_50", "blur"]


def test_any_other_language_can_say_the_same():
    everything = notices(
        kind="image", face_px=20, sharpness=1, light=0.1, contrast=0.01, turned_deg=80, people=3,
        frames_seen=1, people_left_out=1, people_too_brief=1, faces_too_small=1, members=1,
        calibrated=False, trained_finder=False, quantization=40.0, distance=3.0,
        distance_limit=2.0, flips_under={"blur": "slight blur"},
    )  # fmt: skip
    assert {notice.code for notice in everything} == set(MESSAGES) - {"few_frames", "too_bright"}
    for notice in everything:
        assert notice.message == MESSAGES[notice.code].format(**notice.values)
        assert json.loads(json.dumps(notice.values)) == notice.values
        assert "{" not in notice.message


@pytest.mark.parametrize("nodded", [-20, 0, 20])
@pytest.mark.parametrize("turned", [-60, -30, -10, 0, 20, 45])
def test_a_turned_head_is_told_from_afar(turned, nodded):
    for tilted in (0, 25):
        found = turned_deg(photographed(turned, nodded, tilted))
        assert found == pytest.approx(abs(turned), abs=2.5)


def test_a_near_camera_costs_a_few_degrees():
    for turned in (0, 20, 40):
        found = turned_deg(photographed(turned, 10, distance=60))
        assert turned - 1 <= found <= turned + 8


def test_landmarks_that_fall_together_are_an_angle_too():
    assert turned_deg(np.zeros((3, 5, 2))).tolist() == [0, 0, 0]
    assert 0 <= turned_deg(photographed(90, 0)) <= 90


def test_light_and_contrast_are_those_of_the_box_alone():
    crops, boxes = np.zeros((3, 100, 100, 3), np.uint8), []
    for crop, level in zip(crops, (60, 100, 200), strict=True):
        crop[:] = 255
        crop[10:90, 20:80] = level  # a margin of 0.125 around a box of 60 x 80 px
        crop[10:90, 20:50] += 40
        boxes.append((500.0, 300.0, 620.0, 460.0))  # twice as large in the frame
    marks = np.stack([photographed(turned, 0) for turned in (5, 12, 40)])
    found = measure(crops, boxes, marks, margin=0.125)
    assert found.face_px == 160
    assert found.light == pytest.approx(120 / 255, abs=1e-6)
    assert found.contrast == pytest.approx(20 / 255, abs=1e-6)
    assert found.sharpness == pytest.approx(np.median([sharpness(crop) for crop in crops]))
    assert found.turned_deg == pytest.approx(12, abs=1)


def test_luma_weighs_colors_as_eyes_do():
    crop = np.zeros((1, 40, 40, 3), np.uint8)
    crop[..., 1] = 255
    found = measure(crop, [(0, 0, 10, 10)], photographed(0, 0)[None], margin=0.15)
    assert found.light == pytest.approx(0.587) and found.contrast == pytest.approx(0, abs=1e-6)


def test_a_box_that_fills_the_crop_is_all_of_it():
    crop = np.full((1, 33, 33, 3), 51, np.uint8)
    found = measure(crop, [(-5, -5, 28, 28)], photographed(0, 0)[None], margin=0.0)
    assert found.light == pytest.approx(0.2) and found.face_px == 33


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


def test_limits_of_a_bundle_name_its_training_data_and_its_rates():
    found = own_limits("portraits", (0.5, 0.05, 0.8), "20 clips.")
    lines = [template.format(**values) for template, values in found]
    assert lines[0].endswith("trained on: portraits.")
    assert "0.50, 5% of genuine and 80% of manipulated" in lines[1]
    assert lines[1].endswith("measured on 20 clips.")


def test_limits_of_a_bundle_invent_no_rates():
    assert len(list(own_limits("portraits", None, "20 clips"))) == 1
    assert list(own_limits("", None, "")) == []
