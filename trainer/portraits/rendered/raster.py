"""Which triangle covers which pixel: a z-buffer in NumPy.

Shapes: V points, T triangles, N fragments (a triangle over a pixel), H and W of the picture, px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Coverage:
    """The nearest triangle of every covered pixel; M pixels are covered."""

    pixels: np.ndarray  # (M,) int64, row * W + column
    triangles: np.ndarray  # (M,) int64
    shares: np.ndarray  # (M, 3) float32, of the triangle's corners, sum to 1
    depth: np.ndarray  # (H, W) float32, infinite where nothing lies

    def spread(self, values: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Interpolate (V,) or (V, C) values of the points; gives (M,) or (M, C).

        Args:
            values: One a point.
            triangles: (T, 3), those that were drawn.
        """
        corners = values[triangles[self.triangles]]
        return np.einsum("mk,mk...->m...", self.shares, corners)


def rasterize(
    points: np.ndarray, triangles: np.ndarray, width: int, height: int, *, both_sides: bool = False
) -> Coverage:
    """Draw triangles; the nearest wins.

    Args:
        points: (V, 3) float: column and row, px, and depth, larger is farther.
        triangles: (T, 3) indices; seen from the front, corners run counterclockwise (rows grow
            downward).
        width: Of the picture, px.
        height: Of the picture, px.
        both_sides: Draw those seen from behind as well.
    """
    points = points.astype(np.float32)
    corners = points[triangles]  # (T, 3, 3)
    a, b, c = (corners[:, k, :2] for k in range(3))
    area = _cross(b - a, c - a)  # negative: front, as rows grow downward
    low = np.ceil(corners[..., :2].min(1) - 0.5).astype(np.int64).clip(0)
    high = np.floor(corners[..., :2].max(1) - 0.5).astype(np.int64)
    high = np.minimum(high, [width - 1, height - 1])
    drawn = (np.abs(area) > 1e-9 if both_sides else area < -1e-9) & (high >= low).all(1)
    kept = np.flatnonzero(drawn)
    spans = high[kept] - low[kept] + 1  # (., 2) of the box around each
    counts = spans.prod(1)
    owner = np.repeat(kept, counts)  # (N,)
    inside = np.arange(len(owner)) - np.repeat(counts.cumsum() - counts, counts)
    columns = low[owner, 0] + inside % np.repeat(spans[:, 0], counts)
    rows = low[owner, 1] + inside // np.repeat(spans[:, 0], counts)
    at = np.stack([columns, rows], 1).astype(np.float32) + 0.5  # middles of the pixels
    second = _cross(at - a[owner], (c - a)[owner]) / area[owner]
    third = _cross((b - a)[owner], at - a[owner]) / area[owner]
    shares = np.stack([1 - second - third, second, third], 1)
    hit = (shares >= 0).all(1)
    owner, shares, pixels = owner[hit], shares[hit], (rows * width + columns)[hit]
    away = (shares * corners[owner, :, 2]).sum(1)
    depth = np.full(width * height, np.inf, np.float32)
    np.minimum.at(depth, pixels, away)
    nearest = np.flatnonzero(away == depth[pixels])
    nearest = nearest[np.unique(pixels[nearest], return_index=True)[1]]  # one where two tie
    return Coverage(pixels[nearest], owner[nearest], shares[nearest], depth.reshape(height, width))


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Z of the cross product of (..., 2) vectors."""
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
