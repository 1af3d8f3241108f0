"""Workers that are actors of a Ray cluster, one that is there or one on this machine alone.

Ray (https://docs.ray.io, Apache-2.0) is an optional package. Every machine needs awarenet, the same
versions of what it builds on, and the files and the bundle at the same place; a bundle on the Hub
is fetched by each.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from awarenet.errors import AwareNetError, SettingsError
from awarenet.report import Report
from awarenet.scan.crew import Died
from awarenet.scan.worker import Judge, Load
from awarenet.settings import RuntimeSettings


class Cluster:
    """Starts actors, each with its share of the cluster's cores and GPUs."""

    def __init__(self, loading: Load, workers: int, runtime: RuntimeSettings):
        """Note what they load, how many there will be, and what they compute on.

        Raises:
            SettingsError: Ray is not installed.
        """
        self._loading, self._workers, self._runtime = loading, workers, runtime
        self._ray = import_ray()
        self._joined = False

    def open(self) -> None:
        """Join a cluster, or start one, unless this process is in one already.

        Raises:
            AwareNetError: None answers where one should be.
        """
        if not self._ray.is_initialized():
            self._joined = True
            _join(self._ray)
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cores, gpus = shares(nodes, self._workers, self._runtime)
        self._judge = self._loading, self._runtime.threads or cores, os.getcwd()
        self._actor = self._ray.remote(num_cpus=cores, num_gpus=gpus, max_restarts=0)(Judge)

    def hire(self) -> Actor:
        """Start an actor; where all cores are taken it waits for some."""
        return Actor(self._ray, self._actor.remote(*self._judge))

    def wait(
        self, workers: Iterable[Actor], seconds: float | None
    ) -> list[tuple[Actor, Report | Died]]:
        """Wait until an actor answers or is gone."""
        by_answer = {worker.answer: worker for worker in workers if worker.answer is not None}
        ready, _ = self._ray.wait(list(by_answer), timeout=seconds)
        return [(by_answer[answer], by_answer[answer].take()) for answer in ready]

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._joined:
            self._ray.shutdown()


class Actor:
    """An actor and the answer that is awaited from it."""

    def __init__(self, ray: ModuleType, handle: object):
        """Let it load its detector."""
        self._ray, self._handle = ray, handle
        self.answer = handle.begin.remote()  # None while it has nothing to do

    def hand(self, path: Path) -> None:
        """Let it begin with a file."""
        self.answer = self._handle.judge.remote(str(path))

    def take(self) -> Report | Died:
        """Give its answer, or how it ended; raises what it could not begin for."""
        answer, self.answer = self.answer, None
        errors = self._ray.exceptions
        try:
            return self._ray.get(answer)
        except errors.RayTaskError as error:
            if isinstance(error.cause, AwareNetError):
                raise error.cause from None
            raise
        except (errors.RayActorError, errors.OutOfMemoryError, errors.WorkerCrashedError) as error:
            said = [line.strip() for line in str(error).splitlines() if line.strip()]
            return Died(": ".join([type(error).__name__, *said[-1:]]))

    def stop(self) -> None:
        """Kill it."""
        with contextlib.suppress(Exception):  # it, or the whole cluster, is gone
            self._ray.kill(self._handle)


def shares(
    nodes: list[Mapping[str, float]], workers: int, runtime: RuntimeSettings
) -> tuple[int, float]:
    """Share out a cluster.

    Args:
        nodes: By machine, how much it has of CPU and GPU.
        workers: How many there will be.
        runtime: Threads and device that were asked for.

    Returns:
        Cores of a worker: as many as let all workers find a machine, or those asked for if there
        is a machine that has them; at least 1. And GPUs, a part of one where several share it.
    """
    cores = [int(node.get("CPU", 0)) for node in nodes]
    most = max([*cores, 1])
    fitting = [each for each in range(1, most + 1) if sum(own // each for own in cores) >= workers]
    threads = min(runtime.threads, most) or max(fitting, default=1)
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if runtime.device == "cpu" or not gpus:
        return threads, 0
    return threads, 1 / math.ceil(workers / gpus)


def _join(ray: ModuleType) -> None:
    try:  # RAY_ADDRESS, what `ray start` began on this machine, or a new one of all its cores
        ray.init(include_dashboard=False, logging_level=logging.WARNING)
    except ConnectionError as error:
        raise AwareNetError(
            f"no Ray cluster answers at {os.environ.get('RAY_ADDRESS') or 'the last address'}; "
            "start it, or unset RAY_ADDRESS and call ray stop"
        ) from error


def import_ray() -> ModuleType:
    """Import Ray, which is an extra; it shall not call home.

    Raises:
        SettingsError: It is not here.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
    except ImportError:
        raise SettingsError("the engine `ray` needs a package: pip install 'ray>=2.50'") from None
    return ray
