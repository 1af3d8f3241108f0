"""Prepare crops again and again, killed at random moments, then once in peace.

`python tests/kill_harness.py JOB`, a pickle of clips, parts, root, settings, store, kills and seed.
It prints how each attempt ended. A process of its own and with few imports, so that it may fork:
starting Python ten times would take longer than all the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import numpy as np  # noqa: E402

from trainer.extraction.pool import become_worker  # noqa: E402
from trainer.extraction.spread import run  # noqa: E402
from trainer.extraction.store import ShardStore  # noqa: E402


def attempt(clips, parts, root: Path, settings, store) -> int:
    """Begin a run in a process group of its own; gives its number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    status = 1
    try:
        run(clips, parts, root, settings, store=store, workers=2, method="fork")
        status = 0
    finally:
        os._exit(status)


def progress(root: Path) -> int:
    """Bytes of the journal and of the shard that is being written."""
    total = 0
    for path in [root / "journal.jsonl", *root.glob("shards/.*/*")]:
        with contextlib.suppress(FileNotFoundError):  # it has just got its final name
            total += path.stat().st_size
    return total


def is_over(child: int) -> bool:
    """Whether a process has ended, without taking its status away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(job: Path) -> None:
    """Kill every attempt but the last, between two steps of its work or within one."""
    clips, parts, root, settings, store, kills, seed = pickle.loads(job.read_bytes())
    become_worker()
    if isinstance(store, ShardStore):
        import webdataset.writer  # noqa: F401  once, not in every child
    rng = np.random.default_rng(seed)
    root.mkdir()
    for left in range(kills, -1, -1):
        child = attempt(clips, parts, root, settings, store)
        if left:
            for _ in range(rng.integers(3)):
                before = progress(root)
                while before == progress(root) and not is_over(child):
                    time.sleep(0.001)
            time.sleep(float(rng.uniform(0, 0.02)))
            os.killpg(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        with (root / "journal.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the last of the group is gone


if __name__ == "__main__":
    main(Path(sys.argv[1]))
