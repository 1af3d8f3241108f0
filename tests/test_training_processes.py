"""Two processes learn what one learns with twice the accumulation."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_people import write_patterns
from training_runs import Small, capsule_in, curve, experiment_in, train_small

from awarenet.errors import AwareNetError
from trainer.experiments import Experiment
from trainer.training.checkpoints import load_state, save_state
from trainer.training.member import train_member

SCRIPT = Path(__file__).with_name("training_runs.py")
OPTIONS = {"steps": 6, "head_epochs": 1, "precision": "float32", "learning_rate": 1e-3}
LEFT = ["log.jsonl", "model.safetensors", "model.safetensors.from.json", "start.json"]
COMPARED = ("epoch", "loss", "validation_loss", "validation_auc", "learning_rate")


def train_by_torchrun(experiments: list[Experiment], processes: int) -> None:
    """Train the first member of each in several processes, joined by gloo."""
    jobs = [experiment.run / "job.json" for experiment in experiments]
    for experiment, job in zip(experiments, jobs, strict=True):
        job.write_text(experiment.settings.model_dump_json())
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone",
               "--nproc-per-node", str(processes), str(SCRIPT), *map(str, jobs)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_learn_as_one_with_twice_the_accumulation(tmp_path):
    manifest = write_patterns(tmp_path / "run", {"train": 8, "validation": 3}, side=96)
    alone, shared = [], []
    for optimizer in ("adamw", "sam"):
        options = {**OPTIONS, "optimizer": optimizer}
        alone.append(
            experiment_in(tmp_path / f"one-{optimizer}", manifest, **options, accumulate=2)
        )
        shared.append(experiment_in(tmp_path / f"two-{optimizer}", manifest, **options))
    # a part of it rests for good, it learns from four votes, and it draws noise of its own
    options = {**OPTIONS, "head_epochs": 0, "schedule": "plateau", "ema": 0.0}
    alone.append(capsule_in(tmp_path / "one-capsule", manifest, **options, accumulate=2))
    shared.append(capsule_in(tmp_path / "two-capsule", manifest, **options))
    for experiment in alone:
        train_member(experiment, experiment.families[0], 0)
    train_by_torchrun(shared, 2)
    for one, two in zip(alone, shared, strict=True):
        family = one.families[0]
        folders = [each.member_folder(family, 0) for each in (one, two)]
        curves = [curve(folder) for folder in folders]
        assert [record["step"] for record in curves[0]] == [2, 4, 6]
        for expected, found in zip(*curves, strict=True):
            for key in COMPARED:
                assert found[key] == pytest.approx(expected[key], abs=1e-4), (found["step"], key)
        assert sorted(path.name for path in folders[1].iterdir()) == LEFT
        before = (folders[1] / "model.safetensors").stat().st_mtime_ns
        train_member(two, family, 0)  # one process finds what two have made
        assert (folders[1] / "model.safetensors").stat().st_mtime_ns == before


def test_a_checkpoint_of_another_number_of_processes_is_refused(tmp_path):
    train_small(Small(), tmp_path, steps=2)
    progress, parts = load_state(tmp_path)
    save_state(tmp_path, replace(progress, processes=2), parts)
    with pytest.raises(AwareNetError, match=r"training by 2 processes, 1 came; start as many"):
        train_small(Small(), tmp_path, steps=4)
