"""OpenVINO under the runtime: several times as fast as PyTorch on a CPU.

A network runs on one thread, and as many run side by side as there are threads. So no thread waits
for another inside a network, and what else the program does (decoding, finding faces) takes time
from one of them only. Each is compiled with as many streams: with one, parts of a batch that go to
the same network would wait for each other (half the speed on two cores).
"""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from awarenet.ensemble import Ensemble
from awarenet.runtime.engine import Job, Seen
from awarenet.runtime.graphs import import_openvino, member_graph

if TYPE_CHECKING:
    import openvino

CHUNK = 4  # images a network is given at once; more are no faster, fewer cost 15 %
PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}


class OpenVinoEngine:
    """Networks as compiled graphs, run side by side on the CPU."""

    name = "openvino"

    def __init__(self, ensemble: Ensemble, dtype: torch.dtype, threads: int = 0):
        """Compile every network.

        Args:
            ensemble: On the CPU, in evaluation mode; nobody else runs it meanwhile. It has to stay:
                its weights are shared.
            dtype: float32 or bfloat16.
            threads: 0: one a core.

        Raises:
            ImportError: The package is not installed.
            Untranslatable: A network that it cannot run.
        """
        ov = import_openvino()
        self._ensemble = ensemble
        self._workers = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._workers, "networks")
        core, chosen = ov.Core(), options(dtype, self._workers)
        graphs = {
            (family, member): member_graph(network, spec.cam_layer, spec.side)
            for family, spec in ensemble.specs.items()
            for member, network in enumerate(ensemble.members[family])
        }
        compiled = self._pool.map(
            lambda graph: core.compile_model(graph, "CPU", chosen), graphs.values()
        )
        self._networks = {
            name: _Compiled(each) for name, each in zip(graphs, compiled, strict=True)
        }

    def run(self, jobs: Sequence[Job]) -> list[Seen]:
        """Do jobs, a few images at a time, side by side."""
        parts = [
            (number, job, start)
            for number, job in enumerate(jobs)
            for start in range(0, len(job.images), CHUNK)
        ]
        done = self._pool.map(lambda part: self._one(*part[1:]), parts)
        found: list[list[tuple[np.ndarray, np.ndarray | None]]] = [[] for _ in jobs]
        for (number, _, _), each in zip(parts, done, strict=True):
            found[number].append(each)
        return [_joined(each) for each in found]

    def fit(self, batch: int) -> str:
        """Do nothing: a few images at a time are the fastest, however many come."""
        return ""

    def _one(self, job: Job, start: int) -> tuple[np.ndarray, np.ndarray | None]:
        images = job.images[start : start + CHUNK].contiguous().numpy()
        return self._networks[job.family, job.member](images, job.grid)


class _Compiled:
    """A compiled graph with as many places to compute in as were ever needed at once."""

    def __init__(self, model: openvino.CompiledModel):
        self._model = model
        self._free: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()

    def __call__(self, images: np.ndarray, grid: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask about (n, 3, side, side) float32 images: (n, 1) logits and (n, C, h, w) or None."""
        try:
            request = self._free.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        found = request.infer([images], share_inputs=True, share_outputs=True)
        # copies: the next images are written where these results lie
        answer = found[0].copy(), found[1].copy() if grid else None
        self._free.put(request)
        return answer


def options(dtype: torch.dtype, workers: int) -> dict[str, object]:
    """Give what a network is compiled with: a format, and as many streams as `workers`."""
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[dtype],
        "INFERENCE_NUM_THREADS": workers,
        "NUM_STREAMS": workers,
        "ENABLE_CPU_PINNING": False,  # others want a core as well
    }


def _joined(found: list[tuple[np.ndarray, np.ndarray | None]]) -> Seen:
    logits = torch.from_numpy(np.concatenate([each for each, _ in found]))
    grids = [grid for _, grid in found if grid is not None]
    return Seen(logits, torch.from_numpy(np.concatenate(grids)) if grids else None)
