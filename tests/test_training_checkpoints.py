"""Checkpoints: written whole or not at all, read without running code."""

from __future__ import annotations

import errno
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from awarenet.errors import AwareNetError
from trainer.training import checkpoints
from trainer.training.checkpoints import (
    Progress,
    load_state,
    save_state,
    save_weights,
    tidy,
    write_curve,
)
from trainer.training.stopping import Watch

PARTS = {"module": {"weight": torch.arange(3.0)}}


def no_space(*_args: object, **_kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def progress(step: int) -> Progress:
    return Progress(
        step=step,
        seconds=2.5,
        watch=Watch(0.9, 0.8, 2),
        best_weights={"weight": torch.ones(2)},
        curve=[{"step": number, "loss": 0.5} for number in range(step)],
    )


def test_what_is_loaded_is_what_was_saved(tmp_path):
    save_state(tmp_path, progress(3), PARTS)
    found, parts = load_state(tmp_path)
    assert torch.equal(found.best_weights.pop("weight"), torch.ones(2))
    expected = progress(3)
    expected.best_weights = {}
    assert found == expected
    assert torch.equal(parts["module"]["weight"], torch.arange(3.0))


def test_without_a_checkpoint_training_begins_at_the_beginning(tmp_path):
    assert load_state(tmp_path) == (Progress(), {})
    assert Progress().watch == Watch()


def test_the_curve_is_written_from_the_checkpoint_line_by_line(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 0}\n{"step": 0}\n{"st')
    write_curve(tmp_path, progress(2))
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1]


@pytest.mark.parametrize("after", [0, 100])
def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path, monkeypatch, after):
    save_state(tmp_path, progress(3), PARTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def save(state, file):
        file.write(b"x" * after)
        no_space()

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(AwareNetError, match=r"cannot write .*state\.pt: No space left on device"):
        save_state(tmp_path, progress(4), PARTS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert load_state(tmp_path)[0].step == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_torch_itself_gives_the_reason_when_a_disk_is_full(tmp_path, monkeypatch):
    class Full:
        def __enter__(self):
            return Path("/dev/full")

        def __exit__(self, *_):
            return False

    monkeypatch.setattr(checkpoints, "written_whole", lambda path: Full())
    with pytest.raises(AwareNetError, match="No space left on device"):
        save_state(tmp_path, progress(1), {"module": {"weight": torch.zeros(100_000)}})


def test_a_full_disk_leaves_finished_weights_alone(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_weights(path, {"weight": torch.ones(2)})
    monkeypatch.setattr(checkpoints, "save_file", no_space)
    with pytest.raises(AwareNetError, match="cannot write .*No space left on device.*intact"):
        save_weights(path, {"weight": torch.zeros(2)})
    assert torch.equal(load_file(path)["weight"], torch.ones(2))


def test_a_broken_checkpoint_is_named(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(AwareNetError, match=r"state\.pt is not a checkpoint.*delete it"):
        load_state(tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "state.pt").write_bytes(pickle.dumps({"progress": Trap()}, protocol=2))
    with pytest.raises(AwareNetError, match="is not a checkpoint"):
        load_state(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_tensors_that_share_memory_are_saved(tmp_path):
    whole = torch.arange(6.0).view(2, 3)
    save_weights(tmp_path / "w.safetensors", {"a": whole, "b": whole.t(), "c": whole[0]})
    found = load_file(tmp_path / "w.safetensors")
    assert torch.equal(found["b"], whole.t())
    assert torch.equal(found["c"], whole[0])


def test_what_a_killed_run_left_half_written_is_cleared_away(tmp_path):
    for name in ("state.77.part", "state.pt", "log.jsonl"):
        (tmp_path / name).touch()
    tidy(tmp_path, done=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "state.pt"]
    tidy(tmp_path, done=True)
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
