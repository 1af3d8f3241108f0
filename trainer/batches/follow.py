"""Make batches ahead of whoever uses them, in a thread or in processes, always in their order.

What is raised while a batch is made is raised where it would have been used, and whoever stops
early leaves nobody behind.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from awarenet.errors import AwareNetError
from trainer.extraction.pool import become_worker

Made = TypeVar("Made")

AHEAD = 2  # batches that wait to be used, of the thread or of each process


def follow_in_thread(make: Callable[[int], Made], numbers: Sequence[int]) -> Iterator[Made]:
    """Make what belongs to each number, in their order, a little ahead."""
    pool, coming = ThreadPoolExecutor(1), deque()
    try:
        for number in numbers:
            coming.append(pool.submit(make, number))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def follow_in_processes(
    make: Callable[[int], Made], numbers: Sequence[int], loaders: int
) -> Iterator[Made]:
    """Make what belongs to each number, in their order, in `loaders` processes of one thread each.

    Args:
        make: Goes to every process once.
        numbers: What it is called with.
        loaders: At least 1.

    Raises:
        AwareNetError: Whatever `make` raises of that kind; or a process died.
    """
    if not len(numbers):
        return
    feed = iter(
        DataLoader(
            _Numbered(make),
            batch_size=None,
            sampler=numbers,
            num_workers=min(loaders, len(numbers)),
            prefetch_factor=AHEAD,
            collate_fn=_as_it_is,
            worker_init_fn=_begin,
            generator=torch.Generator(),  # or it would draw from the one that dropout draws from
            multiprocessing_context="spawn",  # a fork would copy locks that other threads hold
        )
    )
    try:
        while True:
            try:
                made = next(feed)
            except StopIteration:
                return
            except RuntimeError as error:
                if "exited unexpectedly" not in str(error):
                    raise
                raise AwareNetError(
                    f"a process that makes batches died ({error}); is there memory for "
                    f"[train] loaders = {loaders}?"
                ) from error
            if isinstance(made, AwareNetError):
                raise made
            yield made
    finally:
        del feed  # ends the processes


class _Numbered(Dataset, Generic[Made]):
    """What `make` returns, as a data set."""

    def __init__(self, make: Callable[[int], Made]):
        self.make = make

    def __getitem__(self, number: int) -> Made | AwareNetError:
        try:
            return self.make(number)
        except AwareNetError as error:
            return error  # raised here, torch would wrap it in a traceback of 20 lines


def _as_it_is(made: Made) -> Made:
    """Leave arrays arrays; torch would make tensors of them."""
    return made


def _begin(number: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    become_worker()


def _end_with_parent() -> None:
    """End when the parent is killed: a full pipe that nobody reads would hold it forever."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
