"""Work through a list with Ray, on a cluster that is there or on this machine alone.

Ray (https://docs.ray.io, Apache-2.0) is an optional package. Every machine needs this project and
the clips at the same place; crops in a folder need a disk that all share, tar shards do not, since
this process writes them.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TypeVar

from awarenet.errors import AwareNetError
from awarenet.scan.cluster import import_ray
from trainer.extraction.pool import AHEAD, TRIES, Died, Turns, become_worker

Job = TypeVar("Job")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


def run_on_ray(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int, ordered: bool = False
) -> Iterator[tuple[int, Result | Died]]:
    """Work through jobs as tasks of one CPU each.

    A cluster is used when this process is connected to one, RAY_ADDRESS names one or one runs on
    this machine; otherwise one is started here and ended afterwards.

    Args:
        work: What is done with a job; it is sent to every machine once.
        jobs: Sent as they are needed, so memory does not grow with their number.
        workers: CPUs of the cluster that is started where there is none.
        ordered: Whether results come in the order of the jobs, or as they are finished.

    Yields:
        Number of the job, and its result; or how its process ended, twice.

    Raises:
        SettingsError: Ray is not installed.
        Exception: What `work` raises.
    """
    ray = import_ray()
    with connected(ray, workers):
        shared = ray.put(work)
        task = ray.remote(num_cpus=1, max_retries=0)(_do)
        todo, turns, tries = deque(range(len(jobs))), Turns(ordered), [0] * len(jobs)
        running, room = {}, 0
        while turns.given < len(jobs):
            if len(running) <= room // 2:  # ask now and then: a cluster may grow
                room = max(2 * int(ray.cluster_resources().get("CPU", 1)), 2)
            while todo and len(running) < room and turns.may_start(todo[0], AHEAD * room):
                number = todo.popleft()
                running[task.remote(shared, jobs[number])] = number
            (reference,), _ = ray.wait(list(running), num_returns=1)
            number = running.pop(reference)
            try:
                outcome = ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                tries[number] += 1
                if tries[number] < TRIES:
                    todo.appendleft(number)
                    continue
                kind = type(error).__name__
                outcome = Died("killed", f"its process died, {TRIES} times ({kind})")
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, AwareNetError):
                    raise error.cause from None
                raise
            del reference  # so that the cluster forgets the result
            yield from turns.give(number, outcome)


def _do(work: Callable[[Job], Result], job: Job) -> Result:
    """Run on the cluster."""
    _begin()
    return work(job)


@functools.cache
def _begin() -> None:
    """Once a process: it takes longer than many a job."""
    become_worker()


@contextlib.contextmanager
def connected(ray: ModuleType, workers: int) -> Iterator[None]:
    """Join a cluster, or start one, unless this process is in one already."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), logging_level=logging.WARNING)
    except ConnectionError as error:
        if address := os.environ.get("RAY_ADDRESS"):
            raise AwareNetError(
                f"no Ray cluster answers at RAY_ADDRESS={address}; start it, or unset RAY_ADDRESS"
            ) from error
        log.info("no Ray cluster found, starting one of %d CPUs on this machine", workers)
        ray.init(
            address="local",
            num_cpus=workers,
            include_dashboard=False,
            logging_level=logging.WARNING,
        )
    try:
        yield
    finally:
        ray.shutdown()
