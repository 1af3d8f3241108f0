"""How this process was started: alone, by a pool, or as one of several by torchrun."""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.queues import Queue


def processes() -> int:
    """How many processes torchrun started for this run; 1 by plain `python`."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes what all of them share."""
    return int(os.environ.get("RANK", "0")) == 0


def log_to_stderr() -> None:
    """Log what happens, with the time, to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for client in ("httpx", "httpx2"):  # which log every request
        logging.getLogger(client).setLevel(logging.WARNING)


def take_gpu(numbers: Queue) -> None:
    """See one GPU only, of those whose numbers wait in a queue; before CUDA is touched.

    Args:
        numbers: A queue with one entry a process: the GPU's number, or "" for none.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = str(numbers.get())
