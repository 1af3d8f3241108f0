"""A GPU that is lent for each call, as on ZeroGPU: here by a package that forks and pickles."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from awarenet.combine import TwoTier
from awarenet.ensemble import Ensemble
from awarenet.errors import AwareNetError, Canceled
from awarenet.runtime import Runtime, make_runtime
from awarenet.runtime.lending import LentRuntime, seconds_wanted
from awarenet.settings import ROOT
from awarenet.zoo import create_model

CLIP = ROOT / "assets" / "examples" / "two_people.mp4"

# What ZeroGPU's does, so far as it can be seen from here: the function runs in a forked process,
# which stays for the next call; arguments and results go through pickles; what is raised there
# loses its words.
SPACES = """
import json, multiprocessing, os, pickle

fork = multiprocessing.get_context("fork")

def GPU(task, duration):
    worker = []

    def serve(line):
        while True:
            args, options = pickle.loads(line.recv_bytes())
            try:
                result = True, task(*args, **options)
            except Exception as error:
                result = False, type(error).__name__
            line.send_bytes(pickle.dumps(result))

    def call(*args, **options):
        if not worker:
            ours, theirs = fork.Pipe()
            fork.Process(target=serve, args=(theirs,), daemon=True).start()
            worker.append(ours)
        kinds = [type(each).__name__ for each in (*args, *options.values())]
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps({"kinds": kinds, "seconds": duration(*args, **options)}) + "\\n")
        worker[0].send_bytes(pickle.dumps((args, options)))
        fine, result = pickle.loads(worker[0].recv_bytes())
        if not fine:
            raise RuntimeError(f"ZeroGPU worker error: {result}")
        return result

    return call
"""

JUDGE = """
import json, sys
from awarenet.zero_gpu import find_lender
find_lender()
import numpy as np
import awarenet
from awarenet.explain import heat_maps
from awarenet.runtime.lending import LentRuntime

detector = awarenet.load_detector().with_settings(
    sampling={"frames": 3}, stability={"enabled": True}, explain={"frames": 1}
)
analysis = detector.examine(sys.argv[1])
report = analysis.report
maps = heat_maps(detector.runtime, next(iter(analysis.faces.values()))[:1], "layercam")
print(json.dumps({
    "lent": isinstance(detector.runtime, LentRuntime),
    "engine_here": detector.runtime._engine is not None,
    "people": [[each.verdict, each.probability] for each in report.people],
    "stability": report.model_dump(mode="json")["stability"],
    "runtime": report.runtime,
    "overlays": [int(each.image.sum()) for each in analysis.overlays],
    "maps": {family: float(found.sum()) for family, found in maps.items()},
}))
"""


def judged(folder: Path, **environment: str) -> dict:
    """Give what a program says of a clip, in a process of its own: forks and threads do not mix."""
    names = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **environment}
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(CLIP)],
        env=names, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same clip judged with a lent GPU and with what this machine has; and what was lent."""
    folder = tmp_path_factory.mktemp("lent")
    (folder / "spaces.py").write_text(SPACES)
    lent = judged(folder, SPACES_ZERO_GPU="true", SEEN=str(folder / "seen"))
    calls = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    return lent, judged(folder), calls


def test_networks_run_where_the_gpu_is_and_nowhere_else(both):
    lent, own, _ = both
    assert (lent["lent"], lent["engine_here"]) == (True, False)
    assert (own["lent"], own["engine_here"]) == (False, True)


def test_the_answer_is_the_same(both):
    lent, own, _ = both
    for name in ("people", "stability", "runtime", "overlays"):
        assert lent[name] == own[name], name
    assert lent["maps"] == pytest.approx(own["maps"], rel=1e-6)


def test_arrays_go_in_and_no_file_of_the_visitors(both):
    _, _, calls = both
    assert len(calls) > 3
    for call in calls:
        assert call["kinds"][:2] == ["function", "ndarray"]
        assert set(call["kinds"][2:]) <= {"NoneType", "ndarray", "list"}  # no text: no path
        assert 15 <= call["seconds"] <= 30


def test_a_gpu_is_asked_for_by_the_number_of_crops():
    few, many = np.zeros((1, 8, 8, 3), np.uint8), np.zeros((500, 8, 8, 3), np.uint8)
    assert seconds_wanted(len, few) == 15
    assert seconds_wanted(len, many, wanted=None) == 25
    assert seconds_wanted(len) == 15


def lender(task, duration):
    """Lend nothing: run it here."""
    return task


@pytest.fixture
def ensemble():
    torch.manual_seed(0)
    return Ensemble({"test_resnet": [create_model("test_resnet")]}, TwoTier(1))


@pytest.fixture
def runtime(ensemble):
    return LentRuntime(lender, ensemble, "cpu", engine="torch")


def test_words_of_a_failure_come_back(runtime):
    def fail(inner, crops):
        assert type(inner) is Runtime
        raise AwareNetError("not enough memory for one crop")

    with pytest.raises(AwareNetError, match="not enough memory for one crop"):
        runtime.there(fail, np.zeros((1, 8, 8, 3), np.uint8))


def test_a_mistake_of_ours_is_not_hidden(runtime):
    with pytest.raises(ZeroDivisionError):
        runtime.there(lambda inner: 1 // 0)


def test_nothing_is_borrowed_after_stop(runtime):
    with pytest.raises(Canceled):
        runtime.logits(np.zeros((1, 64, 64, 3), np.uint8), lambda: True)
    assert runtime._inner is None


def test_the_reason_is_that_of_the_other_side(runtime):
    assert runtime.reason == "a GPU that is lent for each call"
    assert runtime.logits(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 1, 1)
    assert runtime.reason.startswith("cpu (asked for), torch")


def test_a_cpu_that_was_asked_for_is_our_own(ensemble, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert type(make_runtime(ensemble, "cpu")) is Runtime
