"""Batches made ahead, in a thread or in processes: in order, alike, and nobody left behind."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_people import write_patterns
from webdataset.writer import TarWriter

from awarenet.errors import AwareNetError
from trainer.batches.follow import AHEAD, follow_in_processes, follow_in_thread
from trainer.batches.samples import Samples
from trainer.manifest import read_manifest
from trainer.settings import TrainerSettings

LOADERS = 2
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_patterns(folder, {"train": 4})
    return folder


def make(run: Path, rows=None, recipe: str = "camera", **train: object) -> Samples:
    settings = TrainerSettings.model_validate({"train": {"batch": 4, **train}})
    rows = read_manifest(run / "manifest.parquet") if rows is None else rows
    return Samples(rows, run, settings, recipe=recipe, side=32, seed=0)


def into_shard(run: Path, folder: Path) -> list:
    """Move the crops of a run into one tar shard, as [prepare] store = shards lays them out."""
    (folder / "shards").mkdir(parents=True)
    rows = read_manifest(run / "manifest.parquet")
    with TarWriter(str(folder / "shards" / "train-00000.tar"), encoder=False) as writer:
        for row in rows:
            key = row.path.removesuffix(".png")
            writer.write({"__key__": key, "png": (run / row.path).read_bytes(), "json": b"{}"})
    return [replace(row, path=f"shards/train-00000.tar#{row.path}") for row in rows]


def triple(number: int) -> int:
    if number == 13:
        raise AwareNetError("thirteen cannot be made")
    if number == 99:
        os._exit(7)
    return 3 * number


def nobody_left() -> bool:
    """Whether all processes end within ten seconds."""
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not multiprocessing.active_children()


def test_processes_and_thread_folder_and_shard_give_the_same_batches_in_order(run, tmp_path):
    numbers = [4, 0, 7, 2, 3]
    expected = [make(run).batch(number) for number in numbers]
    shard = make(tmp_path, into_shard(run, tmp_path))
    state = torch.random.get_rng_state()
    for source, loaders in ((make(run), 0), (shard, 0), (shard, LOADERS)):
        found = list(source.follow(numbers, loaders))
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
            assert isinstance(one.crops, np.ndarray)
            assert one.clips == other.clips
    assert torch.equal(torch.random.get_rng_state(), state)  # dropout's draws are its own
    assert nobody_left()


@pytest.mark.parametrize("loaders", [0, 1])
def test_a_crop_that_is_gone_ends_it_with_the_same_error(run, tmp_path, loaders):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    for path in copy.glob("train-*.png"):
        path.unlink()
    with pytest.raises(AwareNetError, match=r"^train-\d.*\.png is missing or broken") as raised:
        list(make(copy).follow(range(5), loaders))
    assert "\n" not in str(raised.value)
    assert nobody_left()


def test_what_was_made_before_an_error_is_still_given():
    given = follow_in_thread(triple, [1, 2, 13, 4])
    assert [next(given), next(given)] == [3, 6]
    with pytest.raises(AwareNetError, match="^thirteen cannot be made$"):
        next(given)


def test_a_process_that_dies_is_an_error_and_not_a_wait():
    with pytest.raises(AwareNetError, match="a process that makes batches died"):
        list(follow_in_processes(triple, [1, 99, 3], 1))
    assert nobody_left()


def test_whoever_stops_early_leaves_nobody_behind(run):
    before = set(threading.enumerate())
    for loaders in (0, 1):
        batches = make(run).follow(range(1000), loaders)
        next(batches)
        start = time.monotonic()
        batches.close()
        assert time.monotonic() - start < 15
        assert nobody_left()
    new = {thread.name for thread in threading.enumerate() if thread not in before}
    assert not [name for name in new if name.startswith("ThreadPoolExecutor")]


def much(number: int) -> bytes:
    return bytes(1_000_000)  # far more than a pipe holds


ABANDONED = """
import multiprocessing, sys, time
sys.path[:0] = {path!r}
from test_follow import much
from trainer.batches.follow import follow_in_processes
if __name__ == "__main__":
    given = follow_in_processes(much, range(1000), 2)
    next(given)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)
"""


def test_a_trainer_that_is_killed_leaves_no_process_behind(tmp_path):
    script = tmp_path / "abandon.py"
    script.write_text(ABANDONED.format(path=[str(Path(__file__).parent), str(ROOT)]), "utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as one:
        children = [int(number) for number in one.stdout.readline().split()]
        one.kill()
    assert len(children) == 2
    deadline = time.monotonic() + 10
    while any(map(is_there, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_there, children))


def is_there(number: int) -> bool:
    """Whether a process of that number runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_no_more_is_made_ahead_than_said():
    made = []
    given = follow_in_thread(lambda number: made.append(number), range(100))
    next(given)
    time.sleep(0.3)
    assert len(made) <= AHEAD + 1
    given.close()


@pytest.mark.parametrize("loaders", [0, LOADERS])
def test_nothing_asked_is_nothing_made(run, loaders):
    assert list(make(run).follow([], loaders)) == []
