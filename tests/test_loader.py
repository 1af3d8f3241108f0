"""Batches: a function of seed and step, real and fake alike but for the manipulation."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tiny_people import write_patterns

from awarenet.errors import AwareNetError
from trainer import loader
from trainer.loader import Pairs, draw_crops
from trainer.manifest import Row, read_manifest

SIDE = 32  # px of a crop


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_patterns(folder, {"train": 5, "validation": 2, "test": 2}, side=32)
    return folder


@pytest.fixture
def rows(run) -> list[Row]:
    return read_manifest(run / "manifest.parquet")


@pytest.fixture
def seen(monkeypatch) -> dict[str, list]:
    """Clips that are read and conditions that are applied, in their order."""
    found = {"clips": [], "conditions": []}

    def read(row, root):
        found["clips"].append(row.clip)
        return np.zeros((SIDE, SIDE, 3), np.uint8), row.mesh

    def degrade(scene, conditions, *, margin, side):
        found["conditions"].append(conditions)
        return np.zeros((side, side, 3), np.uint8)

    monkeypatch.setattr(loader, "read_scene", read)
    monkeypatch.setattr(loader, "degrade", degrade)
    return found


def make(rows: list[Row], run: Path, *, pairs: int = 2, seed: int = 0) -> Pairs:
    return Pairs(rows, run, pairs=pairs, margin=0.1, side=SIDE, seed=seed)


def test_a_batch_depends_on_seed_and_step_alone(rows, run):
    first = make(rows, run)
    crops, labels = first.batch(3)
    first.batch(0)
    again, _ = make(rows, run).batch(3)
    assert (crops.shape, crops.dtype) == ((4, SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(crops, again)
    assert np.array_equal(crops, first.batch(3)[0])
    assert labels.tolist() == [0, 1, 0, 1]
    assert not np.array_equal(crops, first.batch(4)[0])
    assert not np.array_equal(crops, make(rows, run, seed=1).batch(3)[0])


def test_batches_are_those_of_their_steps(rows, run):
    pairs = make(rows, run, pairs=1)
    found = list(pairs.batches(2, 5))
    assert len(found) == 3
    for step, (crops, labels) in enumerate(found, 2):
        assert np.array_equal(crops, pairs.batch(step)[0])
        assert labels.dtype == np.float32
    assert list(pairs.batches(5, 5)) == []


def test_a_pair_is_a_real_face_and_a_fake_of_it_under_the_same_conditions(rows, run, seen):
    make(rows, run, pairs=3).batch(0)
    reals, fakes = seen["clips"][::2], seen["clips"][1::2]
    assert all(fake.startswith(f"{real}-") for real, fake in zip(reals, fakes, strict=True))
    assert seen["conditions"][::2] == seen["conditions"][1::2]
    assert len(set(seen["conditions"])) == 3


def test_a_fake_that_changes_nothing_cannot_be_told_from_the_real_one(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    rows = read_manifest(copy / "manifest.parquet")
    for row in rows:
        if row.label:
            shutil.copy(copy / f"{row.source_clip}.png", copy / row.path)
    for step in range(3):
        crops, _ = make(rows, copy).batch(step)
        assert np.array_equal(crops[::2], crops[1::2])
    crops, index = draw_crops(rows, copy, "hard", draws=2, margin=0.1, side=SIDE, seed=0)
    real = {rows[i].clip: [] for i in index if not rows[i].label}
    for crop, i in zip(crops, index, strict=True):
        if not rows[i].label:
            real[rows[i].clip].append(crop)
    for place, i in enumerate(index):
        assert np.array_equal(crops[place], real[rows[i].source_clip][place % 2])


def test_everybody_comes_once_before_anybody_comes_again(rows, run, seen):
    pairs = make(rows, run, pairs=2)
    for step in range(10):  # 20 real faces: 4 rounds of 5 people, across batches
        pairs.batch(step)
    reals = seen["clips"][::2]
    rounds = [reals[start : start + 5] for start in range(0, 20, 5)]
    assert all(len(set(people)) == 5 for people in rounds)
    assert len({tuple(people) for people in rounds}) > 1
    assert Counter(reals) == Counter({f"train-{number}": 4 for number in range(5)})


def test_every_fake_of_a_person_comes_at_some_time(rows, run, seen):
    pairs = make(rows, run, pairs=5)
    for step in range(12):
        pairs.batch(step)
    assert len(set(seen["clips"][1::2])) == 10


def test_nobody_but_training_people_is_trained_on(rows, run, seen):
    pairs = make(rows, run, pairs=5)
    for step in range(4):
        pairs.batch(step)
    assert {clip.split("-")[0] for clip in seen["clips"]} == {"train"}


def test_a_real_face_without_a_fake_is_passed_over(rows, run, seen):
    lonely = [row for row in rows if not (row.label and row.source_clip == "train-0")]
    pairs = make(lonely, run, pairs=4)
    pairs.batch(0)
    assert "train-0" not in seen["clips"]
    assert len(seen["clips"]) == 8


def test_a_run_without_pairs_is_refused(rows, run):
    with pytest.raises(AwareNetError, match=r"no real face with a fake; check \[prepare\]"):
        make([row for row in rows if row.split != "train" or row.label == 0], run)


def test_a_crop_that_is_gone_is_named(rows, run, tmp_path):
    with pytest.raises(AwareNetError, match=r"train-\d.*\.png is missing or broken"):
        make(rows, tmp_path).batch(0)


def test_draws_are_the_same_at_every_call_and_differ_among_themselves(rows, run):
    chosen = [row for row in rows if row.split == "validation"]

    def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return draw_crops(chosen, run, "clean", draws=2, margin=0.1, side=SIDE, seed=seed)

    crops, index = draw(0)
    assert crops.shape == (12, SIDE, SIDE, 3)
    assert index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert np.array_equal(crops, draw(0)[0])
    assert not np.array_equal(crops[0], crops[1])
    assert not np.array_equal(crops, draw(1)[0])


def test_a_crop_is_drawn_the_same_whoever_else_is_drawn(rows, run):
    chosen = [row for row in rows if row.split == "test"]
    options = {"draws": 1, "margin": 0.1, "side": SIDE, "seed": 0}
    everyone, _ = draw_crops(chosen, run, "training", **options)
    alone, _ = draw_crops(chosen[-1:], run, "training", **options)
    assert np.array_equal(everyone[-1:], alone)
