"""A training that is killed again and again ends in the very bytes of an undisturbed one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_people import write_patterns
from training_runs import curve, settings_in

HARNESS = Path(__file__).with_name("kill_training.py")
KILLS = 5
TIMED = ("images_a_second", "seconds")


def write_job(folder: Path, manifest: Path, kills: int) -> Path:
    """Describe a training in a folder, and how often it is killed."""
    settings = settings_in(
        folder, manifest, steps=60, keep="best", patience=1000, head_epochs=2,
        optimizer="adamw", accumulate=2, batch=2, precision="float32",
    )  # fmt: skip
    job = folder / "job.json"
    job.write_text(
        json.dumps({"settings": settings.model_dump(mode="json"), "kills": kills, "seed": 1})
    )
    return job


@pytest.mark.slow
def test_five_kills_at_random_moments_change_no_bit_and_no_line(tmp_path):
    manifest = write_patterns(tmp_path / "run", {"train": 4, "validation": 2}, side=96)
    jobs = [write_job(tmp_path / name, manifest, kills) for name, kills in (("a", 0), ("b", KILLS))]
    done = subprocess.run(
        [sys.executable, str(HARNESS), *map(str, jobs)], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.splitlines() == ["0", "-9 " * KILLS + "0"], done.stderr
    whole, killed = (
        job.parent / "experiments" / "all-none" / "members" / "test_efficientnet-0" for job in jobs
    )
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, killed)]
    assert weights[0] == weights[1]
    curves = [
        [{key: value for key, value in record.items() if key not in TIMED} for record in records]
        for records in (curve(whole), curve(killed))
    ]
    assert [record["step"] for record in curves[0]] == list(range(2, 61, 2))
    assert curves[0] == curves[1]
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in whole.iterdir())
