"""Keep NumPy's threads out of the way of the networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let products of matrices run on one thread for as long as a block, in the whole process.

    OpenBLAS's other threads wait for more to do without resting: for a product of 0.2 ms they took
    50 ms of a core that the networks needed. The number of threads is its own again afterwards.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """Look for them once: it takes 8 ms."""
    return ThreadpoolController()
