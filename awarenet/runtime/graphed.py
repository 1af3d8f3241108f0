"""Families as CUDA graphs: what a GPU does for a full batch, recorded once and done at one call.

A network is hundreds of short kernels; to start them one by one can take longer than to run them.
A graph is of a fixed number of images, so a batch that is nearly full is filled up, and a small
one is left to PyTorch. The members of a family are recorded both one after the other and side by
side, both are timed, and the faster is kept.
Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.

Shapes: n images, side: of a network's input in px, K members a family.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from awarenet.ensemble import Ensemble
from awarenet.runtime.engine import Job, Seen
from awarenet.runtime.folding import FoldedEngine

logger = logging.getLogger(__name__)

WARM_UPS = 3  # passes before recording: libraries choose their kernels in the first ones
TIMED = 5  # replays
TOLERANCE = 0.05  # of a logit in 16 bits, relative and absolute; a wrong graph is off by far more

Work = Callable[[], list[Seen]]


class CudaGraph:
    """Work that was recorded; `seen` is where each replay leaves its results."""

    def __init__(self, work: Work):
        """Record work on the current device; raises RuntimeError where that cannot be done."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside), _kernels_by_trial():
            for _ in range(WARM_UPS):
                work()
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # thread_local: another thread may find faces on the same GPU meanwhile
        recording = torch.cuda.graph(self._graph, capture_error_mode="thread_local")
        with _kernels_by_trial(), recording:
            self.seen = work()

    def replay(self) -> None:
        """Do it again, with what lies in its input now."""
        self._graph.replay()

    def seconds(self) -> float:
        """Time a replay."""
        self.replay()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(TIMED):
            self.replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000 / TIMED


@dataclass(frozen=True)
class _Recorded:
    """A family's graph and where it takes its images from."""

    graph: CudaGraph
    images: Tensor  # (batch, 3, side, side) float32


class GraphedEngine(FoldedEngine):
    """PyTorch on a GPU, with CUDA graphs for batches that are full or nearly so."""

    def __init__(self, ensemble: Ensemble, dtype: torch.dtype, lock: threading.RLock):
        """Fold the networks; graphs are recorded by `fit`."""
        super().__init__(ensemble, dtype, lock)
        self._recorded: dict[str, _Recorded] = {}
        self._batch = 0

    def fit(self, batch: int) -> str:
        """Record every family for batches of so many images; see `Engine`."""
        families, ways = self._ensemble.families, []
        with self._lock, self._on_device():
            self._recorded.clear()
            torch.cuda.empty_cache()  # what the graphs held
            self._batch = batch
            for family in families:
                try:
                    self._recorded[family], way = self._record(family)
                    ways.append(f"{family} {way}")
                except RuntimeError as error:  # memory, or work that cannot be recorded
                    reason = str(error).strip().splitlines()[0][:200]
                    logger.warning("%s runs without a CUDA graph: %s", family, reason)
                    ways.append(f"{family} without: {reason}")
        return f"CUDA graphs of {batch} images ({', '.join(ways)})"

    def run(self, jobs: Sequence[Job]) -> list[Seen]:
        """Do jobs; those of all members of a family on the same images at one call."""
        found: list[Seen] = []
        with self._lock, self._on_device(), torch.no_grad(), self._autocast():
            # by family and images: as `ask` hands them over
            for _, group in itertools.groupby(jobs, lambda job: (job.family, id(job.images))):
                found += self._together(list(group))
        return found

    def _together(self, jobs: list[Job]) -> list[Seen]:
        recorded = self._recorded.get(jobs[0].family)
        if recorded is None or not self._is_as_recorded(jobs, recorded.images):
            return [self._one(job) for job in jobs]
        count = len(jobs[0].images)
        recorded.images[:count].copy_(jobs[0].images)  # behind them lie older ones: no matter
        recorded.graph.replay()
        # copies: the next replay writes where these results lie
        return [
            Seen(seen.logits[:count].clone(), seen.grid[:count].clone() if job.grid else None)
            for job, seen in zip(jobs, recorded.graph.seen, strict=True)
        ]

    def _is_as_recorded(self, jobs: list[Job], images: Tensor) -> bool:
        """Whether jobs are of all members, on more than half a batch, with the first one's grid."""
        count, everybody = len(jobs[0].images), range(self._ensemble.members_per_family)
        return (
            [job.member for job in jobs] == list(everybody)
            and not any(job.grid for job in jobs[1:])
            and len(images) < 2 * count <= 2 * len(images)
            and jobs[0].images.shape[1:] == images.shape[1:]
        )

    def _record(self, family: str) -> tuple[_Recorded, str]:
        """Record a family in the faster way; raises RuntimeError where that cannot be done."""
        side = self._ensemble.specs[family].side
        noise = torch.Generator(self._device).manual_seed(0)
        images = torch.randn(self._batch, 3, side, side, device=self._device, generator=noise)
        images = images.contiguous(memory_format=torch.channels_last)
        jobs = [
            Job(family, member, images, grid=member == 0)
            for member in range(self._ensemble.members_per_family)
        ]
        with torch.no_grad(), self._autocast():
            expected = self._in_turn(jobs)
            ways = {"in turn": lambda: self._in_turn(jobs)}
            if len(jobs) > 1:
                ways["side by side"] = lambda: self._side_by_side(jobs)
            graphs = {way: CudaGraph(work) for way, work in ways.items()}
            times = {way: graph.seconds() for way, graph in graphs.items()}
            way = min(times, key=times.__getitem__)
            for seen, right in zip(graphs[way].seen, expected, strict=True):
                if not torch.allclose(seen.logits, right.logits, TOLERANCE, TOLERANCE):
                    raise RuntimeError("its graph gives other logits")
        logger.info("%s: %s", family, {each: f"{times[each]:.4f} s" for each in times})
        return _Recorded(graphs[way], images), way

    def _in_turn(self, jobs: list[Job]) -> list[Seen]:
        return [self._one(job) for job in jobs]

    def _side_by_side(self, jobs: list[Job]) -> list[Seen]:
        """Do each job on a stream of its own."""
        current, found = torch.cuda.current_stream(), []
        streams = [torch.cuda.Stream() for _ in jobs]
        for job, stream in zip(jobs, streams, strict=True):
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                found.append(self._one(job))
        for stream in streams:
            current.wait_stream(stream)
        return found

    def _on_device(self) -> contextlib.AbstractContextManager:
        """Make its GPU the current one: streams and graphs are made on that."""
        if self._device.type == "cpu":
            return contextlib.nullcontext()
        return torch.cuda.device(self._device)


@contextlib.contextmanager
def _kernels_by_trial() -> Iterator[None]:
    """Let cuDNN time its kernels and take the fastest: worth it for a fixed number of images."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
