"""Grids of samples."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_people import real_scene, write_patterns

from awarenet.errors import AwareNetError
from awarenet.faces import crop_face
from trainer.augmentation import RECIPES
from trainer.augmentation.grids import CELL, GAP, LABEL, sample_grid, write_grids
from trainer.experiments import Experiment
from trainer.extraction.crops import read_crop
from trainer.manifest import Row, read_manifest
from trainer.settings import TrainerSettings

STEP = CELL + GAP


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_patterns(folder, {"train": 8, "test": 2}, fakes=3)
    return folder


@pytest.fixture
def rows(run) -> list[Row]:
    return [row for row in read_manifest(run / "manifest.parquet") if row.split == "train"]


def options(**sections: dict) -> TrainerSettings:
    return TrainerSettings.model_validate({"augment": {"grid_columns": 4}, **sections})


def cell(grid: np.ndarray, line: int, column: int) -> np.ndarray:
    top, left = LABEL + line * STEP, LABEL + column * STEP
    return grid[top : top + CELL, left : left + CELL]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_first_line_is_as_prepared_and_the_others_are_draws(rows, run, recipe):
    grid = sample_grid(rows, run, options(), recipe, lines=4)
    assert grid.shape == (LABEL + 4 * STEP, LABEL + 4 * STEP, 3)
    assert grid.dtype == np.uint8
    prepared = [
        crop_face(read_crop(run, row.path), row.box, margin=0.15, side=CELL) for row in rows
    ]
    for column in range(4):
        first = cell(grid, 0, column)
        assert any(np.array_equal(first, crop) for crop in prepared)
        draws = {cell(grid, line, column).tobytes() for line in range(1, 4)}
        assert len(draws) == (1 if recipe == "none" else 3)
    assert np.array_equal(grid, sample_grid(rows, run, options(), recipe, lines=4))


def test_a_real_crop_and_its_fake_stand_side_by_side_and_share_their_draws(rows, run):
    same = [replace(row, path=f"{row.source_clip}.png") for row in rows]  # fakes of no change
    grid = sample_grid(same, run, options(augment={"cut_out": 0.5, "grid_columns": 4}), "camera")
    for line in range(6):
        for column in (0, 2):
            assert np.array_equal(cell(grid, line, column), cell(grid, line, column + 1))
        assert not np.array_equal(cell(grid, line, 0), cell(grid, line, 2))


def test_every_column_has_a_name_and_every_line(rows, run):
    grid = sample_grid(rows, run, options(), "dfdc", lines=3)
    for column in range(4):
        assert grid[:LABEL, LABEL + column * STEP :][:, :CELL].min() < 128
    for line in range(3):
        assert grid[LABEL + line * STEP :, :LABEL][:CELL].min() < 128


@pytest.mark.parametrize("columns", [1, 3, 32])
def test_there_are_as_many_columns_as_asked_or_as_there_are_crops(rows, run, columns):
    grid = sample_grid(rows, run, options(augment={"grid_columns": columns}), "none", lines=1)
    assert (grid.shape[1] - LABEL) // STEP == min(columns, 16)  # 8 pairs


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_shown_as_it_is(rows, run, label):
    alone = [row for row in rows if row.label == label]
    grid = sample_grid(alone, run, options(), "aware_net", lines=2)
    assert grid.shape[1] == LABEL + 4 * STEP


def test_self_blended_fakes_are_made_for_the_grid(rows, run, tmp_path):
    scene, mesh = real_scene("hopper", 128)
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    box = (32.0, 32.0, 96.0, 96.0)
    faces = [replace(row, path="face.png", mesh=mesh, box=box) for row in rows if row.label == 0]
    settings = options(train={"input": "self_blended"})
    grid = sample_grid(faces, tmp_path, settings, "none", lines=2)
    plain = crop_face(scene, box, margin=0.15, side=CELL)
    assert np.array_equal(cell(grid, 0, 0), plain)
    assert np.array_equal(cell(grid, 0, 2), plain)
    made = [cell(grid, 0, column) for column in (1, 3)]
    assert all(10 < np.abs(fake.astype(int) - plain).max() for fake in made)
    assert not np.array_equal(*made)


def test_a_grid_is_written_whole_as_a_picture(run, tmp_path):
    settings = options(data={"run": str(run)})
    path = write_grids(Experiment(settings, "all", "dfdc"), tmp_path / "deep" / "grid.png")
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    rows = [row for row in read_manifest(run / "manifest.parquet") if row.split == "train"]
    assert np.array_equal(found, sample_grid(rows, run, settings, "dfdc"))
    assert [file.name for file in path.parent.iterdir()] == ["grid.png"]


def test_no_rows_and_no_manifest_are_refused(tmp_path):
    with pytest.raises(AwareNetError, match="no crop to show in a grid of samples"):
        sample_grid([], tmp_path, options(), "none")
    nowhere = Experiment(options(data={"run": str(tmp_path)}), "all", "none")
    with pytest.raises(AwareNetError, match="prepare"):
        write_grids(nowhere, tmp_path / "grid.png")
    assert list(tmp_path.iterdir()) == []
