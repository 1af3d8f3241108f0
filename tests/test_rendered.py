"""Computer-made people: the z-buffer and the mesh behind them, and the clips that ship."""

import gzip
import json

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awarenet.answers import EXAMPLES
from awarenet.faces import create_face_finder
from trainer.portraits.rendered.__main__ import BLINKS, RATE, SECONDS, perform, swap
from trainer.portraits.rendered.film import develop
from trainer.portraits.rendered.light import sphere
from trainer.portraits.rendered.mesh import DRAWN, LASHES, read_mesh, turned
from trainer.portraits.rendered.raster import rasterize

SIDE = 40
places = st.floats(-5, SIDE + 5, width=32)
corners = st.lists(st.tuples(places, places), min_size=3, max_size=3)


def flat(points, depth=1.0):
    return np.array([[x, y, depth] for x, y in points], np.float32)


@given(corners)
def test_a_triangle_covers_the_pixels_whose_middle_lies_in_it(points):
    triangle = np.array(points, np.float32)
    cover = rasterize(flat(points), np.array([[0, 1, 2]]), SIDE, SIDE, both_sides=True)
    covered = np.zeros(SIDE * SIDE, bool)
    covered[cover.pixels] = True
    for pixel in range(SIDE * SIDE):
        middle = (pixel % SIDE + 0.5, pixel // SIDE + 0.5)
        inside = cv2.pointPolygonTest(triangle, middle, True)
        assert abs(inside) < 0.01 or covered[pixel] == (inside > 0)


@given(corners)
def test_what_is_spread_over_a_triangle_is_linear(points):
    cover = rasterize(flat(points), np.array([[0, 1, 2]]), SIDE, SIDE, both_sides=True)
    spread = cover.spread(np.array(points, np.float32), np.array([[0, 1, 2]]))
    middles = np.stack([cover.pixels % SIDE, cover.pixels // SIDE], 1) + 0.5
    sharp = cv2.contourArea(np.array(points, np.float32)) > 1  # else rounding decides
    assert not sharp or np.allclose(spread, middles, atol=0.05)


def test_two_triangles_make_a_square_without_a_gap_and_the_nearer_square_wins():
    square = [(4, 4), (4, 30), (30, 30), (30, 4)]
    points = np.concatenate([flat(square, 2), flat([(x + 10, y) for x, y in square], 1)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    cover = rasterize(points, triangles, SIDE, SIDE)
    columns, nearer = cover.pixels % SIDE, cover.triangles >= 2
    assert len(cover.pixels) == len(set(cover.pixels)) == 36 * 26
    assert (nearer == (columns >= 14)).all()
    assert np.isfinite(cover.depth).sum() == 36 * 26
    assert cover.depth.min() == pytest.approx(1)
    assert len(rasterize(points, triangles[:, ::-1], SIDE, SIDE).pixels) == 0  # seen from behind


def test_the_directions_of_the_sphere_favor_none():
    directions = sphere()
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    assert np.allclose(directions.T @ directions / len(directions), np.eye(3) / 3, atol=0.01)


def test_black_stays_black_and_brighter_light_is_never_darker():
    steps = develop(np.linspace(0, 40, 500)).astype(int)
    assert steps[0] == 0 and steps[-1] == 255 and (np.diff(steps) >= 0).all()


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """MPFB2's layout in little: every group is one small square, each at its own height."""
    folder = tmp_path_factory.mktemp("mpfb2")
    sides = ("l-eye", "r-eye", "l-shoulder", "r-shoulder", "neck", "head")
    lines, number = [], 0
    for row, name in enumerate([*DRAWN, *LASHES, *(f"joint-{side}" for side in sides)]):
        lines.append(f"g {name}")
        for x, y in ((-1, 0), (1, 0), (1, 1), (-1, 1)):
            lines += [f"v {x / 10} {5 + (row + y) / 5} 0", f"vt {(x + 1) / 2} {y}"]
        ends = [f"{number + k}/{number + k}" for k in range(1, 5)]
        lines.append(f"f {' '.join(ends)}")
        number += 4
    for part in ("3dobjs", "rigs/standard", "textures", "targets/head"):
        (folder / part).mkdir(parents=True)
    (folder / "3dobjs/base.obj").write_text("\n".join(lines))
    weights = {"head": [[0, 1.0]], "neck02": [[1, 1.0]], "spine01": [[2, 1.0]], "toe1": []}
    (folder / "rigs/standard/weights.default.json").write_text(json.dumps({"weights": weights}))
    for name in ("lips", "ears", "eyelids", "inside-mouth"):
        mask = np.zeros((8, 8), np.uint8)
        mask[:, 4:] = 255
        cv2.imwrite(str(folder / f"textures/mpfb_{name}.jpg"), mask)
    with gzip.open(folder / "targets/head/head-oval.target.gz", "wt") as target:
        target.write("# one point\n3 0 .5 -.25\n")
    return read_mesh(folder)


def test_a_mesh_is_read_with_its_masks_and_its_shares_of_the_heads_turn(mesh):
    assert len(mesh.points) == 4 * len(mesh.groups)
    assert np.array_equal(mesh.turn[:4], [1, 0.5, 0, 0])
    assert (mesh.turn[np.unique(mesh.groups["helper-l-eye"])] == 1).all()
    assert mesh.masks["lips"][[0, 1]] == pytest.approx([0, 1], abs=0.05)  # left, right


def test_a_target_moves_its_points_by_its_weight(mesh):
    moved = mesh.shape({"head/head-oval": 2.0}) - mesh.shape({})
    assert moved[3] == pytest.approx([0, 1, -0.5])
    assert not np.delete(moved, 3, axis=0).any()


def test_a_head_that_yaws_takes_along_what_belongs_to_it_alone(mesh):
    points = mesh.shape({})
    posed = mesh.posed(points, {}, (np.pi / 2, 0, 0), 0)
    right = posed[0]  # of the person; it comes forward
    assert right == pytest.approx([0, points[0, 1], 0.1], abs=1e-6)
    assert posed[2] == pytest.approx(points[2], abs=1e-6)


@given(st.floats(-3, 3), st.sampled_from([0, 1, 2]))
def test_a_turn_keeps_distances_and_its_axis(angle, axis):
    points = np.random.default_rng(1).normal(size=(5, 3))
    out = turned(points, np.full(5, angle), axis, points[0])
    away = np.linalg.norm(points - points[0], axis=1)
    assert np.allclose(np.linalg.norm(out - points[0], axis=1), away, atol=1e-5)
    assert np.allclose(out[:, axis], points[:, axis], atol=1e-5)


def test_the_speaker_blinks_when_said_and_never_shuts_the_eyes_otherwise():
    moments = perform(RATE * SECONDS)
    shut = np.array([moment.expression["eye-left-closure"] for moment in moments])
    times = np.arange(len(moments)) / RATE
    near = np.abs(times[:, None] - BLINKS).min(1)
    assert shut[near < 0.03].min() > 0.9 and shut[near > 0.15].max() < 0.01


def test_a_frame_without_a_face_is_not_swapped():
    blank = [np.full((120, 160, 3), shade, np.uint8) for shade in (40, 90)]
    out = swap(blank, blank[::-1], create_face_finder())
    assert [np.array_equal(a, b) for a, b in zip(out, blank, strict=True)] == [True, True]


@pytest.mark.parametrize("name", ["rendered", "rendered_swapped"])
def test_in_the_clips_that_ship_the_finder_finds_the_one_face(name):
    path, finder = EXAMPLES / f"{name}.mp4", create_face_finder()
    assert path.stat().st_size < 350_000
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 640, 360)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == RATE * SECONDS
    assert all(len(finder.find(frame)) == 1 for frame in frames[::8])


def test_swapping_the_clip_changes_the_face_and_nothing_around_it():
    kept, swapped = (
        av.open(str(EXAMPLES / f"{name}.mp4")) for name in ("rendered", "rendered_swapped")
    )
    with kept, swapped:
        first, other = (
            next(clip.decode(video=0)).to_ndarray(format="rgb24") for clip in (kept, swapped)
        )
    (face,) = create_face_finder().find(first)
    x0, y0, x1, y1 = (int(edge) for edge in face.box)
    away = np.abs(first.astype(int) - other).mean(2)
    around = np.ones(away.shape, bool)
    around[max(y0 - 30, 0) : y1 + 30, x0 - 30 : x1 + 30] = False
    assert away[y0:y1, x0:x1].mean() > 3 and away[around].mean() < 0.5  # the encoder's own
