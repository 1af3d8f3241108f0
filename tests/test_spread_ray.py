"""A Ray cluster gives what processes give. One cluster of one CPU is started for this file."""

from __future__ import annotations

import sys

import pytest
import tiny_jobs
from face_clips import SMALL, write_set
from tiny_jobs import Stubborn, Work

from awarenet.errors import AwareNetError, MediaError, SettingsError
from trainer.extraction.cluster import connected, run_on_ray
from trainer.extraction.pool import Died
from trainer.extraction.spread import run
from trainer.extraction.store import ShardStore


def test_without_the_package_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match="the engine `ray` needs a package: pip install"):
        list(run_on_ray(abs, [1], workers=1))


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        start = ray.init

        def alone(address: str, **options: object) -> object:
            """Find no cluster: one that is there is that of another test beside this one."""
            if address == "auto":
                raise ConnectionError("none is looked for")
            return start(address=address, **options)

        patch.setattr(ray, "init", alone)
        with connected(ray, 1):
            ray.cloudpickle.register_pickle_by_value(tiny_jobs)  # a cluster knows no tests
            yield
        ray.cloudpickle.unregister_pickle_by_value(tiny_jobs)
        assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.parametrize("store", [None, ShardStore(clips=3)], ids=["folder", "shards"])
def test_the_manifest_is_that_of_this_process(cluster, tmp_path, store):
    clips, parts = write_set(tmp_path / "clips", 8)
    here = run(clips, parts, tmp_path / "here", SMALL, store=store, workers=0)
    there = run(clips, parts, tmp_path / "there", SMALL, store=store, engine="ray")
    assert there.failures == here.failures
    assert there.manifest.read_bytes() == here.manifest.read_bytes()


@pytest.mark.slow
def test_a_worker_that_dies_costs_one_job_and_errors_come_through(cluster, tmp_path):
    work = Work(tmp_path, lethal=(1,))
    found = dict(run_on_ray(work, list(range(4)), workers=1, ordered=True))
    assert list(found) == [0, 1, 2, 3]
    assert isinstance(found[1], Died)
    assert (found[1].reason, work.begun(1)) == ("killed", 2)
    assert [found[number][0] for number in (0, 2, 3)] == [0, 4, 9]
    wrong = Work(tmp_path, wrong={0: (MediaError, "timeout", "it took over 1 s")})
    with pytest.raises(AwareNetError, match="it took over 1 s"):
        list(run_on_ray(wrong, [0], workers=1))
    with pytest.raises(Exception, match="1 and 2"):
        list(run_on_ray(Work(tmp_path, wrong={0: (Stubborn, 1, 2)}), [0], workers=1))
