"""A GPU's engine: batches are filled up, results are copied, and what fails is left to PyTorch.

Without a GPU a stand-in takes the place of CUDA's graphs: it does the recorded work at each replay.
"""

import threading

import numpy as np
import pytest
import torch

from awarenet.runtime import Runtime, ask_exactly, graphed
from awarenet.runtime.asking import ask_all
from awarenet.runtime.engine import Job
from awarenet.runtime.graphed import GraphedEngine
from tests.tiny_ensemble import FAMILIES, random_crops, tiny_ensemble

BATCH = 4


class StandIn:
    """Work that is done again at each replay, into the same tensors."""

    made: list["StandIn"] = []
    fails: str = ""  # what recording fails with
    wrong: bool = False  # whether what was recorded is something else
    takes: tuple[float, ...] = (1.0, 2.0)  # s, in turn and side by side

    def __init__(self, work):
        if self.fails:
            raise RuntimeError(self.fails)
        self._work, self.seen, self.replays = work, work(), 0
        self._seconds = self.takes[len(self.made) % 2]
        self.made.append(self)
        if self.wrong:
            self.seen[0].logits.add_(3)

    def replay(self) -> None:
        self.replays += 1
        for place, new in zip(self.seen, self._work(), strict=True):
            place.logits.copy_(new.logits)
            if new.grid is not None:
                place.grid.copy_(new.grid)

    def seconds(self) -> float:
        return self._seconds


@pytest.fixture
def stand_in(monkeypatch):
    """Have graphs that need no GPU."""

    class Fresh(StandIn):
        made = []

    monkeypatch.setattr(graphed, "CudaGraph", Fresh)
    monkeypatch.setattr(GraphedEngine, "_side_by_side", GraphedEngine._in_turn)
    return Fresh


def make_engine(batch: int = BATCH) -> tuple[GraphedEngine, str]:
    engine = GraphedEngine(tiny_ensemble(), torch.float32, threading.RLock())
    return engine, engine.fit(batch)


def replays(stand_in) -> list[int]:
    return [each.replays for each in stand_in.made]


@pytest.mark.parametrize("count", [3, 4])
def test_a_batch_that_is_nearly_full_is_filled_up_and_gives_the_same(stand_in, count):
    engine, _ = make_engine()
    ensemble, crops = tiny_ensemble(), random_crops(count)
    expected = ask_exactly(ensemble, crops)
    for _ in range(2):  # older images lie behind the new ones the second time
        found = ask_all(engine, ensemble, crops, features=True)
        np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-3, atol=1e-4)
        for family, features in expected.features.items():
            np.testing.assert_allclose(found.features[family], features, rtol=1e-3, atol=1e-4)
    assert sum(replays(stand_in)) == 2 * len(FAMILIES)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_small_batches_and_larger_ones_are_left_to_pytorch(stand_in, count):
    engine, _ = make_engine()
    ensemble, crops = tiny_ensemble(), random_crops(count)
    found = ask_all(engine, ensemble, crops, features=False).logits
    np.testing.assert_allclose(found, ask_exactly(ensemble, crops).logits, rtol=1e-3, atol=1e-4)
    assert sum(replays(stand_in)) == 0


def test_what_was_given_stays_when_the_next_batch_is_done(stand_in):
    engine, _ = make_engine()
    jobs = [[Job(FAMILIES[0], k, torch.randn(BATCH, 3, 96, 96)) for k in (0,)] for _ in range(2)]
    jobs = [[one, Job(one.family, 1, one.images)] for (one,) in jobs]
    first = engine.run(jobs[0])
    kept = [seen.logits.clone() for seen in first]
    second = engine.run(jobs[1])
    for seen, before, other in zip(first, kept, second, strict=True):
        torch.testing.assert_close(seen.logits, before, rtol=0, atol=0)
        assert not torch.equal(seen.logits, other.logits)
    assert sum(replays(stand_in)) == 2


@pytest.mark.parametrize("members", [[0], [1], [1, 0], [0, 1, 1]])
def test_some_members_alone_are_left_to_pytorch(stand_in, members):
    engine, _ = make_engine()
    images = torch.randn(BATCH, 3, 96, 96)
    found = engine.run([Job(FAMILIES[0], member, images) for member in members])
    with torch.no_grad():
        for member, seen in zip(members, found, strict=True):
            expected = tiny_ensemble().members[FAMILIES[0]][member](images)
            torch.testing.assert_close(seen.logits, expected, rtol=1e-3, atol=1e-4)
    assert sum(replays(stand_in)) == 0


def test_grids_that_were_not_recorded_are_had_by_pytorch(stand_in):
    engine, _ = make_engine()
    images = torch.randn(BATCH, 3, 96, 96)
    found = engine.run([Job(FAMILIES[0], member, images, grid=True) for member in range(2)])
    assert all(seen.grid.shape[0] == BATCH for seen in found)
    assert sum(replays(stand_in)) == 0


@pytest.mark.parametrize(("takes", "way"), [((1.0, 2.0), "in turn"), ((2.0, 1.0), "side by side")])
def test_the_faster_way_is_taken_and_said(stand_in, takes, way):
    stand_in.takes = takes
    words = make_engine()[1]
    assert words.startswith(f"CUDA graphs of {BATCH} images (")
    assert words.count(way) == len(FAMILIES)


def test_without_graphs_pytorch_does_it_and_that_is_said(stand_in, caplog):
    stand_in.fails = "operation not permitted when stream is capturing\nand much more"
    engine, words = make_engine()
    assert f"{FAMILIES[0]} without: operation not permitted when stream is capturing" in words
    assert "test_resnet runs without a CUDA graph" in caplog.text
    ensemble, crops = tiny_ensemble(), random_crops(BATCH)
    found = ask_all(engine, ensemble, crops, features=False).logits
    np.testing.assert_allclose(found, ask_exactly(ensemble, crops).logits, rtol=1e-3, atol=1e-4)


def test_a_graph_that_gives_other_logits_is_not_taken(stand_in):
    stand_in.wrong = True
    assert make_engine()[1].count("without: its graph gives other logits") == len(FAMILIES)


def test_smaller_batches_let_go_of_the_graphs_for_larger_ones(stand_in):
    engine, _ = make_engine()
    old = list(stand_in.made)
    assert "CUDA graphs of 2 images" in engine.fit(2)
    crops = random_crops(2)
    ask_all(engine, tiny_ensemble(), crops, features=False)
    assert [each.replays for each in old] == [0] * len(old)
    assert sum(replays(stand_in)) == len(FAMILIES)


@pytest.mark.gpu
def test_a_gpu_scores_as_the_cpu_does_in_batches_full_and_small():
    crops = random_crops(11)
    expected = ask_exactly(tiny_ensemble(), crops).logits
    for dtype, share in (("float32", 0.01), ("auto", 0.05)):
        runtime = Runtime(tiny_ensemble(), "cuda", dtype, 4)
        for _ in range(2):
            found = runtime.logits(crops)
            np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max())
        assert "CUDA graphs of 4 images" in runtime.reason
        assert "without" not in runtime.reason


@pytest.mark.gpu
def test_a_gpus_graphs_give_the_features_and_the_grids_that_the_cpu_gives():
    crops = random_crops(4)
    expected = Runtime(tiny_ensemble(), "cpu", "float32", engine="torch").observe(crops)
    runtime = Runtime(tiny_ensemble(), "cuda", "float32", 4)
    found = runtime.observe(crops)
    for family, features in expected.features.items():
        spread = np.abs(features).max()
        np.testing.assert_allclose(found.features[family], features, atol=0.01 * spread)
    for family, member, grid in runtime.grids(crops):
        assert grid.shape[0] == 4 and torch.isfinite(grid).all(), (family, member)


@pytest.mark.gpu
def test_memory_that_ends_on_a_gpu_halves_the_batch_and_the_graphs():
    crops, ensemble = random_crops(8), tiny_ensemble()
    expected = ask_exactly(ensemble, crops).logits
    runtime = Runtime(ensemble, "cuda", "float32", 8)
    engine = runtime.warm_up()
    engine.run = _running_out(engine, most=4)
    found = runtime.logits(crops)
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())
    assert runtime.batch_size == 4
    assert "CUDA graphs of 4 images" in runtime.reason


def _running_out(engine: GraphedEngine, most: int):
    """Run jobs of so many images; memory ends with more."""
    run = engine.run

    def small_only(jobs):
        if len(jobs[0].images) > most:
            raise torch.OutOfMemoryError("no more")
        return run(jobs)

    return small_only
