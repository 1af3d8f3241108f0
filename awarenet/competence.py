"""Whether the networks know faces like these: how far a face lies from the training data.

One member of each family tells what its last grid of features holds, on the mean over the grid.
These numbers are standardized, so that every family weighs the same, and laid along the axes in
which the training faces differ most. A face's distance is the mean of those to the nearest training
faces, genuine and fake, that are stored: far from all of them, a network guesses.

Distances to neighbors: Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, 2022,
https://arxiv.org/abs/2204.06507. On the demo's networks they told genuine photographs of other
sources (145 people) from drawings, stylized faces and things (507) with an AUC of 0.977; a
Mahalanobis distance along the same axes, 0.967; what lies off the axes, 0.945. Needs only NumPy.

Shapes: B crops, C channels of a family's layer, D axes, R training faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEIGHBORS = 5  # of 1, 5 and 20 none was better on the demo's networks
POINTS = "points"  # name of the array that all families share


@dataclass(frozen=True, eq=False)
class FamilyView:
    """How the features of one family become coordinates; those of all families are summed."""

    mean: np.ndarray  # (C,) float32, of the training faces
    scale: np.ndarray  # (C,) float32, above 0
    axes: np.ndarray  # (C, D) float32


@dataclass(frozen=True, eq=False)
class Competence:
    """The faces that an ensemble knows, and how far from them it may be asked."""

    views: dict[str, FamilyView]  # by family
    points: np.ndarray  # (R, D) float16, coordinates of training faces
    limit: float  # a person whose frames' median distance is larger lies outside
    fitted_on: str  # in words

    @classmethod
    def of(
        cls, arrays: Mapping[str, np.ndarray], families: Sequence[str], limit: float, fitted_on: str
    ) -> Competence:
        """Take apart what `arrays` put together.

        Raises:
            ValueError: An array is missing, unknown, of another shape or kind, or not finite.
        """
        names = {f"{family}.{part}" for family in families for part in ("mean", "scale", "axes")}
        if difference := sorted(arrays.keys() ^ {POINTS, *names}):
            state = "unknown" if difference[0] in arrays else "missing"
            raise ValueError(f"array {difference[0]!r} is {state}")
        points = arrays[POINTS]
        if points.ndim != 2 or len(points) < NEIGHBORS:
            raise ValueError(f"points {points.shape}; expected (R, D), R at least {NEIGHBORS}")
        views = {}
        for family in families:
            mean, scale, axes = (arrays[f"{family}.{part}"] for part in ("mean", "scale", "axes"))
            expected = (mean.size,), (mean.size,), (mean.size, points.shape[1])
            if (mean.shape, scale.shape, axes.shape) != expected:
                found = f"{mean.shape}, {scale.shape}, {axes.shape}"
                raise ValueError(f"{family}: mean, scale and axes {found}; expected {expected}")
            if not (scale > 0).all():
                raise ValueError(f"{family}: a scale that is not above 0")
            views[family] = FamilyView(mean, scale, axes)
        for name, array in arrays.items():
            if array.dtype != (np.float16 if name == POINTS else np.float32):
                raise ValueError(f"{name} is {array.dtype}; expected float32, of points float16")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity; expected finite numbers")
        return cls(views, points, limit, fitted_on)

    def arrays(self) -> dict[str, np.ndarray]:
        """Name the arrays that are stored; `of` turns them back."""
        named = {f"{f}.{part}": array for f, own in self.views.items() for part, array in
                 vars(own).items()}  # fmt: skip
        return {POINTS: self.points, **named}

    def distances(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Say how far each face lies from the training data.

        Args:
            features: Family -> (B, C) any float, see `runtime.Observed`.

        Returns:
            (B,) float64, 0 or more; the person's is the median of their frames'.

        Raises:
            ValueError: Features of other families, or of other shapes.
        """
        places = self.coordinates(features)
        points = self.points.astype(np.float64)
        squares = (places**2).sum(1)[:, None] + (points**2).sum(1) - 2 * places @ points.T
        nearest = np.partition(squares, NEIGHBORS - 1, axis=1)[:, :NEIGHBORS]
        return np.sqrt(np.maximum(nearest, 0)).mean(axis=1)

    def coordinates(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """(B, D) float64 coordinates of features; arguments and errors as of `distances`."""
        if features.keys() != self.views.keys():
            raise ValueError(f"features of {list(features)}; expected {list(self.views)}")
        for family, own in self.views.items():
            if features[family].ndim != 2 or features[family].shape[1] != len(own.mean):
                raise ValueError(
                    f"{family}: features {features[family].shape}; expected (B, {len(own.mean)})"
                )
        return sum(
            ((np.asarray(features[family], np.float64) - own.mean) / own.scale) @ own.axes
            for family, own in self.views.items()
        )


def describe_faces(
    features: Mapping[str, np.ndarray], axes: int
) -> tuple[dict[str, FamilyView], np.ndarray]:
    """Learn coordinates from training faces, by principal component analysis.

    Args:
        features: Family -> (R, C) float32 of the training faces.
        axes: D; fewer are taken where there are fewer faces or channels.

    Returns:
        The views, and (R, D) float16 coordinates of the same faces.
    """
    means = {family: values.mean(axis=0) for family, values in features.items()}
    scales = {}
    for family, values in features.items():
        deviation = values.std(axis=0)
        # a channel that never changes says nothing; a family of many channels is no louder
        alive = np.where(deviation > 1e-6, deviation, 1.0)
        scales[family] = alive * np.sqrt(values.shape[1])
    standard = [(features[f] - means[f]) / scales[f] for f in features]
    directions = np.linalg.svd(np.concatenate(standard, axis=1), full_matrices=False)[2][:axes].T
    ends = np.cumsum([part.shape[1] for part in standard])[:-1]
    views = {
        family: FamilyView(
            *(each.astype(np.float32) for each in (means[family], scales[family], own))
        )
        for family, own in zip(features, np.split(directions, ends), strict=True)
    }
    found = Competence(views, np.empty((0, directions.shape[1]), np.float16), 0.0, "")
    return views, found.coordinates(features).astype(np.float16)
