"""Find faces in a frame and cut them out; the one crop that trainer, page and command line share.

Two detectors stand behind one protocol: RetinaFace with a MobileNet-0.25 backbone, whose 1.7 MB of
weights ship in `assets/faces/` (the default, about 20 ms a frame), and RetinaFace with a ResNet-50
backbone from the `retina-face` package, whose weights the user brings.
Source of both: Deng et al., RetinaFace, 2020, https://arxiv.org/abs/1905.00641.

RGB comes in; the BGR that both networks were trained on stays inside this file.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from awarenet.errors import SettingsError
from awarenet.hashing import hash_file
from awarenet.settings import FaceSettings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in px of the frame; may reach past it

WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "faces"
MOBILENET_SHA256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"
RESNET50_BYTES = 117_000_000  # about; a file that is far smaller is a broken download
CUDA = "CUDAExecutionProvider"  # onnxruntime's name of a GPU
NMS_IOU = 0.4  # as both networks were published
BGR_MEAN = np.array([104.0, 117.0, 123.0], np.float32)


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    `landmarks` is (5, 2) float32 in px of the frame: the eye at the left of the picture, the eye
    at the right, nose tip, mouth corner at the left, mouth corner at the right.
    """

    box: Box
    score: float
    landmarks: np.ndarray

    @property
    def side_px(self) -> float:
        """Longer side of the box, px."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


class FaceFinder(Protocol):
    """What a face detector has to offer."""

    name: str

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a (H, W, 3) uint8 RGB frame, surest first."""
        ...


class RetinaFaceMobileNet:
    """The embedded detector: RetinaFace, MobileNet-0.25, 0.42 M parameters, on onnxruntime."""

    name = "retinaface-mobilenet"

    def __init__(self, settings: FaceSettings, device: str = "cpu"):
        path = WEIGHTS / "retinaface-mobilenet.onnx"
        _check_hash(path, MOBILENET_SHA256)
        # small frames: more threads only get in each other's way
        self._session, self.device = _open_session(path, threads=1, device=device)
        self._settings = settings

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a (H, W, 3) uint8 RGB frame, surest first."""
        small, scale = _shrink(image, self._settings.detect_long_side_px)
        height, width = small.shape[:2]
        bgr = np.empty((1, 3, height, width), np.float32)
        for plane, mean in enumerate(BGR_MEAN):  # one by one: a seventh of the time is saved
            np.subtract(small[:, :, 2 - plane], mean, out=bgr[0, plane])
        loc, conf, marks = self._session.run(None, {"input": bgr})
        conf = conf.reshape(-1, 2)
        keep = np.flatnonzero(conf[:, 1] >= self._settings.min_score)
        if keep.size == 0:
            return []
        priors = _priors(height, width)[keep]
        size = np.array([width, height], np.float32)
        centers = priors[:, :2] + loc.reshape(-1, 4)[keep, :2] * 0.1 * priors[:, 2:]
        sides = priors[:, 2:] * np.exp(loc.reshape(-1, 4)[keep, 2:] * 0.2)
        corners = np.hstack([centers - sides / 2, centers + sides / 2]) * np.tile(size, 2)
        points = priors[:, None, :2] + marks.reshape(-1, 5, 2)[keep] * 0.1 * priors[:, None, 2:]
        scores = conf[keep, 1]
        xywh = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
        chosen = cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), self._settings.min_score, NMS_IOU)
        return [
            Face(
                tuple(float(v) for v in corners[i] / scale),
                float(scores[i]),
                (points[i] * size / scale).astype(np.float32),
            )
            for i in np.asarray(chosen, int).ravel()
        ]


class RetinaFaceResNet50:
    """The large detector of the `retina-face` package, on its ONNX back end.

    Its own loader fetches weights without a check; here a file has to be there already, and is
    handed over only when its SHA-256 is the one that the settings name.
    """

    name = "retinaface-resnet50"

    def __init__(self, settings: FaceSettings, device: str = "cpu"):
        home = Path(os.environ.get("DEEPFACE_HOME") or Path.home())
        default = home / ".deepface" / "weights" / "retinaface.onnx"
        path = Path(settings.detector_weights or default)
        if not path.is_file():
            raise SettingsError(
                f"no weights for {self.name} at {path.name}; put the retina-face package's "
                "retinaface.onnx there, or set faces.detector='retinaface-mobilenet'"
            )
        if path.stat().st_size < RESNET50_BYTES * 0.9 and not settings.detector_sha256:
            raise SettingsError(
                f"{path.name} is {path.stat().st_size:,} bytes, expected about "
                f"{RESNET50_BYTES:,}; fetch it again"
            )
        if not settings.detector_sha256:
            raise SettingsError(
                f"set faces.detector_sha256 to the SHA-256 you trust for {path.name}; "
                f"this file has {hash_file(path)}"
            )
        _check_hash(path, settings.detector_sha256)
        os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "onnx")
        os.environ.setdefault("RETINAFACE_LOG_LEVEL", "40")
        # a worker has siblings on the other cores; 0: all of them
        alone = multiprocessing.parent_process() is None
        threads = 0 if alone else 1
        self._session, self.device = _open_session(path, threads=threads, device=device)
        self._settings = settings

    def _network(self, tensor: np.ndarray) -> list[np.ndarray]:
        name = self._session.get_inputs()[0].name
        return self._session.run(None, {name: np.asarray(tensor, np.float32)})

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a (H, W, 3) uint8 RGB frame, surest first."""
        from retinaface import RetinaFace

        small, scale = _shrink(image, self._settings.detect_long_side_px)
        found = RetinaFace.detect_faces(
            np.ascontiguousarray(small[:, :, ::-1]),  # arrays only: a string would be fetched
            threshold=self._settings.min_score,
            model=self._network,
            allow_upscaling=False,
        )
        faces = []
        for row in found.values() if isinstance(found, dict) else ():
            marks = row["landmarks"]
            order = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
            points = np.array([marks[key] for key in order], np.float32) / scale
            box = tuple(float(v) / scale for v in row["facial_area"])
            faces.append(Face(box, float(row["score"]), points))
        return sorted(faces, key=lambda face: -face.score)


FACE_FINDERS = {finder.name: finder for finder in (RetinaFaceMobileNet, RetinaFaceResNet50)}


def create_face_finder(settings: FaceSettings | None = None, device: str = "cpu") -> FaceFinder:
    """Build the detector that the settings name.

    Args:
        settings: None: the defaults.
        device: cpu, cuda or cuda:N, as the networks have it; where onnxruntime has no CUDA, the
            detector runs on the CPU. Its `device`, cpu or cuda, says where it does.

    Raises:
        SettingsError: Its weights are missing or are not the ones expected.
    """
    settings = settings or FaceSettings()
    return FACE_FINDERS[settings.detector](settings, device)


def square_box(box: Box, margin: float) -> Box:
    """Square of side max(width, height) * (1 + 2 * margin) around the center of `box`, px."""
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"box {box} has no area; expected x0 < x1 and y0 < y1")
    half = max(x1 - x0, y1 - y0) * (0.5 + margin)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return x - half, y - half, x + half, y + half


def crop_face(image: np.ndarray, box: Box, *, margin: float, side: int) -> np.ndarray:
    """Cut a face out of a frame as a square, with some of what surrounds it.

    The blending seam of a swapped face lies at its rim, so a tight box would cut the evidence
    off. The aspect of the face is kept; where the square passes the frame, the edge is repeated.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: Face in px of `image`; it may reach past the edge, as detectors' boxes do.
        margin: Added on every side, as a fraction of the longer side of the box.
        side: Of the square that is returned, px.

    Returns:
        (side, side, 3) uint8 RGB, a copy.

    Raises:
        ValueError: The box has no area.
    """
    x0, y0, x1, _ = square_box(box, margin)
    scale = side / (x1 - x0)
    if scale >= 1:
        matrix = np.array(
            [[scale, 0, (0.5 - x0) * scale - 0.5], [0, scale, (0.5 - y0) * scale - 0.5]]
        )
        return cv2.warpAffine(
            image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    # Shrinking: cut whole pixels first, then average areas, or fine texture turns into moire.
    left, top, length = round(x0), round(y0), max(round(x1 - x0), 1)
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, top + length), 0, height - 1)
    columns = np.clip(np.arange(left, left + length), 0, width - 1)
    inside = top >= 0 and left >= 0 and top + length <= height and left + length <= width
    patch = (
        image[top : top + length, left : left + length] if inside else image[np.ix_(rows, columns)]
    )
    return cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)


def _open_session(path: Path, *, threads: int, device: str) -> tuple[InferenceSession, str]:
    """Load a detector's graph, and say where it runs; the package late, as it is slow to import."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else an identifier file stays in /tmp
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
    kind, _, index = device.partition(":")
    if kind == "cuda" and CUDA in onnxruntime.get_available_providers():
        # frames come in many sizes; to try every kernel for each would take longer than it saves
        chosen = {"device_id": index or "0", "cudnn_conv_algo_search": "HEURISTIC"}
        providers.insert(0, (CUDA, chosen))
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    # a GPU whose libraries cannot be loaded is left out without an error
    return session, "cuda" if CUDA in session.get_providers() else "cpu"


def _shrink(image: np.ndarray, long_side: int) -> tuple[np.ndarray, float]:
    """`image` with its longer side at most `long_side` px, and the factor applied."""
    height, width = image.shape[:2]
    scale = min(long_side / max(height, width), 1.0)
    if scale == 1.0:
        return image, scale
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


@functools.lru_cache(maxsize=8)
def _priors(height: int, width: int) -> np.ndarray:
    """(N, 4) float32 anchors cx, cy, w, h as fractions of the frame: strides 8, 16, 32."""
    rows = []
    for stride, sizes in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
        ys, xs = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centers = (np.stack([xs, ys], -1).reshape(-1, 1, 2) + 0.5) * stride
        grid = np.empty((len(centers), len(sizes), 4), np.float32)
        grid[:, :, :2] = centers / (width, height)
        for index, size in enumerate(sizes):
            grid[:, index, 2:] = size / width, size / height
        rows.append(grid.reshape(-1, 4))
    return np.concatenate(rows)


def _check_hash(path: Path, expected: str) -> None:
    if not path.is_file():
        raise SettingsError(f"{path.name} is missing from {path.parent.name}/; clone again")
    found = hash_file(path)
    if found != expected:
        raise SettingsError(
            f"{path.name} has SHA-256 {found[:12]}…, expected {expected[:12]}…; fetch it again"
        )
