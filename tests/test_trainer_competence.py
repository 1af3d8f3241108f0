"""What an ensemble learns of its own limits: from which faces, and that it comes back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_people import write_patterns
from training_runs import FAMILIES, experiment_in

from awarenet.bundle.config import COMPETENCE_FILE
from awarenet.errors import AwareNetError, BundleError
from awarenet.faces import Face
from awarenet.zoo import create_model
from trainer import competence
from trainer.competence import SHARE, SLACK, clip_crops, fit_competence, read_fitted
from trainer.experiments import Experiment
from trainer.manifest import read_manifest
from trainer.portraits.clips import MadeClip, write_clip


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    """An experiment on drawn patterns, its first members random."""
    folder = tmp_path_factory.mktemp("known")
    manifest = write_patterns(folder / "data", {"train": 6, "validation": 3, "test": 1}, side=96)
    found = experiment_in(folder / "run", manifest)
    for path in manifest.parent.iterdir():
        if path.is_dir():
            (folder / "run" / path.name).symlink_to(path)
    torch.manual_seed(0)
    for family in FAMILIES:
        place = found.member_folder(family, 0)
        place.mkdir(parents=True)
        save_file(create_model(family).state_dict(), place / "model.safetensors")
    return found


def rows(experiment: Experiment, part: str) -> list:
    return [row for row in read_manifest(experiment.manifest) if row.split == part]


def fit(experiment: Experiment, **changes):
    given = {part: rows(experiment, part) for part in ("train", "validation")} | changes
    return fit_competence(experiment, FAMILIES, given["train"], given["validation"], [])


def test_the_limit_is_above_almost_all_of_validation_and_comes_back(experiment, monkeypatch):
    seen = []
    quantile = np.quantile
    monkeypatch.setattr(competence.np, "quantile", lambda v, q: seen.append(v) or quantile(v, q))
    described = fit(experiment)
    assert len(seen[0]) == 3 * len({row.clip for row in rows(experiment, "validation")})
    assert described.limit == pytest.approx(SLACK * quantile(seen[0], SHARE))
    assert f"{len(rows(experiment, 'train'))} training faces" in described.fitted_on
    known = read_fitted(experiment, described.model_dump(mode="json"), FAMILIES)
    assert (known.limit, len(known.points)) == (described.limit, len(rows(experiment, "train")))


def test_the_same_faces_give_the_same_file(experiment):
    assert fit(experiment).sha256 == fit(experiment).sha256


def test_one_of_two_families_can_be_known_alone(experiment):
    part = rows(experiment, "train"), rows(experiment, "validation")
    described = fit_competence(experiment, FAMILIES[:1], *part, []).model_dump(mode="json")
    assert list(read_fitted(experiment, described, FAMILIES[:1]).views) == list(FAMILIES[:1])
    with pytest.raises(BundleError, match="is missing"):
        read_fitted(experiment, described, FAMILIES)


def test_too_few_faces_tell_nothing(experiment):
    assert fit(experiment, train=rows(experiment, "train")[:3]) is None
    assert read_fitted(experiment, None, FAMILIES) is None


def test_a_file_that_is_gone_names_the_stage_that_makes_it(experiment):
    described = fit(experiment).model_dump(mode="json")
    (experiment.folder / COMPETENCE_FILE).unlink()
    with pytest.raises(AwareNetError, match="run the stage `ensemble` first"):
        read_fitted(experiment, described, FAMILIES)


def test_the_largest_face_is_cut_out_of_frames_that_show_one(experiment, monkeypatch):
    class Finder:
        def find(self, image: np.ndarray) -> list[Face]:
            blank = image.mean() < 20
            marks = tuple((50.0, 50.0) for _ in range(5))
            boxes = [(0.0, 0.0, 20.0, 20.0), (30.0, 30.0, 90.0, 90.0)]
            return [] if blank else [Face(box, 0.9, marks) for box in boxes]

    monkeypatch.setattr(competence, "create_face_finder", lambda settings: Finder())
    frame = np.zeros((120, 120, 3), np.uint8)
    cv2.rectangle(frame, (30, 30), (89, 89), (250, 250, 250), -1)
    for name, shown in (("seen", frame), ("dark", np.zeros_like(frame))):
        path = Path(experiment.run) / f"{name}.mp4"
        write_clip(path, [shown] * 8, 8)
        clip = MadeClip(path.name, 0, "real", "ann", path.name, "calibration")
        crops = clip_crops(experiment, clip)
        side = experiment.side
        assert crops.shape[1:] == (side, side, 3)
        if name == "dark":
            assert len(crops) == 0
        else:
            assert len(crops) == competence.FRAMES
            assert crops[:, side // 2, side // 2].min() > 200
