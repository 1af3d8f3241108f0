"""Let one part of the work run ahead of another, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterable[Item], size: int) -> Iterator[Item]:
    """Make items in a thread, so that they are there when they are asked for.

    It starts at the first one asked for. What making them raises is raised where they are asked
    for. When the iterator is closed, no more are made, and the thread has ended.

    Args:
        items: Used in the thread alone; closed there, if it can be.
        size: Most items that may lie ready; what makes them waits then.
    """
    ready: queue.Queue[object] = queue.Queue(size)
    closed = threading.Event()
    failed: list[BaseException] = []

    def offer(item: object) -> bool:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not offer(item):
                    break
        except BaseException as error:  # whatever it is, it is for who asks
            failed.append(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            offer(_END)

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            yield item
        if failed:
            raise failed[0]
    finally:
        closed.set()
        thread.join()
