"""Dense face landmarks, for making fakes: where to warp a face and along which line to blend it.

FaceMesh, 468 points, Apache-2.0, on OpenCV's DNN module alone. Source: Kartynnik et al., 2019,
https://arxiv.org/abs/1907.06724; index lists of its regions follow the canonical mesh that
MediaPipe documents, https://github.com/google-ai-edge/mediapipe (face_mesh_connections).
"""

from __future__ import annotations

import functools
import hashlib

import cv2
import numpy as np

from awarenet.errors import AwareNetError
from awarenet.faces import WEIGHTS, Face

SIDE = 192  # px, input of the network
SPREAD = 1.5  # of the longer side of the box; the network was trained on crops this wide
SHA256 = "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"
# The closed line around the whole face, from the middle of the forehead, clockwise.
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377) + (
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
EYES = (33, 133, 362, 263)  # outer and inner corners, left of the picture first
LIPS = (61, 39, 0, 269, 291, 405, 17, 181)


@functools.lru_cache(maxsize=1)
def _network() -> cv2.dnn.Net:
    path = WEIGHTS / "face-mesh.tflite"
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if found != SHA256:
        raise AwareNetError(
            f"assets/faces/{path.name}: {found[:12]}, expected SHA-256 {SHA256[:12]}…; clone again"
        )
    return cv2.dnn.readNetFromTFLite(str(path))


def find_landmarks(image: np.ndarray, face: Face) -> np.ndarray:
    """Locate 468 points of a face.

    The crop is turned until the eyes are level, as the network expects.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: A face of `image`, with its five landmarks.

    Returns:
        (468, 2) float32 in px of `image`; points may lie outside it.
    """
    x0, y0, x1, y1 = face.box
    dx, dy = face.landmarks[1] - face.landmarks[0]
    angle = np.degrees(np.arctan2(dy, dx))
    center = ((x0 + x1) / 2, (y0 + y1) / 2)
    scale = SIDE / (max(x1 - x0, y1 - y0) * SPREAD)
    matrix = cv2.getRotationMatrix2D(center, float(angle), scale)
    matrix[:, 2] += SIDE / 2 - np.array(center)
    crop = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    network = _network()
    network.setInput((crop.astype(np.float32) / 255.0).transpose(2, 0, 1)[None])
    points = network.forward().reshape(468, 3)[:, :2]
    return cv2.transform(points[None], cv2.invertAffineTransform(matrix))[0].astype(np.float32)
