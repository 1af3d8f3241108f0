"""Weights of the face detectors: handed over only when their hash is the one that is known."""

import hashlib
import shutil
from pathlib import Path

import pytest

from awarenet import faces
from awarenet.errors import SettingsError
from awarenet.faces import create_face_finder
from awarenet.settings import FaceSettings


@pytest.fixture
def handed_over(monkeypatch):
    """Stand in for the library that would read the weights; note what it is given."""
    given = []

    def note(path, **_):
        given.append(path)
        return None, "cpu"

    monkeypatch.setattr(faces, "_open_session", note)
    return given


def large(path, **changes):
    return FaceSettings(detector="retinaface-resnet50", detector_weights=str(path), **changes)


def test_the_weights_that_ship_are_refused_once_a_bit_is_changed(
    tmp_path, monkeypatch, handed_over
):
    shipped = faces.WEIGHTS / "retinaface-mobilenet.onnx"
    changed = Path(shutil.copy(shipped, tmp_path))
    monkeypatch.setattr(faces, "WEIGHTS", tmp_path)
    create_face_finder(FaceSettings())
    assert len(handed_over) == 1
    content = bytearray(shipped.read_bytes())
    content[-9] ^= 1
    changed.write_bytes(content)
    with pytest.raises(SettingsError, match="has SHA-256 .*expected b7a7acab55e1"):
        create_face_finder(FaceSettings())
    assert len(handed_over) == 1


def test_weights_of_ones_own_need_a_hash_that_is_theirs(tmp_path, handed_over):
    path = tmp_path / "retinaface.onnx"
    path.write_bytes(b"whoever made these")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    for settings in (large(path), large(path, detector_sha256="0" * 64)):
        with pytest.raises(SettingsError, match="SHA-256|bytes, expected about"):
            create_face_finder(settings)
    with path.open("r+b") as file:  # of the right size too, and still nobody's
        file.truncate(faces.RESNET50_BYTES)
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(SettingsError, match=f"this file has {whole}"):
        create_face_finder(large(path))
    with pytest.raises(SettingsError, match=f"has SHA-256 {whole[:12]}"):
        create_face_finder(large(path, detector_sha256=right))
    assert not handed_over
    create_face_finder(large(path, detector_sha256=whole))
    assert handed_over == [path]
