"""Train a member again and again, killed at random moments, then once in peace.

`python tests/kill_training.py JOB…`: each {"settings", "kills", "seed"} as JSON. It prints how each
attempt ended, a line a job. Attempts are forks of this process, which has everything imported.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import numpy as np  # noqa: E402

from trainer.experiments import Experiment  # noqa: E402
from trainer.settings import TrainerSettings  # noqa: E402
from trainer.training.member import train_member  # noqa: E402


def attempt(experiment: Experiment, family: str, index: int) -> int:
    """Begin or go on with a training in a process of its own; gives its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        train_member(experiment, family, index)
        status = 0
    finally:
        os._exit(status)


def written(folder: Path) -> int:
    """Changes with every checkpoint."""
    path = folder / "state.pt"
    return path.stat().st_mtime_ns if path.exists() else 0


def is_over(child: int) -> bool:
    """Whether a process has ended, without taking its status away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(job: Path) -> None:
    """Kill every attempt but the last, a few checkpoints and a moment after its start."""
    asked = json.loads(job.read_text("utf-8"))
    experiment = Experiment(TrainerSettings.model_validate(asked["settings"]), "all", "none")
    member = experiment.members[0]
    folder = experiment.member_folder(*member)
    rng, ended = np.random.default_rng(asked["seed"]), []
    for left in range(asked["kills"], -1, -1):
        child = attempt(experiment, *member)
        if left:
            for _ in range(rng.integers(1, 4)):
                before = written(folder)
                while before == written(folder) and not is_over(child):
                    time.sleep(0.001)
            time.sleep(float(rng.uniform(0, 0.05)))
            os.kill(child, signal.SIGKILL)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(*ended)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        main(Path(path))
