"""Data and settings that no batch can be made of, each refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_people import row, write_patterns

from awarenet.errors import AwareNetError, SettingsError
from trainer.batches.samples import Samples, draw_crops, plain_crops
from trainer.manifest import Row, read_manifest
from trainer.settings import TrainerSettings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_patterns(folder, {"train": 2})
    return folder


@pytest.fixture
def rows(run) -> list[Row]:
    return read_manifest(run / "manifest.parquet")


def make(rows, run, recipe: str = "camera", **sections: dict) -> Samples:
    settings = TrainerSettings.model_validate({"train": {"batch": 4}, **sections})
    return Samples(rows, run, settings, recipe=recipe, side=32, seed=0)


@pytest.mark.parametrize("source", ["pairs", "rows", "self_blended", "self_warped"])
def test_an_empty_part_is_refused(run, source):
    with pytest.raises(AwareNetError, match="the train part is empty; see"):
        make([], run, train={"input": source})


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_refused(rows, run, label):
    alone = [row for row in rows if row.label == label]
    with pytest.raises(AwareNetError, match=r"no real face with a fake; check \[prepare\]"):
        make(alone, run)
    counts = {0: "2 real and 0 fake", 1: "0 real and 4 fake"}
    with pytest.raises(AwareNetError, match=f"{counts[label]} crops, both expected"):
        make(alone, run, train={"input": "rows"})


@pytest.mark.parametrize("source", ["self_blended", "self_warped"])
def test_no_fake_is_made_of_faces_without_a_mesh(rows, run, source):
    some = [replace(row, mesh=None if row.clip == "train-0" else row.mesh) for row in rows]
    told = rf"input = {source}: 2 real crops .*1 of them without a mesh; set \[prep"
    with pytest.raises(AwareNetError, match=told):
        make(some, run, train={"input": source})
    fakes = [row for row in rows if row.label]
    with pytest.raises(AwareNetError, match="0 real crops"):
        make(fakes, run, train={"input": source})


def test_rows_of_another_part_are_never_trained_on(rows, run):
    with pytest.raises(AwareNetError, match=r"x\.png is of the test part; train rows expected"):
        make([*rows, row("x", split="test")], run)


def test_a_margin_that_the_crops_do_not_have_is_refused(rows, run):
    with pytest.raises(SettingsError, match=r"margin = 0.4, but .* margin = 0.3; set one no"):
        make(rows, run, train={"margin": 0.4, "batch": 4})
    make(rows, run, train={"margin": 0.4, "batch": 4}, prepare={"margin": 0.4})


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"input": "self_blended"},
        {"input": "self_warped"},
        {"input": "rows", "balance": "sampling"},
    ],
)
def test_half_of_an_odd_batch_is_refused(rows, run, train):
    with pytest.raises(SettingsError, match="batch = 5; an even number expected"):
        make(rows, run, train={"batch": 5, **train})
    assert make(rows, run, train={"batch": 5, "input": "rows", "balance": "none"})


@pytest.mark.parametrize("crf", [(40, 18), (-1, 20), (18, 52)])
def test_rate_factors_out_of_range_are_refused(rows, run, crf):
    with pytest.raises(SettingsError, match="lowest and highest of 0-51 expected"):
        make(rows, run, augment={"crf": crf})


def test_a_recipe_that_is_not_there_is_refused_before_anything_is_read(rows, run):
    with pytest.raises(SettingsError, match="no recipe 'strong'"):
        make(rows, run, "strong")


def test_a_crop_that_is_gone_is_named(rows, tmp_path):
    for work in (
        lambda: make(rows, tmp_path).batch(0),
        lambda: plain_crops(rows, tmp_path, margin=0.1, side=32),
        lambda: draw_crops(rows, tmp_path, "hard", draws=1, margin=0.1, side=32, seed=0),
    ):
        with pytest.raises(AwareNetError, match=r"train-\d.*\.png is missing or broken"):
            work()


def test_a_crop_that_is_broken_is_named(rows, tmp_path):
    (tmp_path / rows[0].path).write_bytes(b"not a picture")
    with pytest.raises(AwareNetError, match=rf"{rows[0].path} is missing or broken"):
        plain_crops(rows[:1], tmp_path, margin=0.1, side=32)
