"""Light on a mesh: soft lamps and a sky, with shadows baked once a person.

What each point sees of the sphere around it is found once, by drawing the mesh from many sides. The
light of a frame is then a sum over those directions, turned with the head, so that lamps may be as
large and soft as one likes.

Shapes: V points, D directions, M pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.portraits.rendered.mesh import Mesh
from trainer.portraits.rendered.raster import rasterize

DIRECTIONS = 160
SIDE = 300  # px of the depth maps
REACH = 2.6  # dm from the middle of the head to the maps' edge
LIFT = 0.03  # dm above the surface, so that it does not shadow itself
WRAP = np.array([0.25, 0.12, 0.06], np.float32)  # skin scatters light around corners, red most


@dataclass(frozen=True)
class Lamp:
    """A soft light far away."""

    toward: tuple[float, float, float]  # from the scene to the lamp; any length
    color: tuple[float, float, float]  # linear RGB of its middle
    sharpness: float  # of exp(sharpness * (cosine - 1)); 2 is a sky, 40 a softbox

    @property
    def axis(self) -> np.ndarray:
        """(3,) Unit vector toward the lamp."""
        return np.array(self.toward) / np.linalg.norm(self.toward)

    def at(self, directions: np.ndarray, sharper: np.ndarray | float = 1.0) -> np.ndarray:
        """(..., 3) light from (..., 3) unit directions; (...) `sharper` narrows and lifts it."""
        falloff = np.exp(self.sharpness * sharper * (directions @ self.axis - 1)) * sharper
        return (falloff[..., None] * np.array(self.color)).astype(np.float32)


STUDIO = (
    Lamp((-0.75, 0.65, 0.95), (5.2, 4.6, 4.0), 9),  # a large window at the camera's left
    Lamp((1.2, 0.15, 0.7), (0.62, 0.68, 0.8), 2.5),  # the wall opposite sends some of it back
    Lamp((0.9, 0.7, -0.9), (2.6, 2.5, 2.5), 8),  # a lamp behind draws the outline
    Lamp((0, 1, 0), (0.42, 0.47, 0.55), 1.2),
    Lamp((0, -1, 0.4), (0.16, 0.12, 0.1), 1.5),
)


def sphere(count: int = DIRECTIONS) -> np.ndarray:
    """(D, 3) float32 unit directions, evenly spread (a Fibonacci lattice)."""
    steps = np.arange(count) + 0.5
    height, angle = 1 - 2 * steps / count, steps * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], 1).astype(np.float32)


def bake(mesh: Mesh, points: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Find what each of (V, 3) points sees of the sphere; (V, D) float32 in 0..1."""
    lifted = points + LIFT * mesh.normals(points)
    seen = np.zeros((len(points), DIRECTIONS), np.float32)
    for number, toward in enumerate(sphere()):
        side = np.cross([0, 0, 1] if abs(toward[2]) < 0.9 else [1, 0, 0], toward)
        side /= np.linalg.norm(side)
        axes = np.stack([side, -np.cross(toward, side), -toward])  # right, down, away
        scale = np.array([SIDE / 2 / REACH, SIDE / 2 / REACH, 1])
        drawn, asked = (
            (p - middle) @ axes.T * scale + [SIDE / 2, SIDE / 2, 0] for p in (points, lifted)
        )
        depth = rasterize(drawn, mesh.triangles, SIDE, SIDE, both_sides=True).depth
        depth[np.isinf(depth)] = 1e3
        x, y = asked[:, :2].T.astype(np.float32) - 0.5
        nearest = cv2.remap(depth, x[None], y[None], cv2.INTER_LINEAR, borderValue=1e3)[0]
        seen[:, number] = np.clip((nearest - asked[:, 2]) / LIFT + 0.6, 0, 1)
    return seen


def irradiance(
    normals: np.ndarray, seen: np.ndarray, head: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Light that falls on each point.

    Args:
        normals: (V, 3) of the posed mesh.
        seen: (V, D) of `bake`, found on the mesh before it was posed.
        head: (3, 3) turn of the head.
        turn: (V,) each point's share in it; the body is lit as it stands.

    Returns:
        (V, 3) diffuse light, 1 where a white surface looks white, and (V,) share of the first lamp
        that is not in shadow.
    """
    out, share = np.zeros_like(normals), np.zeros(len(normals), np.float32)
    for rotation, weight in ((head, turn), (np.eye(3), 1 - turn)):
        directions = (sphere() @ rotation.T).astype(np.float32)
        lights = sum(lamp.at(directions) for lamp in STUDIO)
        cosine = normals @ directions.T
        for channel, wrap in enumerate(WRAP):
            lit = np.maximum((cosine + wrap) / (1 + wrap) ** 2, 0) * seen
            out[:, channel] += weight * (lit @ lights[:, channel]) * 4 / DIRECTIONS
        first = STUDIO[0].at(directions)[:, 0] * np.maximum(cosine, 0)
        share += weight * (first * seen).sum(1) / np.maximum(first.sum(1), 1e-6)
    return out, share


def glint(
    normals: np.ndarray, views: np.ndarray, sharpness: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Light that a shiny surface sends to the camera.

    Each lamp is seen in the surface as a mirror would show it, blurred by roughness.

    Args:
        normals: (M, 3) unit.
        views: (M, 3) unit, toward the camera.
        sharpness: (M,) factor on that of the lamps; below 1 they are blurred.
        share: (M,) of the first lamp that is not in shadow; dims all of them.

    Returns:
        (M, 3) float32, before the share that the surface reflects (Schlick's Fresnel with 0.04,
        Schlick, 1994, https://doi.org/10.1111/1467-8659.1330233).
    """
    cosine = np.einsum("mk,mk->m", normals, views).clip(0, 1)
    mirrored = 2 * cosine[:, None] * normals - views
    fresnel = 0.04 + 0.96 * (1 - cosine) ** 5 * 0.5  # rough: half of what a mirror would gain
    total = sum(lamp.at(mirrored, sharpness) for lamp in STUDIO[:3])
    return total * (fresnel * share)[:, None]
