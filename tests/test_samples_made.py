"""Training on real faces alone: each comes with a fake that is made of it on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_people import real_scene, write_patterns

from awarenet.faces import crop_face
from trainer.augmentation.grids import CELL, GAP, LABEL, sample_grid
from trainer.batches.samples import Samples
from trainer.manifest import Row, read_manifest
from trainer.portraits.forge import MADE_OF_ITSELF, face_mask
from trainer.settings import TrainerSettings

SCENE = 128  # px
BOX = (32.0, 32.0, 96.0, 96.0)
SIDE = 64  # px of a crop


@pytest.fixture
def rows(tmp_path) -> list[Row]:
    """Three real rows that all show one face, and fakes on disk that nobody asks for."""
    scene, mesh = real_scene("astronaut", SCENE)
    write_patterns(tmp_path, {"train": 3}, fakes=1)
    rows = read_manifest(tmp_path / "manifest.parquet")
    for row in rows:
        cv2.imwrite(str(tmp_path / row.path), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    return [replace(row, mesh=mesh, box=BOX) for row in rows]


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return crop_face(real_scene("astronaut", SCENE)[0], BOX, margin=0.3, side=SIDE)


def settings(source: str) -> TrainerSettings:
    return TrainerSettings.model_validate({"train": {"input": source, "batch": 4, "margin": 0.3}})


def make(rows: list[Row], root: Path, source: str, recipe: str = "none") -> Samples:
    return Samples(rows, root, settings(source), recipe=recipe, side=SIDE, seed=0)


@pytest.mark.parametrize("source", sorted(MADE_OF_ITSELF))
def test_every_real_face_comes_once_an_epoch_beside_a_fake_of_itself(rows, tmp_path, plain, source):
    made = make(rows, tmp_path, source)
    assert made.batches_per_epoch == 2  # three real faces, the fakes on disk do not count
    batches = [made.batch(number) for number in range(3)]
    for batch in batches:
        assert batch.labels.tolist() == [0, 1, 0, 1]
        assert batch.clips[::2] == batch.clips[1::2]
        for real, fake in zip(batch.crops[::2], batch.crops[1::2], strict=True):
            assert np.array_equal(real, plain) == (source == "self_blended")
            apart = np.abs(real.astype(int) - fake).max(axis=2)
            assert 0.02 < (apart > 2).mean()
            assert apart.mean() < 60
    clips = [clip for batch in batches for clip in batch.clips[::2]]
    assert set(clips[:3]) == set(clips[3:]) == {"train-0", "train-1", "train-2"}
    assert len({crop.tobytes() for batch in batches for crop in batch.crops[1::2]}) == 6
    again = make(rows, tmp_path, source).batch(1)
    assert np.array_equal(again.crops, batches[1].crops)


def test_only_the_face_of_a_warped_fake_differs_from_the_real_one(rows, tmp_path):
    points = (real_scene("astronaut", SCENE)[1] - 64) * SIDE / (64 * 1.6) + SIDE / 2
    outside = cv2.dilate(face_mask(points, SIDE, "oval"), np.ones((17, 17))) < 0.5
    assert outside.mean() > 0.05
    made, seen = make(rows, tmp_path, "self_warped"), set()
    for number in range(3):
        crops = made.batch(number).crops
        assert np.array_equal(crops[::2][:, outside], crops[1::2][:, outside])
        seen |= {crop.tobytes() for crop in crops[::2]}
    assert len(seen) == 6  # each pair has colors of its own


@pytest.mark.parametrize("source", sorted(MADE_OF_ITSELF))
def test_both_suffer_alike_whatever_the_recipe(rows, tmp_path, source):
    for recipe in ("camera", "dfdc", "aware_net"):
        batch = make(rows, tmp_path, source, recipe).batch(0)
        assert (batch.crops.shape, batch.labels.sum()) == ((4, SIDE, SIDE, 3), 2)
        for real, fake in zip(batch.crops[::2], batch.crops[1::2], strict=True):
            assert np.corrcoef(real.ravel(), fake.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("source", sorted(MADE_OF_ITSELF))
def test_the_grid_of_samples_shows_such_pairs(rows, tmp_path, source):
    grid = sample_grid(rows, tmp_path, settings(source), "none", lines=1)
    cells = [
        grid[LABEL : LABEL + CELL, LABEL + column * (CELL + GAP) :][:, :CELL] for column in range(6)
    ]
    apart = [np.abs(a.astype(int) - b) for a, b in zip(cells[::2], cells[1::2], strict=True)]
    assert all(pair.max() > 10 for pair in apart)
    background = np.s_[-8:, :8]  # below the chin, at the side
    if source == "self_warped":
        assert all(pair[background].max() == 0 for pair in apart)
    assert len({cell.tobytes() for cell in cells[1::2]}) == 3
