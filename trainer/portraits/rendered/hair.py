"""Hair, brows and lashes: thousands of strands that are rooted in a mesh and drawn as lines.

Shapes: N strands of S points, V points of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.portraits.rendered.mesh import LASHES, Mesh
from trainer.portraits.rendered.raster import rasterize
from trainer.portraits.rendered.skin import Person, scalp

CROWN = np.array([0, 8.5, -0.1])  # dm on the base mesh: hair falls away from here


@dataclass(frozen=True)
class Strands:
    """Strands at rest, each rooted in a triangle."""

    corners: np.ndarray  # (N, 3) indices of the root's triangle
    shares: np.ndarray  # (N, 3) float32 of its corners
    offsets: np.ndarray  # (N, S, 3) float32 dm from the root, before the head turns
    colors: np.ndarray  # (N, 3) float32 linear RGB

    def roots(self, values: np.ndarray) -> np.ndarray:
        """(N, C) values at the roots, of (V, C) values of the points."""
        return np.einsum("nk,nkc->nc", self.shares, values[self.corners])


def grow_hair(mesh: Mesh, points: np.ndarray, person: Person, count: int) -> Strands:
    """Grow short hair on the scalp of a shaped mesh (V, 3)."""
    rng = np.random.default_rng(person.seed + 20)
    body = mesh.triangles[(mesh.turn[mesh.triangles] > 0.3).all(1)]
    middles, ears = mesh.points[body].mean(1), mesh.masks["ears"][body].max(1)
    sides = points[body]
    areas = np.linalg.norm(np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), axis=1)
    chance = areas * (scalp(middles) > 0.02) * (ears < 0.02)
    corners = body[rng.choice(len(body), count, p=chance / chance.sum())]
    shares = rng.dirichlet([1, 1, 1], count).astype(np.float32)
    places = np.einsum("nk,nkc->nc", shares, mesh.points[corners])
    kept = rng.uniform(size=count) < scalp(places)
    corners, shares, places = corners[kept], shares[kept], places[kept]
    count = len(corners)
    normals = mesh.normals(points)
    at, normal = (np.einsum("nk,nkc->nc", shares, v[corners]) for v in (points, normals))
    shift = (points - mesh.points)[np.unique(body)].mean(0)
    away = at - (CROWN + shift)
    away = away * [1, 0.2, 1] + [0, -0.15, 0.35] + rng.normal(0, 0.16, at.shape)
    combed = _along(away, normal)
    short = np.interp(places[:, 1], [6.5, 7.6, 8.2], [0.25, 0.5, 1])  # at neck and temples
    length = (rng.uniform(0.18, 0.38, count) * short)[:, None, None]
    steps = np.linspace(0, 1, 5)[None, :, None]
    outward = (0.55 * normal + 0.6 * combed)[:, None]
    path = length * (steps * outward + steps**2 * np.array([0, -0.25, 0]))  # and it falls
    shade = rng.lognormal(0, 0.28, (count, 1)) * np.array(person.hair)
    return Strands(corners, shares, path.astype(np.float32), shade.astype(np.float32))


def _along(directions: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Unit parts of (N, 3) directions that lie in the surface."""
    flat = directions - (directions * normals).sum(1, keepdims=True) * normals
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def grow_brows(mesh: Mesh, points: np.ndarray, person: Person, count: int) -> Strands:
    """Grow brows, found in a front view of the base mesh."""
    rng = np.random.default_rng(person.seed + 21)
    size, scale, top = 800, 800.0, 8.0
    front = np.stack(
        [(mesh.points[:, 0] + 0.6) * scale, (top - mesh.points[:, 1]) * scale, -mesh.points[:, 2]],
        1,
    )
    view = rasterize(front, mesh.triangles, int(1.2 * size), size)
    x = rng.beta(1.15, 1.25, count) * 0.46 + 0.09
    t = (x - 0.09) / 0.46
    spread = person.brows * 0.024 * np.interp(t, [0, 0.12, 0.6, 1], [0.6, 1, 0.75, 0.15])
    y = (
        np.interp(t, [0, 0.35, 0.65, 1], [7.435, 7.485, 7.50, 7.435])
        + rng.normal(0, 0.6, count).clip(-1.2, 1.2) * spread
    )
    x = x * rng.choice([-1, 1], count)
    pixels = ((top - y) * scale).astype(int) * int(1.2 * size) + ((x + 0.6) * scale).astype(int)
    found = np.searchsorted(view.pixels, pixels).clip(0, len(view.pixels) - 1)
    corners, shares = mesh.triangles[view.triangles[found]], view.shares[found]
    normal = np.einsum("nk,nkc->nc", shares, mesh.normals(points)[corners])
    rise = np.interp(t, [0, 0.3, 1], [1.6, 0.45, -0.35]) - 3 * (y - 7.48) * (t > 0.3)
    lean = np.stack([np.sign(x), rise, 0 * x], 1) + rng.normal(0, 0.14, (count, 3))
    along = _along(lean, normal)
    steps = np.linspace(0, 1, 4)[None, :, None]
    length = rng.uniform(0.035, 0.075, (count, 1, 1))
    path = (
        length * (steps * along[:, None] + 0.25 * steps * (1.2 - steps) * normal[:, None])
        + 0.006 * normal[:, None]
    )
    shade = (
        rng.lognormal(0.1, 0.3, (count, 1)) * np.array(person.hair) + np.array(person.skin) * 0.11
    )
    return Strands(corners, shares, path.astype(np.float32), shade.astype(np.float32))


def lash_edges(mesh: Mesh) -> np.ndarray:
    """(N, 2) indices, root and tip of each lash, of the base mesh's strips of lashes."""
    edges = set()
    for name in LASHES:
        middle = mesh.joint(mesh.points, f"{name[7]}-eye")
        for quad in mesh.groups[name]:
            for pair in zip(quad, np.roll(quad, 1), strict=True):
                near = np.linalg.norm(mesh.points[list(pair)] - middle, axis=1)
                if abs(near[0] - near[1]) > 0.01:
                    edges.add(tuple(int(pair[k]) for k in np.argsort(near)))
    return np.array(sorted(edges))


def sheen(along: np.ndarray, toward: np.ndarray, sharpness: float) -> np.ndarray:
    """Highlight of (N, S, 3) unit tangents under a lamp, seen from the front; (N, S) in 0..1.

    Source: Kajiya and Kay, 1989, https://doi.org/10.1145/74334.74361, with the half vector.
    """
    half = toward + np.array([0, 0, 1])
    return (1 - (along @ (half / np.linalg.norm(half))) ** 2).clip(0, 1) ** sharpness


def draw_strands(
    picture: np.ndarray, lines: np.ndarray, colors: np.ndarray, depth: np.ndarray, bias: float
) -> None:
    """Draw lines into a picture, far ones first, but for what lies behind a surface.

    Args:
        picture: (H, W, 3) uint8, drawn into.
        lines: (N, S, 3) column, row, px, and depth.
        colors: (N, S - 1, 3) uint8-range colors of the pieces.
        depth: (H, W) of the surfaces.
        bias: Of the depth: a piece may lie so much behind a surface and still be drawn.
    """
    pieces = np.stack([lines[:, :-1], lines[:, 1:]], 2).reshape(-1, 2, 3)
    colors = colors.reshape(-1, 3)
    middle = pieces.mean(1)
    height, width = depth.shape
    column, row = (middle[:, k].astype(int).clip(0, n - 1) for k, n in ((0, width), (1, height)))
    shown = np.flatnonzero(middle[:, 2] < depth[row, column] + bias)
    shown = shown[np.argsort(-middle[shown, 2])]
    ends = np.round(pieces[shown, :, :2] * 16 - 8).astype(int)  # 4 bits of a pixel
    for (start, end), color in zip(ends.tolist(), colors[shown].tolist(), strict=True):
        cv2.line(picture, start, end, color, 1, cv2.LINE_AA, 4)
