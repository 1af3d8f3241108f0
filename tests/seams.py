"""Drawn faces that were swapped, with the seam that this leaves, and tiny networks that know it.

The networks are those of `tiny_bundle`; only the last layer of each has learned, so that a verdict
means something: a face with a seam is called fake, one without is called real, whoever it is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tiny_bundle
import torch
from tiny_detector import PAPER, SkinFinder, draw, make_detector
from torch import nn

from awarenet.competence import Competence, describe_faces
from awarenet.ensemble import Ensemble
from awarenet.faces import crop_face
from awarenet.pipeline import Detector
from awarenet.runtime import Runtime
from awarenet.zoo import Spec, preprocess

SEAM = (200, 40, 220)  # its color; mixed with any other it is that of no skin
LOGIT = 3.0  # that the networks learned to give: a fake's, and less that of a real face
MARGIN, SIDE = 0.6, 80  # of the tiny bundle's crops


def draw_face(
    image: np.ndarray, center: tuple[int, int], side: int, person: int, *, swapped: bool = False
) -> None:
    """Draw one of `tiny_detector`'s people on (H, W, 3) uint8 RGB, as they are or swapped."""
    draw(image, center, side, person)
    if swapped:
        axes = side * 2 // 5 + side // 10, side // 2 + side // 10
        cv2.ellipse(image, center, axes, 0, 0, 360, SEAM, side // 8)


def frames_of_two(
    swapped: tuple[bool, bool], count: int = 12, leaves: int | None = None
) -> Iterator[np.ndarray]:
    """Draw two people, the first at the left, (120, 320, 3) uint8 RGB; see `tiny_detector`."""
    for index in range(count):
        image = np.full((120, 320, 3), PAPER, np.uint8)
        for person, (x, side) in enumerate(((70, 60), (240, 64))):
            if person != leaves or index < 4:
                draw_face(image, (x + index % 3, 64), side, person, swapped=swapped[person])
        yield image


@functools.cache
def faces() -> tuple[np.ndarray, np.ndarray]:
    """Draw what the networks learn from: (n, S, S, 3) uint8 RGB crops, and (n,) their logits."""
    rng, crops, logits = np.random.default_rng(0), [], []
    for number in range(48):
        person, swapped = number % 2, number // 2 % 2 == 1
        image = np.full((120, 160, 3), PAPER, np.uint8)
        center = int(rng.integers(60, 100)), int(rng.integers(55, 65))
        draw_face(image, center, int(rng.integers(48, 70)), person, swapped=swapped)
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.8))  # as compression leaves it
        (face,) = SkinFinder().find(soft)
        crops.append(crop_face(soft, face.box, margin=MARGIN, side=SIDE))
        logits.append(LOGIT if swapped else -LOGIT)
    return np.stack(crops), np.array(logits)


def knowing_ensemble() -> Ensemble:
    """Give the tiny networks last layers that tell a seam, by ridge regression."""
    ensemble = tiny_bundle.tiny_ensemble()
    crops, wanted = faces()
    for family, networks in ensemble.members.items():
        for network in networks:
            _teach(network, ensemble.specs[family], crops, wanted)
    return ensemble


def make_knowing_detector(folder: Path, **sections: object) -> Detector:
    """Write a bundle of such networks, with a calibration that changes nothing, and load it."""
    calibration = tiny_bundle.Calibration(scale=1.0, offset=0.0, fitted_on="nothing: a test")
    thresholds = tiny_bundle.Thresholds(default=0.5, table=(), fitted_on="nothing: a test")
    tiny_bundle.save(folder, knowing_ensemble(), calibration=calibration, thresholds=thresholds)
    return make_detector(folder, **sections)


def known_faces(ensemble: Ensemble, crops: np.ndarray, limit: float) -> Competence:
    """Tell an ensemble that these crops, (n, S, S, 3) uint8 RGB, are what it learned from."""
    views, points = describe_faces(Runtime(ensemble, "cpu").observe(crops).features, 16)
    return Competence(views, points, limit, "drawn faces")


def _teach(network: nn.Module, spec: Spec, crops: np.ndarray, wanted: np.ndarray) -> None:
    """Fit the last linear layer of a network that is in evaluation mode."""
    layer = [part for part in network.modules() if isinstance(part, nn.Linear)][-1]
    seen: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        network(preprocess(torch.from_numpy(crops), spec))
    handle.remove()
    features = seen[0].double().numpy()
    mean = features.mean(axis=0)
    centered = features - mean
    kernel = centered @ centered.T
    kernel += 0.01 * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    weights = centered.T @ np.linalg.solve(kernel, wanted)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights)[None])
        layer.bias.fill_(-float(mean @ weights))
