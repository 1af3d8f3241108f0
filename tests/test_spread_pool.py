"""A process that dies, hangs or fails costs no more than it must."""

from __future__ import annotations

import multiprocessing

import pytest
from tiny_jobs import Stubborn, Unloadable, Work

from awarenet.errors import AwareNetError, MediaError
from trainer.extraction.pool import Died, Turns, run_here, run_in_pool


def squares(results) -> list[tuple[int, int]]:
    return [(number, result[0]) for number, result in results]


def children() -> list:
    return [child for child in multiprocessing.active_children() if "SpawnProcess" in child.name]


@pytest.fixture(scope="module")
def run_with_deaths(tmp_path_factory):
    """One run in which jobs 2 and 9 kill their process, 2 for good; 11 never ends."""
    work = Work(tmp_path_factory.mktemp("jobs"), lethal=(2,), lethal_once=(9,), endless=(11,))
    found = dict(run_in_pool(work, list(range(14)), workers=2, patience_s=2))
    return work, found


def test_a_process_that_dies_costs_one_job_after_a_second_try(run_with_deaths):
    work, found = run_with_deaths
    assert sorted(found) == list(range(14))
    assert found[2] == Died(
        "killed",
        "its process died, 2 times (SIGKILL, which also ends what takes too much memory)",
    )
    assert work.begun(2) == 2
    others = set(range(14)) - {2, 11}
    assert {number: found[number][0] for number in others} == {n: n * n for n in others}


def test_a_job_whose_process_died_once_is_done_by_another(run_with_deaths):
    work, found = run_with_deaths
    assert found[9][0] == 81
    assert work.begun(9) == 2


def test_a_job_that_never_ends_is_given_up_at_once(run_with_deaths):
    work, found = run_with_deaths
    assert found[11] == Died("timeout", "no answer in 2 s; its process was killed")
    assert work.begun(11) == 1


def test_no_process_is_left(run_with_deaths):
    assert not children()


def test_results_come_in_order_where_that_is_asked_for_and_few_run_ahead(tmp_path):
    work = Work(tmp_path, slow=(0,))
    found = []
    for number, result in run_in_pool(work, list(range(30)), workers=2, ordered=True):
        if number == 0:  # while it was slow, the other process went on, but not through everything
            assert sum(work.begun(n) for n in range(30)) <= 8
        found.append((number, result[0]))
    assert found == [(n, n * n) for n in range(30)]


def test_what_the_work_raises_ends_the_run_and_its_processes(tmp_path):
    work = Work(tmp_path, wrong={3: (MediaError, "timeout", "it took over 1 s")})
    with pytest.raises(MediaError, match="took over 1 s") as caught:
        list(run_in_pool(work, list(range(9)), workers=1))
    assert caught.value.status == "timeout"
    assert not children()
    work = Work(tmp_path, wrong={0: (Stubborn, 1, 2)})
    with pytest.raises(RuntimeError, match="(?s)a job failed in its process.*Stubborn: 1 and 2"):
        list(run_in_pool(work, [0], workers=1))


def test_processes_that_cannot_start_end_the_run(capfd):
    with pytest.raises(AwareNetError, match=r"a process did not start \(exit code 1\)"):
        list(run_in_pool(Unloadable(), [1, 2, 3], workers=1))
    assert "a package is missing here" in capfd.readouterr().err
    assert not children()


def test_whoever_stops_listening_stops_the_work(tmp_path):
    results = run_in_pool(Work(tmp_path), list(range(500)), workers=1)
    next(results)
    results.close()
    assert not children()
    assert len(list(tmp_path.iterdir())) < 500


def test_no_jobs_need_no_process(tmp_path):
    assert list(run_in_pool(Work(tmp_path), [], workers=4)) == []


def test_work_in_this_process_is_done_in_order_and_only_as_it_is_asked_for(tmp_path):
    work = Work(tmp_path)
    results = run_here(work, [3, 1, 2])
    assert next(results)[1][0] == 9
    assert work.begun(1) == 0
    assert squares(results) == [(1, 1), (2, 4)]


def test_turns_hold_back_what_is_early():
    turns = Turns(ordered=True)
    assert [turns.may_start(n, 2) for n in (0, 1, 2)] == [True, True, False]
    assert list(turns.give(1, "b")) == []
    assert list(turns.give(0, "a")) == [(0, "a"), (1, "b")]
    assert [turns.may_start(n, 2) for n in (3, 4)] == [True, False]
    free = Turns(ordered=False)
    assert list(free.give(5, "f")) == [(5, "f")]
    assert free.may_start(10**6, 1)
