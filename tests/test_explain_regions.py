"""Parts of a face on photographs, on drawn meshes, and what is no face."""

import cv2
import numpy as np
import pytest
from blinking import portrait

from awarenet.explain import REGIONS, draw_regions, find_regions, region_areas, region_shares
from awarenet.explain import regions as regions_of
from awarenet.explain.regions import find_mesh
from awarenet.faces import Face, create_face_finder, crop_face
from awarenet.landmarks import find_landmarks

MARGIN, SIDE = 0.4, 192


@pytest.fixture(scope="module")
def photo() -> tuple[np.ndarray, Face]:
    image = portrait()
    (face,) = create_face_finder().find(image)
    return image, face


@pytest.fixture(scope="module")
def crop(photo) -> np.ndarray:
    return crop_face(photo[0], photo[1].box, margin=MARGIN, side=SIDE)


@pytest.fixture(scope="module")
def regions(crop) -> dict[str, np.ndarray]:
    return find_regions(crop, MARGIN)


def turn(image: np.ndarray, degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(((len(image) - 1) / 2,) * 2, degrees, 1.0)
    return cv2.warpAffine(
        image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def center(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_every_pixel_is_in_exactly_one_region(regions):
    assert tuple(regions) == REGIONS
    assert {mask.shape for mask in regions.values()} == {(SIDE, SIDE)}
    assert (sum(mask.astype(int) for mask in regions.values()) == 1).all()
    assert all(mask.any() for mask in regions.values())


def test_eyes_nose_and_mouth_lie_where_the_detector_saw_them(photo, regions):
    scale = SIDE / (photo[1].side_px * (1 + 2 * MARGIN))
    x0, y0, x1, y1 = photo[1].box
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    marks = (photo[1].landmarks - middle) * scale + SIDE / 2
    columns, rows = np.round(marks).astype(int).T
    for name, places in (("eyes", (0, 1)), ("nose", (2,))):
        assert regions[name][rows[list(places)], columns[list(places)]].all()
    assert np.abs(center(regions["mouth"]) - marks[3:].mean(0)).max() < 0.05 * SIDE


def test_regions_stand_above_each_other_as_in_a_face(regions):
    names = ("forehead", "eyes", "nose", "mouth", "chin")
    heights = [center(regions[name])[1] for name in names]
    assert heights == sorted(heights)
    assert np.abs(center(regions["rim"]) - center(regions["nose"])).max() < 0.15 * SIDE
    edge = np.ones((SIDE, SIDE), bool)
    edge[4:-4, 4:-4] = False
    assert regions["outside"][edge].mean() > 0.9


@pytest.mark.parametrize("degrees", [20, -35, 55])
def test_regions_turn_with_the_head(crop, regions, degrees):
    turned = find_regions(turn(crop, degrees), MARGIN)
    for name in ("eyes", "nose", "mouth", "rim"):
        expected = turn(regions[name].astype(np.uint8), degrees) > 0
        assert overlap(turned[name], expected) > 0.6, name


def test_a_mirrored_face_has_mirrored_regions(crop, regions):
    mirrored = find_regions(np.ascontiguousarray(crop[:, ::-1]), MARGIN)
    for name, mask in regions.items():
        assert overlap(mirrored[name][:, ::-1], mask) > 0.6, name


def test_the_mesh_on_a_crop_is_the_mesh_on_the_frame(photo, crop):
    x0, y0, x1, y1 = photo[1].box
    scale = SIDE / (photo[1].side_px * (1 + 2 * MARGIN))
    expected = find_landmarks(*photo)
    placed = (expected - [(x0 + x1) / 2, (y0 + y1) / 2]) * scale + SIDE / 2
    assert np.abs(find_mesh(crop, MARGIN) - placed).mean() < 0.015 * SIDE


@pytest.mark.parametrize("kind", ["flat", "noise", "stripes", "far_off"])
def test_without_a_face_there_are_no_regions(crop, kind):
    picture = {
        "flat": np.full_like(crop, 128),
        "noise": np.random.default_rng(0).integers(0, 256, crop.shape, np.uint8),
        "stripes": np.repeat(crop[:1], SIDE, axis=0),
        "far_off": np.roll(crop, (SIDE // 2, SIDE // 2), (0, 1)),
    }[kind]
    assert find_regions(picture, MARGIN) is None


def test_a_mesh_much_smaller_than_the_face_that_was_found_is_no_answer(crop):
    small = np.full_like(crop, 128)
    start, end = SIDE // 4, 3 * SIDE // 4
    small[start:end, start:end] = cv2.resize(crop, (SIDE // 2, SIDE // 2))
    assert find_regions(small, MARGIN) is None


@pytest.mark.parametrize(
    ("size", "shift", "believed"),
    [(1, 0, True), (0.6, 0, False), (1.6, 0, False), (1, 0.2, True), (1, 0.4, False)],
)
def test_a_mesh_that_slipped_off_the_face_is_not_believed_however_sure(
    crop, monkeypatch, size, shift, believed
):
    mesh = find_mesh(crop, MARGIN)
    middle = (mesh.min(0) + mesh.max(0)) / 2
    face_px = SIDE / (1 + 2 * MARGIN)
    moved = ((mesh - middle) * size + SIDE / 2 + [0, shift * face_px]).astype(np.float32)
    monkeypatch.setattr(regions_of, "trace_face", lambda *_: (moved, 50.0))
    assert (find_regions(crop, MARGIN) is not None) is believed


def test_shares_of_heat_are_counted_pixel_by_pixel(regions):
    heat = np.zeros((SIDE, SIDE), np.float32)
    rows, columns = (np.argwhere(regions[name])[0] for name in ("mouth", "rim"))
    heat[tuple(rows)], heat[tuple(columns)] = 0.75, 0.25
    shares = region_shares({"a": heat, "nothing": heat * 0}, regions)
    assert set(shares) == {"a"}
    assert shares["a"] == {**dict.fromkeys(REGIONS, 0.0), "mouth": 0.75, "rim": 0.25}


def test_even_heat_has_the_areas_shares_and_any_heat_sums_to_1(regions):
    flat = np.ones((SIDE, SIDE), np.float32)
    noise = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)
    shares = region_shares({"flat": flat, "noise": noise}, regions)
    assert shares["flat"] == pytest.approx(region_areas(regions))
    for each in shares.values():
        assert sum(each.values()) == pytest.approx(1, abs=1e-9)


def test_a_face_turned_to_its_side_still_has_every_pixel_in_one_region(crop):
    mesh = find_mesh(crop, MARGIN)
    middle = mesh[:, 0].mean()
    squeezed = np.column_stack([middle + np.abs(mesh[:, 0] - middle), mesh[:, 1]])  # folded over
    drawn = draw_regions(squeezed.astype(np.float32), SIDE)
    assert (sum(mask.astype(int) for mask in drawn.values()) == 1).all()
