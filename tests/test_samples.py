"""Batches: a function of seed and number, real and fake alike but for the manipulation."""

import hashlib
import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_people import write_patterns

from trainer.augmentation import RECIPES
from trainer.batches import samples
from trainer.batches.samples import Samples, draw_crops, plain_crops
from trainer.manifest import Row, read_manifest
from trainer.settings import TrainerSettings

SIDE = 32  # px of a crop
MIDDLE = (12.0, 12.0, 52.0, 52.0)  # box of a portrait's face in a scene of 64 px
# First digits of the SHA-256 of single crops, recorded from the loader that this one replaced.
# OpenCV's kernels for other processors round one or the other otherwise.
GOLDEN = {
    0: "c339b0 0822c7 239144 023fba 815c1a ed0eb8",
    1: "88bd80 312939 2a99c8 80ed99 2e90a3 e3b2b0",
    7: "2879f0 d06e4d bb9ec5 8b29c7 7ff0e4 1f9545",
}
GOLDEN_DRAWS = "d5f71d 70fabb 1a3189 1856a7 8897e6 32c08f 54b881 cf9903 b3cffc 8125cb 02ce30 326351"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_patterns(folder, {"train": 5, "validation": 2, "test": 2}, side=64)
    return folder


@pytest.fixture
def rows(run) -> list[Row]:
    return [replace(row, box=MIDDLE) for row in read_manifest(run / "manifest.parquet")]


@pytest.fixture
def train(rows) -> list[Row]:
    return [row for row in rows if row.split == "train"]


@pytest.fixture
def seen(monkeypatch) -> list[str]:
    """Paths that are read, in their order."""
    found = []

    def read(root, path):
        found.append(path)
        return np.zeros((64, 64, 3), np.uint8)

    monkeypatch.setattr(samples, "read_crop", read)
    return found


def options(**train: object) -> TrainerSettings:
    augment = train.pop("augment", {})
    prepare = train.pop("prepare", {})
    train = {"batch": 4, "margin": 0.1, **train}
    return TrainerSettings.model_validate({"train": train, "augment": augment, "prepare": prepare})


def make(rows, run, recipe: str = "camera", seed: int = 0, side: int = SIDE, **train) -> Samples:
    return Samples(rows, run, options(**train), recipe=recipe, side=side, seed=seed)


def digits(crops: np.ndarray) -> list[str]:
    return [hashlib.sha256(crop.tobytes()).hexdigest()[:6] for crop in crops]


def equal(one: list[str], other: str) -> int:
    return sum(a == b for a, b in zip(one, other.split(), strict=True))


def test_pairs_through_the_camera_are_what_they_always_were(rows, train, run):
    pairs = make(train, run, batch=6, seed=7)
    assert sum(equal(digits(pairs.batch(n).crops), told) for n, told in GOLDEN.items()) >= 16
    chosen = [row for row in rows if row.split == "validation"]
    crops, _ = draw_crops(chosen, run, "training", draws=2, margin=0.1, side=SIDE, seed=0)
    assert equal(digits(crops), GOLDEN_DRAWS) >= 11


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("source", ["pairs", "rows"])
def test_a_batch_depends_on_seed_and_number_alone(train, run, recipe, source):
    augment = {"cut_out": 0.5, "recompress": 0.5}
    first = make(train, run, recipe, input=source, augment=augment)
    batch = first.batch(3)
    first.batch(0)
    again = make(train, run, recipe, input=source, augment=augment).batch(3)
    assert (batch.crops.shape, batch.crops.dtype) == ((4, SIDE, SIDE, 3), np.uint8)
    assert all(np.array_equal(one, other) for one, other in zip(batch, again, strict=True))
    assert np.array_equal(batch.crops, first.batch(3).crops)
    assert not np.array_equal(batch.crops, first.batch(4).crops)
    other = make(train, run, recipe, seed=1, input=source, augment=augment).batch(3)
    assert not np.array_equal(batch.crops, other.crops)


def test_a_batch_says_what_is_in_it(train, run):
    batch = make(train, run).batch(0)
    assert (batch.labels.dtype, batch.weights.dtype) == (np.float32, np.float32)
    assert batch.labels.tolist() == [0, 1, 0, 1]
    assert batch.weights.tolist() == [1, 1, 1, 1]
    for real, fake in zip(batch.clips[::2], batch.clips[1::2], strict=True):
        assert fake.startswith(f"{real}-")


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_fake_that_changes_nothing_cannot_be_told_from_the_real_one(train, run, tmp_path, recipe):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    for row in train:
        if row.label:
            shutil.copy(copy / f"{row.source_clip}.png", copy / row.path)
    augment = {"cut_out": 0.5, "recompress": 0.5}
    pairs = make(train, copy, recipe, augment=augment)
    for number in range(4):
        crops = pairs.batch(number).crops
        assert np.array_equal(crops[::2], crops[1::2])


def test_everybody_comes_once_before_anybody_comes_again(train, run, seen):
    pairs = make(train, run)
    assert pairs.batches_per_epoch == 3
    for number in range(10):  # 20 real faces: 4 rounds of 5 people, across batches
        pairs.batch(number)
    reals = seen[::2]
    assert len(reals) == 20
    rounds = [reals[start : start + 5] for start in range(0, 20, 5)]
    assert all(len(set(people)) == 5 for people in rounds)
    assert len({tuple(people) for people in rounds}) > 1
    for number in range(10, 30):
        pairs.batch(number)
    assert len(set(seen[1::2])) == 10  # and every fake at some time


def test_rows_come_each_once_an_epoch_whatever_the_balance(train, run, seen):
    for balance, batches in (("none", 5), ("loss", 5)):
        seen.clear()
        chosen = make(train, run, input="rows", balance=balance, batch=3)
        assert chosen.batches_per_epoch == batches
        for number in range(2 * batches):
            chosen.batch(number)
        assert Counter(seen[:15]) == Counter(row.path for row in train)
        assert Counter(seen[15:]) == Counter(row.path for row in train)
        assert seen[:15] != seen[15:]


def test_sampling_puts_as_many_real_as_fake_into_every_batch(train, run, seen):
    chosen = make(train, run, input="rows", balance="sampling")
    assert chosen.batches_per_epoch == 5  # 10 fakes, 2 a batch; 5 real ones come twice
    for number in range(5):
        assert chosen.batch(number).labels.tolist() == [0, 1, 0, 1]
    count = Counter(seen)
    assert all(count[row.path] == (1 if row.label else 2) for row in train)
    assert len(set(seen[0:10:2])) == 5  # nobody again before everybody


def test_weights_make_up_for_the_rarer_class_and_have_a_mean_of_one(train, run, seen):
    chosen = make(train, run, input="rows", balance="loss", batch=5)
    batches = [chosen.batch(number) for number in range(3)]
    labels, weights = (np.concatenate([b[i] for b in batches]) for i in (1, 2))
    assert weights.mean() == pytest.approx(1)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert set(weights[labels == 1]) == {np.float32(15 / 20)}
    for balance in ("none", "sampling"):
        batch = make(train, run, input="rows", balance=balance).batch(0)
        assert batch.weights.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("source", ["rows", "pairs"])
def test_an_epoch_of_aware_net_is_longer(run, train, seen, source):
    rows = []
    for n in range(20):
        for row in train:
            names = {name: f"{n}{getattr(row, name)}" for name in ("path", "clip", "source_clip")}
            rows.append(replace(row, **names))
    total = len([row for row in rows if source == "rows" or row.label == 0])
    chosen, plain = (
        make(rows, run, recipe, input=source, balance="none", batch=10)
        for recipe in ("aware_net", "none")
    )
    places = 10 if source == "rows" else 5
    assert chosen.batches_per_epoch == math.ceil(1.3 * total / places)
    assert plain.batches_per_epoch == math.ceil(total / places)
    for number in range(chosen.batches_per_epoch):
        chosen.batch(number)
    shown = Counter(seen if source == "rows" else seen[::2])
    assert len(shown) == total
    assert sum(shown.values()) == int(1.3 * total)


def test_crops_follow_the_face_wherever_it_is_in_its_scene(train, run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    row = train[0]
    image = cv2.imread(str(run / row.path))
    wide = cv2.copyMakeBorder(image, 10, 40, 30, 20, cv2.BORDER_REPLICATE)
    cv2.imwrite(str(copy / row.path), wide)
    moved = replace(row, box=(42.0, 22.0, 82.0, 62.0))
    expected = plain_crops([row], run, margin=0.1, side=SIDE)
    assert np.array_equal(plain_crops([moved], copy, margin=0.1, side=SIDE), expected)
    half = row.box[2] - row.box[0]
    shown = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[8:56, 8:56]
    assert shown.shape[0] == half * 1.2
    assert np.array_equal(
        expected[0], cv2.resize(shown, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    )


def test_meshes_are_kept_only_where_somebody_asks_for_them(train, run):
    for kept, values in (
        (False, {}),
        (True, {"augment": {"cut_out": 0.1}}),
        (True, {"input": "self_blended"}),
        (True, {"input": "self_warped"}),
    ):
        [reals] = make(train, run, **values).lists
        assert all((row.mesh is not None) == kept for row in reals)


def test_draws_are_the_same_at_every_call_and_differ_among_themselves(rows, run):
    chosen = [row for row in rows if row.split == "validation"]

    def draw(seed: int, recipe: str = "clean") -> tuple[np.ndarray, np.ndarray]:
        return draw_crops(chosen, run, recipe, draws=2, margin=0.1, side=SIDE, seed=seed)

    for recipe in ("clean", "dfdc"):
        crops, index = draw(0, recipe)
        assert crops.shape == (12, SIDE, SIDE, 3)
        assert index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert np.array_equal(crops, draw(0, recipe)[0])
        assert not np.array_equal(crops[0], crops[1])
        assert not np.array_equal(crops, draw(1, recipe)[0])


def test_a_crop_is_drawn_the_same_whoever_else_is_drawn(rows, run):
    chosen = [row for row in rows if row.split == "test"]
    values = {"draws": 1, "margin": 0.1, "side": SIDE, "seed": 0}
    everyone, _ = draw_crops(chosen, run, "training", **values)
    alone, _ = draw_crops(chosen[-1:], run, "training", **values)
    assert np.array_equal(everyone[-1:], alone)
