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
from awarenet.landmarks import EYES, PRESENT, find_landmarks, five_points, trace_eyelids, trace_face


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
