"""Preparation on a disk that is full, over shards that are cut off, under a clock that jumps."""

from __future__ import annotations

import os
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

STORES = {"folder": FolderStore(), "shards": ShardStore(clips=4)}
# What may write no file of more than some bytes: its writes fail as on a disk that is full
CRAMPED = """
import pickle, resource, sys
from awarenet.errors import AwareNetError
from trainer.extraction.spread import run

clips, parts, root, settings, store, most = pickle.load(open(sys.argv[1], "rb"))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    run(clips, parts, root, settings, store=store, workers=0)
except AwareNetError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("films") / "clips", 15)


@pytest.fixture(scope="module", params=STORES)
def calm(request, films, tmp_path_factory):
    """A store, and the folder of a run that nothing happened to."""
    root = tmp_path_factory.mktemp("calm")
    run(*films, root, SMALL, store=STORES[request.param], workers=0)
    return STORES[request.param], root


def same(root: Path, calm: Path) -> bool:
    """Whether two folders hold one manifest, and every crop of it."""
    manifest = calm / "manifest.parquet"
    assert not list(root.rglob("*.part"))
    assert (root / "manifest.parquet").read_bytes() == manifest.read_bytes()
    rows = read_manifest(manifest)
    return all((read_crop(root, r.path) == read_crop(calm, r.path)).all() for r in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
@pytest.mark.parametrize("most", [100, 900, 4_000, 12_000])  # bytes a file: at each kind of it
def test_a_disk_that_is_full_is_one_line_and_the_next_run_goes_on(tmp_path, films, calm, most):
    store, undisturbed = calm
    root, job = tmp_path / "root", tmp_path / "job"
    job.write_bytes(pickle.dumps((*films, root, SMALL, store, most)))
    done = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(job)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "File too large" in last and "make room and prepare again" in last
    assert not (root / "manifest.parquet").exists()
    assert not list(root.rglob("*.part"))
    run(*films, root, SMALL, store=store, workers=0)
    assert same(root, undisturbed)


@pytest.mark.parametrize("left", [0, 700, 4_096, -1_024, -1, None])  # bytes; None: it is gone
def test_a_shard_that_is_cut_off_is_written_again_and_the_others_are_not(
    tmp_path, films, left, caplog
):
    store = STORES["shards"]
    run(*films, tmp_path, SMALL, store=store, workers=0)
    shards = sorted((tmp_path / "shards").glob("*.tar"))
    whole = {path: path.read_bytes() for path in shards}
    kept = {path: path.stat().st_mtime_ns for path in shards}
    if left is None:
        shards[0].unlink()
    else:
        os.truncate(shards[0], left if left >= 0 else len(whole[shards[0]]) + left)
    summary = run(*films, tmp_path, SMALL, store=store, workers=0)
    assert summary.done == 4
    assert f"shard {shards[0].stem} is cut off or gone" in caplog.text
    assert {path: path.read_bytes() for path in shards} == whole
    assert all(path.stat().st_mtime_ns == kept[path] for path in shards[1:])


@pytest.mark.parametrize("year_s", [0, 2_000_000_000])  # 1970 and 2033
def test_a_clock_that_jumps_changes_nothing(tmp_path, films, calm, year_s, monkeypatch):
    store, undisturbed = calm
    clips, parts = films
    run(clips, parts, tmp_path, SMALL, store=store, workers=0, shard=(1, 2))
    for path in tmp_path.rglob("*"):
        os.utime(path, (year_s, year_s))
    monkeypatch.setattr("time.time", lambda: float(year_s))
    run(clips, parts, tmp_path, SMALL, store=store, workers=0)
    assert same(tmp_path, undisturbed)
