"""Where a face detector runs: on a GPU only if it really does."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from awarenet import faces
from awarenet.faces import create_face_finder

PHOTO = Path(__file__).parent / "photos" / "astronaut.jpg"


class Session:
    """Notes what it was opened with; has those providers that could be loaded."""

    loads: tuple[str, ...] = (faces.CUDA, "CPUExecutionProvider")

    def __init__(self, path, options, providers):
        self.asked = providers

    def get_providers(self) -> list[str]:
        names = [each if isinstance(each, str) else each[0] for each in self.asked]
        return [name for name in names if name in self.loads]


@pytest.fixture
def offered(monkeypatch):
    """Have onnxruntime offer these providers."""

    def offer(*names: str) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(names))
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)

    return offer


def asked(finder) -> list[str]:
    return [each if isinstance(each, str) else each[0] for each in finder._session.asked]


@pytest.mark.parametrize(("device", "index"), [("cuda", "0"), ("cuda:0", "0"), ("cuda:3", "3")])
def test_a_detector_runs_on_the_gpu_that_the_networks_run_on(offered, device, index):
    offered(faces.CUDA, "CPUExecutionProvider")
    finder = create_face_finder(device=device)
    assert finder.device == "cuda"
    assert asked(finder) == [faces.CUDA, "CPUExecutionProvider"]
    assert finder._session.asked[0][1]["device_id"] == index


def test_without_a_gpu_in_the_networks_the_detector_leaves_it_alone(offered):
    offered(faces.CUDA, "CPUExecutionProvider")
    for finder in (create_face_finder(), create_face_finder(device="cpu")):
        assert finder.device == "cpu"
        assert asked(finder) == ["CPUExecutionProvider"]


def test_an_onnxruntime_without_cuda_finds_faces_on_the_cpu(offered):
    offered("CPUExecutionProvider")
    finder = create_face_finder(device="cuda")
    assert finder.device == "cpu"
    assert asked(finder) == ["CPUExecutionProvider"]


def test_a_gpu_that_could_not_be_loaded_is_not_claimed(offered, monkeypatch):
    offered(faces.CUDA, "CPUExecutionProvider")
    monkeypatch.setattr(Session, "loads", ("CPUExecutionProvider",))
    assert create_face_finder(device="cuda").device == "cpu"


def test_the_real_detector_says_where_it_runs():
    assert create_face_finder().device == "cpu"


@pytest.mark.gpu
def test_a_gpu_finds_the_faces_that_the_cpu_finds():
    if faces.CUDA not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built without CUDA")
    image = np.ascontiguousarray(cv2.imread(str(PHOTO))[:, :, ::-1])
    (expected,), (found,) = (
        create_face_finder(device=device).find(image) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(found.box, expected.box, atol=1)
    assert found.score == pytest.approx(expected.score, abs=0.01)
