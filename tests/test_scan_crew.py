"""The dealer of files, with workers that are played: order, bounds, deaths, on any course."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from fake_page import make_refusal
from hypothesis import given
from hypothesis import strategies as st

from awarenet.errors import AwareNetError
from awarenet.report import Report
from awarenet.scan.cluster import shares
from awarenet.scan.crew import AHEAD, Crew, Died
from awarenet.settings import RuntimeSettings

NOW = make_refusal("error", "", name="now")


class Played:
    """A worker that answers when it is told to."""

    def __init__(self):
        self.path, self.ready, self.stopped = None, False, False

    def hand(self, path: Path) -> None:
        assert self.ready and not self.stopped and self.path is None
        self.path = path

    def stop(self) -> None:
        self.stopped = True


class Stage:
    """A workplace where whoever is next to answer, or to die, is drawn by lot."""

    def __init__(self, seed: int, deadly: dict[str, int], stillborn: int = 0):
        self.random, self.deadly, self.stillborn = Random(seed), dict(deadly), stillborn
        self.hired, self.begun, self.opened = [], Counter(), 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.opened -= 1

    def hire(self) -> Played:
        self.hired.append(Played())
        return self.hired[-1]

    def wait(self, workers, seconds):
        workers = list(workers)
        assert len(workers) == len(set(workers)) and not any(each.stopped for each in workers)
        waiting = [worker for worker in workers if worker.path or not worker.ready]
        count = self.random.randint(1, len(waiting))
        return [(worker, self.answer(worker)) for worker in self.random.sample(waiting, count)]

    def answer(self, worker: Played) -> Report | Died:
        if not worker.ready:
            self.stillborn -= 1
            if self.stillborn >= 0:
                return Died("too little memory")
            worker.ready = True
            return NOW
        path, worker.path = worker.path, None
        self.begun[path.name] += 1
        self.deadly[path.name] = self.deadly.get(path.name, 0) - 1
        if self.deadly[path.name] >= 0:
            return Died("killed")
        return make_refusal("no_face", "", name=path.name)


@given(
    st.integers(0, 2**32),
    st.integers(1, 5),
    st.lists(st.tuples(st.booleans(), st.sampled_from([0, 0, 0, 1, 2])), max_size=24),
    st.integers(0, 2),
)
def test_files_come_back_in_their_order_whoever_dies(seed, workers, files, stillborn):
    """A file is (whether it is to be judged, how many it kills)."""
    names = [f"{number}.mp4" for number in range(len(files))]
    stage = Stage(seed, {name: deaths for name, (_, deaths) in zip(names, files, strict=True)})
    stage.stillborn = stillborn
    taken, given_back = [], []

    def coming():
        for name, (wanted, _) in zip(names, files, strict=True):
            taken.append(name)
            assert len(taken) - len(given_back) <= AHEAD * workers
            yield Path(name), wanted

    with Crew(stage, workers) as crew:
        for path, report in crew.examine(coming()):
            given_back.append(path.name)
            wanted, deaths = files[len(given_back) - 1]
            assert (report is not None) == wanted
            if wanted:
                assert report.input.name == path.name
                assert report.status == ("error" if deaths == 2 else "no_face")
            assert sum(not worker.stopped for worker in stage.hired) <= workers
        assert all(worker.path is None for worker in stage.hired if not worker.stopped)
    assert given_back == names
    tries = {
        name: min(deaths + 1, 2)
        for name, (wanted, deaths) in zip(names, files, strict=True)
        if wanted
    }
    assert stage.begun == tries
    assert all(worker.stopped for worker in stage.hired) and not stage.opened


def test_workers_that_never_begin_end_the_scan_and_not_only_the_files():
    stage = Stage(0, {}, stillborn=99)
    with (
        Crew(stage, 2) as crew,
        pytest.raises(AwareNetError, match=r"no worker starts \(too little memory\)"),
    ):
        list(crew.examine([(Path("a.mp4"), True)]))
    assert len(stage.hired) <= 4


def test_machines_that_would_answer_differently_are_refused():
    stage, other = Stage(0, {}), NOW.model_copy(update={"versions": {"torch": "0.4"}})
    stage.answer = lambda worker: [NOW, other][stage.hired.index(worker)]
    with (
        Crew(stage, 2) as crew,
        pytest.raises(AwareNetError, match=r"one worker has \S+ = .*; make their machines alike"),
    ):
        while True:
            list(crew.examine([(Path("a.mp4"), True)]))


def test_a_failure_is_the_report_that_a_detector_makes(detector):
    stage = Stage(0, {})
    stage.answer = lambda worker: detector.failure(Path("now"), "error", "")
    with Crew(stage, 1) as crew:
        made = crew.failure(Path("x/a.mp4"), "unsupported", "an empty folder").to_dict()
    expected = detector.failure(Path("x/a.mp4"), "unsupported", "an empty folder").to_dict()
    for report in (made, expected):
        del report["created"], report["timing_s"]
    assert made == expected
    assert json.dumps(made)


@pytest.mark.parametrize(
    ("nodes", "workers", "settings", "expected"),
    [
        ([{"CPU": 2.0}], 1, {}, (2, 0)),
        ([{"CPU": 2.0}], 2, {}, (1, 0)),
        ([{"CPU": 2.0}], 5, {}, (1, 0)),  # three wait
        ([{"CPU": 16.0}, {"CPU": 16.0}], 3, {}, (8, 0)),  # not 10, which fits only twice
        ([{"CPU": 16.0}, {"CPU": 4.0}, {}], 5, {}, (4, 0)),
        ([{"CPU": 8.0}], 2, {"threads": 2}, (2, 0)),
        ([{"CPU": 8.0}], 2, {"threads": 64}, (8, 0)),  # more than any machine has: never begins
        ([{"CPU": 8.0, "GPU": 1.0}], 2, {}, (4, 0.5)),
        ([{"CPU": 8.0, "GPU": 2.0}], 3, {}, (2, 0.5)),
        ([{"CPU": 8.0, "GPU": 4.0}], 2, {}, (4, 1)),
        ([{"CPU": 8.0, "GPU": 4.0}], 2, {"device": "cpu"}, (4, 0)),
        ([], 2, {}, (1, 0)),
    ],
)
def test_a_cluster_is_shared_out_so_that_all_find_a_place(nodes, workers, settings, expected):
    assert shares(nodes, workers, RuntimeSettings(**settings)) == expected
