"""Ask an engine about a batch of crops, with every network or with some.

Shapes: B crops, F families, K members a family, S side of a crop in px, C channels of a layer.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch

from awarenet import zoo
from awarenet.ensemble import Ensemble
from awarenet.runtime.engine import Engine, Job, TorchEngine


@dataclass(frozen=True)
class Known:
    """Crops and what the networks say of them, in float32: how an engine is put to the test."""

    crops: np.ndarray  # (n, S, S, 3) uint8 RGB
    logits: np.ndarray  # (n, F, K) float32


@dataclass(frozen=True)
class Observed:
    """What the networks say of crops, and what they saw in them."""

    logits: np.ndarray  # (B, F, K) float32, above 0 leans fake; NaN where it was not wanted
    features: dict[str, np.ndarray]  # family -> (B, C) float32, see `Runtime.observe`


def ask(
    engine: Engine, ensemble: Ensemble, crops: torch.Tensor, wanted: np.ndarray, features: bool
) -> Observed:
    """Ask an engine about one batch.

    Args:
        engine: Of this ensemble.
        ensemble: Says how its families are fed.
        crops: (B, S, S, 3) uint8 RGB, where the engine runs.
        wanted: (F, K) bool, which members are asked.
        features: Whether to keep what the first member of each family saw.
    """
    jobs, places = [], []  # a place: family, member
    for row, family in enumerate(ensemble.families):
        if not wanted[row].any():
            continue
        for images in zoo.feed(crops, ensemble.specs[family]):
            for member in np.flatnonzero(wanted[row]).tolist():
                jobs.append(Job(family, member, images, features and member == 0))
                places.append((row, member))
    views: dict[tuple[int, int], list[torch.Tensor]] = {}
    grids: dict[str, list[torch.Tensor]] = {}
    for job, place, seen in zip(jobs, places, engine.run(jobs), strict=True):
        views.setdefault(place, []).append(seen.logits)
        if seen.grid is not None:
            grids.setdefault(job.family, []).append(seen.grid.mean(dim=(2, 3)))
    logits = np.full((len(crops), *wanted.shape), np.nan, np.float32)
    for (row, member), each in views.items():
        logits[:, row, member] = zoo.merge(each)[:, 0].cpu().numpy()
    means = {family: torch.stack(each).mean(dim=0) for family, each in grids.items()}
    return Observed(logits, {family: each.cpu().numpy() for family, each in means.items()})


def ask_all(engine: Engine, ensemble: Ensemble, crops: np.ndarray, features: bool) -> Observed:
    """Ask every network about (B, S, S, 3) uint8 RGB crops; see `ask`."""
    everybody = np.ones((len(ensemble.families), ensemble.members_per_family), bool)
    device = next(iter(ensemble.parameters())).device
    return ask(engine, ensemble, torch.from_numpy(crops).to(device), everybody, features)


def ask_exactly(ensemble: Ensemble, crops: np.ndarray) -> Observed:
    """Ask the networks as they are, in float32: what all else is compared with.

    Args:
        ensemble: In evaluation mode; nobody else runs it meanwhile.
        crops: (B, S, S, 3) uint8 RGB.
    """
    return ask_all(TorchEngine(ensemble, torch.float32, threading.RLock()), ensemble, crops, True)
