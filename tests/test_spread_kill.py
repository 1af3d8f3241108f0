"""Preparation that is killed, all of it at once, loses nothing, doubles nothing, halves nothing."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from face_clips import SMALL, write_set

from trainer.extraction.crops import read_crop
from trainer.extraction.spread import run
from trainer.extraction.store import FolderStore, ShardStore
from trainer.manifest import read_manifest

HARNESS = Path(__file__).parent / "kill_harness.py"


@pytest.mark.parametrize(
    ("store", "kills"), [(FolderStore(), 10), (ShardStore(clips=4), 5)], ids=["folder", "shards"]
)
def test_it_can_be_killed_at_any_moment_and_ends_with_the_same_manifest(tmp_path, store, kills):
    clips, parts = write_set(tmp_path / "clips", 48)
    run(clips, parts, tmp_path / "calm", SMALL, store=store, workers=0)
    killed = tmp_path / "killed"
    job = tmp_path / "job.pickle"
    job.write_bytes(pickle.dumps((clips, parts, killed, SMALL, store, kills, 7)))
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(job)], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["-9"] * kills + ["0"], done.stderr

    calm = tmp_path / "calm" / "manifest.parquet"
    assert (killed / "manifest.parquet").read_bytes() == calm.read_bytes()
    assert not list(killed.rglob("*.part"))
    rows = read_manifest(calm)
    assert len(rows) == len({row.path for row in rows}) == 2 * 15 + 3 * 30
    for row in rows:
        assert (read_crop(killed, row.path) == read_crop(tmp_path / "calm", row.path)).all()
    kept = {path.relative_to(killed).as_posix() for path in killed.rglob("*.*") if path.is_file()}
    assert kept == {
        "manifest.parquet",
        "journal.jsonl",
        "journal.lock",
        *(row.path.partition("#")[0] for row in rows),
    }
    lines = [json.loads(line) for line in (killed / "journal.jsonl").read_text().splitlines()]
    names = [line["clip"] for line in lines[1:]]
    assert set(names) == {clip.name for clip in clips}
    if isinstance(store, FolderStore):
        assert len(names) == len(clips)
