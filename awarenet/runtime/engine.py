"""What runs networks: the contract between the runtime and its engines, and the plain one.

Shapes: n images, side: of a network's input in px, C channels and (h, w) grid of the layer that
heat maps and features are taken from (`Spec.cam_layer`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from awarenet.ensemble import Ensemble


@dataclass(frozen=True)
class Job:
    """One network to be asked about some images."""

    family: str
    member: int
    images: Tensor  # (n, 3, side, side) float32, as `zoo.preprocess` makes them
    grid: bool = False  # whether the layer's grid is wanted as well


@dataclass(frozen=True)
class Seen:
    """What a network said, and what it saw."""

    logits: Tensor  # (n, 1) float32, above 0 leans fake
    grid: Tensor | None  # (n, C, h, w) float32; None where it was not wanted


class Engine(Protocol):
    """What can run the networks of an ensemble."""

    name: str

    def run(self, jobs: Sequence[Job]) -> list[Seen]:
        """Do jobs, in any order and side by side; give what came of them in their own order."""
        ...

    def fit(self, batch: int) -> str:
        """Get ready for jobs of so many images at most; let go of what was for more of them.

        Returns:
            What was made ready, for people; "" where there is nothing to say.
        """
        ...


class TorchEngine:
    """PyTorch itself, one network after the other, on any device."""

    name = "torch"

    def __init__(self, ensemble: Ensemble, dtype: torch.dtype, lock: threading.RLock):
        """Take an ensemble that lies where it shall run.

        Args:
            ensemble: In evaluation mode.
            dtype: Of the convolutions; weights and logits stay float32.
            lock: Held while a network runs: others hang hooks into the same ones.
        """
        self._ensemble, self._dtype, self._lock = ensemble, dtype, lock
        self._networks: Mapping[str, Sequence[nn.Module]] = ensemble.members
        self._device = next(iter(ensemble.parameters())).device

    def run(self, jobs: Sequence[Job]) -> list[Seen]:
        """Do jobs, one by one."""
        with self._lock, torch.no_grad(), self._autocast():
            return [self._one(job) for job in jobs]

    def fit(self, batch: int) -> str:
        """Do nothing: any number will do."""
        return ""

    def _one(self, job: Job) -> Seen:
        network = self._networks[job.family][job.member]
        if not job.grid:
            return Seen(network(job.images).float(), None)
        layer = self._ensemble.specs[job.family].cam_layer
        with watched(network, layer) as grids:
            logits = network(job.images).float()
        return Seen(logits, grids[-1].float())

    def _autocast(self) -> contextlib.AbstractContextManager:
        if self._dtype == torch.float32:
            return contextlib.nullcontext()
        # weights that learn nothing are not cached anyway, and a CUDA graph must not rely on it
        return torch.autocast(self._device.type, self._dtype, cache_enabled=False)


@contextlib.contextmanager
def watched(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Collect what a layer of a network gives, one (n, C, h, w) a pass."""
    grids: list[Tensor] = []
    # a copy: what follows may write into the layer's output
    handle = network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: grids.append(output.clone())
    )
    try:
        yield grids
    finally:
        handle.remove()
