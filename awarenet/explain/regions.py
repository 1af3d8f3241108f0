"""Which parts of a face a heat map covers: eyes, nose, mouth, cheeks, forehead, chin, rim.

The parts come from FaceMesh's 468 points, found on the crop itself. Eyes are their sockets with
the brows: a cell of a heat map is as large as an eye, so that the two cannot be told apart.
Point numbers: MediaPipe's canonical face mesh,
https://github.com/google-ai-edge/mediapipe/blob/33d683c/mediapipe/python/solutions/face_mesh_connections.py
(lips, nose, brows, oval), and for the rings around the eyes the picture of the mesh beside it,
mediapipe/modules/face_geometry/data/canonical_face_model_uv_visualization.png.

Shapes: S side of a crop in px.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from awarenet.faces import Face
from awarenet.landmarks import BROWS, MOUTH, OVAL, PRESENT, five_points, trace_face

REGIONS = ("eyes", "nose", "mouth", "cheeks", "forehead", "chin", "rim", "outside")
# Ring below each eye, from the temple to the nose.
SOCKETS = (
    (226, 31, 228, 229, 230, 231, 232, 233, 244),
    (446, 261, 448, 449, 450, 451, 452, 453, 464),
)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 64, 48, 115, 220, 45) + (
    294, 278, 344, 440, 275,
)  # fmt: skip
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
BROWS_LEFT, BROWS_RIGHT = BROWS[:5], BROWS[5:]  # as seen in the picture
# Half the width of the band along the outline, of the face's width: a swapped face is blended in
# there, and the whole band is as wide as a cell of the demo's maps.
RIM = 0.07
TURNS = (0, 45, -45)  # degrees that the eyes may slant by at first; FaceMesh itself follows 30
# Longer side of the mesh's oval, of the detector's longer side: on 175 faces in photographs it is
# 0.88-1.10. Far from that the mesh has slipped off the face.
EXTENT = (0.7, 1.4)
OFF_CENTER = 0.25  # of the same side; on the same photographs 0.15 at most


def find_regions(crop: np.ndarray, margin: float) -> dict[str, np.ndarray] | None:
    """Tell the parts of a face apart.

    The mesh is found as if the eyes were level, or at a slant, and then again as they lie.

    Args:
        crop: (S, S, 3) uint8 RGB, as `faces.crop_face` cuts it.
        margin: As it was given to `faces.crop_face`.

    Returns:
        By `REGIONS`: (S, S) bool; every px is in exactly one. None: no face can be made out.

    Raises:
        AwareNetError: The file of the mesh's network is missing or another one.
    """
    mesh = find_mesh(crop, margin)
    return None if mesh is None else draw_regions(mesh, len(crop))


def find_mesh(crop: np.ndarray, margin: float) -> np.ndarray | None:
    """Locate (468, 2) float32 px of a crop, or None; as `find_regions`, which raises as it does."""
    middle, length = len(crop) / 2, len(crop) / (1 + 2 * margin)
    box = (middle - length / 2,) * 2 + (middle + length / 2,) * 2
    for turned in TURNS:
        angle = np.radians(turned)
        across = np.array([np.cos(angle), np.sin(angle)]) * 0.2 * length  # from eye to eye, half
        marks = middle + np.stack([-across, across, [0, 0], -across, across])
        mesh, presence = trace_face(crop, Face(box, 1.0, marks))
        if presence >= PRESENT:
            break
    else:
        return None
    for _ in range(2):  # now as those eyes lie
        mesh, presence = trace_face(crop, Face(box, 1.0, five_points(mesh)))
    low, high = mesh[list(OVAL)].min(0), mesh[list(OVAL)].max(0)
    extent = float((high - low).max()) / length
    off = float(np.abs((low + high) / 2 - middle).max()) / length
    lies_well = EXTENT[0] <= extent <= EXTENT[1] and off <= OFF_CENTER  # false of NaN, too
    return mesh if presence >= PRESENT and lies_well else None


def draw_regions(mesh: np.ndarray, side: int) -> dict[str, np.ndarray]:
    """Draw the parts of a (468, 2) mesh on a square of `side` px; see `find_regions`."""
    outline = _hull(mesh[list(OVAL)], side)
    # hulls, as the far side of a turned face folds over
    eyes = _hull(mesh[[*SOCKETS[0], *BROWS_LEFT]], side)
    eyes |= _hull(mesh[[*SOCKETS[1], *BROWS_RIGHT]], side)
    nose = _hull(mesh[list(NOSE)], side) & ~eyes
    mouth = _hull(mesh[list(LIPS)], side) & ~eyes & ~nose
    features = eyes | nose | mouth
    rim = _band(mesh[list(OVAL)], side) & ~features
    within = outline & ~rim & ~features
    forehead = within & _above(mesh[[BROWS_LEFT[0], BROWS_RIGHT[-1]]], mesh, side)
    chin = within & ~_above(mesh[list(MOUTH)], mesh, side)
    return {
        "eyes": eyes,
        "nose": nose,
        "mouth": mouth,
        "cheeks": within & ~forehead & ~chin,
        "forehead": forehead,
        "chin": chin & ~forehead,
        "rim": rim,
        "outside": ~(outline | rim | features),
    }


def region_shares(
    maps: Mapping[str, np.ndarray], regions: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Tell how much of each map's heat lies in each part of the face.

    Args:
        maps: (S, S) in 0..1, by family.
        regions: As `find_regions` gives them.

    Returns:
        Family -> region -> share, which sum to 1. A map without any heat is left out.
    """
    shares = {}
    for family, heat in maps.items():
        total = float(heat.sum(dtype=np.float64))
        if total > 0:
            shares[family] = {
                name: float(heat[mask].sum(dtype=np.float64)) / total
                for name, mask in regions.items()
            }
    return shares


def region_areas(regions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Tell each part's share of the crop: what heat that is the same everywhere would give it."""
    return {name: float(mask.mean()) for name, mask in regions.items()}


def _hull(points: np.ndarray, side: int) -> np.ndarray:
    """Fill the hull of (n, 2) px: (side, side) bool."""
    mask = np.zeros((side, side), np.uint8)
    hull = cv2.convexHull(np.round(points * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1, shift=4)
    return mask.astype(bool)


def _band(oval: np.ndarray, side: int) -> np.ndarray:
    """Draw the band along the hull of (n, 2) px: (side, side) bool."""
    hull = cv2.convexHull(np.round(oval).astype(np.int32))
    (_, (width, height), _) = cv2.minAreaRect(hull)
    mask = np.zeros((side, side), np.uint8)
    cv2.polylines(mask, [hull], True, 1, thickness=max(round(2 * RIM * min(width, height)), 1))
    return mask.astype(bool)


def _above(ends: np.ndarray, mesh: np.ndarray, side: int) -> np.ndarray:
    """Tell what lies on the forehead's side of the line through two px: (side, side) bool."""
    rows, columns = np.mgrid[:side, :side]
    (x, y), (dx, dy) = ends[0], ends[1] - ends[0]
    top_x, top_y = mesh[OVAL[0]]
    turn = (columns - x) * dy - (rows - y) * dx
    return turn * ((top_x - x) * dy - (top_y - y) * dx) > 0
