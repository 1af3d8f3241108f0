"""Parts of a face that are blanked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import real_scene, row

from awarenet.landmarks import OVAL
from trainer.augmentation.cut_outs import KINDS, CutOut, cut_out, draw_cut_out, known_points

SIDE = 128
BOX = (34.0, 24.0, 94.0, 104.0)
POINTS = np.array([[50.0, 50], [78, 52], [64, 70], [54, 84], [75, 85]])
GRAY = np.full((SIDE, SIDE, 3), 90, np.uint8)


def hole(kind: str, points: np.ndarray | None = POINTS, **values: object) -> np.ndarray:
    """(SIDE, SIDE) bool, where a gray scene was blanked."""
    conditions = replace(CutOut(kind, 0, (0.5, 0.5), (0.3, 0.2)), **values)
    found = cut_out(GRAY, conditions, BOX, points)
    assert set(np.unique(found)) <= {0, 90}
    return (found == 0).all(axis=2)


def at(mask: np.ndarray, point: np.ndarray) -> bool:
    x, y = np.round(point).astype(int)
    return bool(mask[y, x])


@pytest.mark.parametrize(
    ("kind", "gone", "kept"),
    [("eyes", (0, 1), (2, 3, 4)), ("nose", (2,), (0, 1, 3, 4)), ("mouth", (3, 4), (0, 1, 2))],
)
def test_a_part_goes_and_the_others_stay(kind, gone, kept):
    mask = hole(kind)
    assert all(at(mask, POINTS[index]) for index in gone)
    assert not any(at(mask, POINTS[index]) for index in kept)
    assert 0.01 < mask.mean() < 0.12


def test_a_line_is_as_thick_as_the_face_is_large():
    distance = np.linalg.norm(POINTS[1] - POINTS[0])
    column = hole("eyes")[:, 64]
    assert column.sum() == pytest.approx(distance / 2, abs=2)
    larger = 64 + (POINTS - 64) * 1.5
    assert hole("eyes", larger).sum() == pytest.approx(hole("eyes").sum() * 1.5**2, rel=0.1)


@pytest.mark.parametrize("points", [None, np.empty((0, 2))])
def test_without_points_they_are_where_faces_have_them(points):
    mask = hole("eyes", points)
    assert at(mask, np.array([34 + 0.27 * 60, 24 + 0.4 * 80]))
    assert not at(mask, np.array([64, 24 + 0.7 * 80]))


@pytest.mark.parametrize("points", [None, POINTS, "mesh"])
def test_halves_are_of_the_face_and_make_it_whole(points):
    mesh = real_scene("astronaut", SIDE)[1]
    points = mesh if isinstance(points, str) else points
    halves = [hole("half", points, side=side) for side in range(4)]
    for one, other in (halves[:2], halves[2:]):
        assert not (one & other).any()
    whole = halves[0] | halves[1]
    assert np.array_equal(whole, halves[2] | halves[3])
    shares = np.array([half.sum() for half in halves]) / whole.sum()
    assert (np.abs(shares - 0.5) < 0.15).all()
    across = [np.argwhere(half).mean(0) for half in halves]  # y, x of each
    assert across[0][1] < across[1][1]
    assert across[2][0] < across[3][0]
    if points is mesh:
        low, high = mesh[list(OVAL)].min(0), mesh[list(OVAL)].max(0)
        ys, xs = np.nonzero(whole)
        assert [xs.min(), ys.min(), xs.max(), ys.max()] == pytest.approx([*low, *high], abs=1.5)


def test_a_patch_has_its_place_and_size():
    ys, xs = np.nonzero(hole("patch", center=(0.25, 0.75), size=(0.3, 0.2)))
    assert [xs.mean(), ys.mean()] == pytest.approx([34 + 15, 24 + 60], abs=0.6)
    assert [np.ptp(xs), np.ptp(ys)] == pytest.approx([24, 16], abs=1)


def test_a_mesh_says_where_parts_are():
    scene, mesh = real_scene("hopper", SIDE)
    for kind, index in (("eyes", 33), ("nose", 1), ("mouth", 61)):
        found = cut_out(scene, CutOut(kind, 0, (0, 0), (0.1, 0.1)), BOX, mesh)
        x, y = np.round(mesh[index]).astype(int)
        assert (found[y, x] == 0).all()


@given(st.integers(0, 2**32), st.floats(-60, 160), st.floats(-60, 160), st.floats(1, 200))
@settings(max_examples=150, deadline=None)
def test_faces_that_reach_past_their_scene_are_cut_out_too(seed, x, y, length):
    conditions = draw_cut_out(np.random.default_rng(seed))
    before = GRAY.copy()
    found = cut_out(GRAY, conditions, (x, y, x + length * 0.8, y + length), None)
    assert found.shape == GRAY.shape
    assert np.array_equal(GRAY, before)


def test_every_part_goes_at_times():
    drawn = [draw_cut_out(np.random.default_rng(seed)) for seed in range(500)]
    counts = [sum(one.kind == kind for one in drawn) for kind in KINDS]
    assert min(counts) > 60
    assert {one.side for one in drawn} == {0, 1, 2, 3}


def test_points_of_a_row_are_its_mesh_or_its_landmarks_or_none():
    known = row("a")
    assert known_points(known) is known.mesh
    five = known_points(replace(known, mesh=None))
    assert five.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert known_points(replace(known, mesh=None, landmarks=())) is None
