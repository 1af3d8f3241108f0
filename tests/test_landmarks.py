"""Landmarks of a face and its eyelids, on a photograph whose eyes are known."""

import threading

import cv2
import numpy as np
import pytest
from blinking import close_eyes, portrait

from awarenet import landmarks
from awarenet.blinks import measure_openness
from awarenet.errors import AwareNetError
from awarenet.faces import create_face_finder
from awarenet.landmarks import (
    EYES,
    PRESENT,
    cut_eyes,
    find_landmarks,
    five_points,
    trace_eyelids,
    trace_face,
)


@pytest.fixture(scope="module")
def seen():
    """A photograph, its face and its mesh."""
    image = portrait()
    (face,) = create_face_finder().find(image)
    return image, face, find_landmarks(image, face)


def test_the_meshs_five_points_are_the_detectors(seen):
    _, face, mesh = seen
    assert np.abs(five_points(mesh) - face.landmarks).max() < 0.06 * face.side_px


def test_lids_run_from_corner_to_corner_below_then_above_in_both_eyes(seen):
    image, face, mesh = seen
    lids = trace_eyelids(image, mesh)
    assert lids.shape == (2, 15, 2)
    corners = mesh[list(EYES)].reshape(2, 2, 2)
    for eye, (at_left, at_right), outer in zip(lids, corners, (0, 1), strict=True):
        ends = (at_left, at_right) if outer == 0 else (at_right, at_left)  # temple, then nose
        assert np.abs(eye[[0, 8]] - np.stack(ends)).max() < 0.04 * face.side_px
        assert eye[1:8, 1].mean() > eye[9:, 1].mean() + 2  # px: the lower lid is lower
    assert measure_openness(lids) == pytest.approx([0.26, 0.26], abs=0.05)


def test_a_mirrored_picture_has_mirrored_lids(seen):
    image, face, mesh = seen
    mirrored = np.ascontiguousarray(image[:, ::-1])
    (other,) = create_face_finder().find(mirrored)
    lids = trace_eyelids(mirrored, find_landmarks(mirrored, other))
    back = np.stack([image.shape[1] - 1 - lids[..., 0], lids[..., 1]], -1)[::-1]
    assert np.abs(back - trace_eyelids(image, mesh)).max() < 0.04 * face.side_px


def test_lids_follow_a_picture_that_is_turned(seen):
    image, face, mesh = seen
    matrix = cv2.getRotationMatrix2D((120, 120), 25, 1.0)
    turned = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.transform(mesh[None], matrix)[0]
    expected = cv2.transform(trace_eyelids(image, mesh), matrix)
    assert np.abs(trace_eyelids(turned, moved) - expected).max() < 0.03 * face.side_px


def test_painted_lids_close_both_eyes_and_leave_the_mesh_where_it_was(seen):
    image, face, mesh = seen
    closed = close_eyes(image, trace_eyelids(image, mesh))
    other, presence = trace_face(closed, face)
    assert presence > PRESENT
    assert np.abs(other - mesh).mean() < 0.02 * face.side_px
    opened = measure_openness(trace_eyelids(image, mesh))
    assert (measure_openness(trace_eyelids(closed, other)) < 0.6 * opened).all()


def test_where_there_is_no_face_none_is_present(seen):
    image, face, _ = seen
    assert trace_face(image, face)[1] > 2 * PRESENT
    assert trace_face(np.full_like(image, 128), face)[1] < PRESENT
    assert trace_face(image[::-1].copy(), face)[1] < PRESENT


def test_threads_that_share_the_networks_get_what_they_asked_for(seen):
    image, face, mesh = seen
    shifted = np.roll(image, 12, axis=1)
    moved = mesh + np.array([12, 0], np.float32)
    wrong = []

    def look(picture, points):
        expected = trace_eyelids(picture, points)
        for _ in range(6):
            if not np.array_equal(trace_eyelids(picture, points), expected):
                wrong.append(True)

    threads = [
        threading.Thread(target=look, args=pair) for pair in ((image, mesh), (shifted, moved)) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("name", "digest"), [(landmarks.FACE_MESH, "2efcb4"), (landmarks.IRIS, "d1744d")]
)
def test_another_file_in_place_of_a_network_is_refused(tmp_path, monkeypatch, name, digest):
    monkeypatch.setattr(landmarks, "WEIGHTS", tmp_path)
    landmarks._network.cache_clear()
    (tmp_path / name).write_bytes(b"something else")
    try:
        with pytest.raises(AwareNetError, match=rf"{name}: .*, expected SHA-256 {digest}"):
            landmarks._network(name)
        (tmp_path / name).unlink()
        with pytest.raises(AwareNetError, match="no file, expected SHA-256"):
            landmarks._network(name)
    finally:
        landmarks._network.cache_clear()


def drawn_eyes(height: float, turned: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Two black diamonds on white, 60 px wide, and their lids; both turned by as many degrees."""
    lids = []
    for center in ((70, 100), (170, 100)):
        x = np.concatenate([np.linspace(-30, 30, 9), np.linspace(30, -30, 8)[1:-1]])
        y = (1 - np.abs(x) / 30) * height / 2 * np.where(np.arange(15) < 9, 1, -1)
        lids.append(np.stack([x + center[0], y + center[1]], -1))
    lids[1] = lids[1] * [-1, 1] + [340, 0]  # from the temple, which is at the right, to the nose
    matrix = cv2.getRotationMatrix2D((120, 100), turned, 1.0)
    lids = cv2.transform(np.stack(lids), matrix)
    image = np.full((200, 240, 3), 255, np.uint8)
    for eye in lids:
        cv2.fillPoly(image, [np.round(eye * 16).astype(np.int32)], (0, 0, 0), cv2.LINE_AA, 4)
    return image, lids.astype(np.float32)


@pytest.mark.parametrize("turned", [0, 20, -35])
def test_eyes_are_cut_out_level_with_the_published_margins(turned):
    image, lids = drawn_eyes(24, turned)
    crops = cut_eyes(image, lids, side=180)
    assert crops.shape == (2, 180, 180, 3)
    for crop in crops:
        dark = crop[..., 0] < 128
        columns, rows = np.flatnonzero(dark.any(0)), np.flatnonzero(dark.any(1))
        # the box is 1.5 widths wide and 4.5 heights high
        assert (columns[0], columns[-1]) == pytest.approx((30, 150), abs=4)
        assert (rows[0], rows[-1]) == pytest.approx((70, 110), abs=4)


def test_a_closed_eye_is_cut_out_too():
    image, lids = drawn_eyes(0)
    crops = cut_eyes(image, lids)
    assert crops.shape == (2, 224, 224, 3)
    assert (crops > 200).mean() > 0.9


def test_the_eyes_of_a_photograph_are_in_the_middle_of_their_crops(seen):
    image, _, mesh = seen
    crops = cut_eyes(image, trace_eyelids(image, mesh), side=96)
    for crop in crops:
        dark = crop.mean(axis=2)
        assert dark[38:58, 30:66].mean() < dark[:20].mean()  # the iris is darker than the brow bone
    mirrored = cut_eyes(
        np.ascontiguousarray(image[:, ::-1]),
        np.stack([image.shape[1] - 1 - trace_eyelids(image, mesh)[..., 0],
                  trace_eyelids(image, mesh)[..., 1]], -1)[::-1].copy(),
        side=96,
    )  # fmt: skip
    difference = np.abs(mirrored[::-1, :, ::-1].astype(int) - crops)
    assert np.median(difference) < 12
