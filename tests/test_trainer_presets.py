"""The presets from start to finish, on data sets in miniature and with tiny networks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import miniatures
import numpy as np
import pytest
from face_clips import SIDE, film, person, show
from fitted import ENSEMBLES

from awarenet.bundle import load_bundle
from awarenet.pipeline import load_detector
from awarenet.settings import Settings
from awarenet.zoo import SPECS
from trainer.evaluation.predictions import Predictions
from trainer.manifest import read_manifest, read_notes

ROOT = Path(__file__).resolve().parent.parent
SETS = ("faceforensics", "celebdf_v2")
DEADLINE_S = 1200
SMALL = [  # what a preset asks of a cluster, for two cores and a minute
    "data.run=runs/grid", "ensemble.bundle=runs/grid/bundles", "train.start=random",
    "prepare.side=96", "prepare.min_face_px=32", "prepare.frames_real=4", "prepare.frames_fake=3",
    "prepare.workers=0", "split.seed=4", "split.fraction=1.0",
    'ensemble.families=["test_efficientnet", "test_resnet"]', "ensemble.members=1",
    "ensemble.side=64", "train.epochs=3", "train.batch=8", "train.learning_rate=4e-3",
    "train.threads=1", "train.loaders=0", "train.precision=float32", "train.head_epochs=0",
    "train.min_epochs=0", "train.ema=0", "evaluate.resamples=20", "evaluate.robustness_frames=1",
]  # fmt: skip


VOTERS = ["capsule", "dsp_fwa", "test_resnet", "xceptionnet"]
# The recipes as they are, but short. A small network takes the place of ictu_oculi, whose 134
# million weights would be written to disk ten times over.
FOUR = [
    "ensemble.families=" + json.dumps(VOTERS), "train.batch=4",
    *(f"train.families.{family}.{key}={value}" for family in VOTERS if "test" not in family
      for key, value in (("epochs", 1), ("batch", 8))),
    "train.families.xceptionnet.head_epochs=0.4", "train.families.xceptionnet.learning_rate=1e-3",
    "split.shares=[0.6, 0.2, 0.2]", "split.seed=11",  # both classes of both data sets in each part
]  # fmt: skip


def show_somebody(path: Path) -> None:
    """Write a clip: of a person as is where it is real, tinted where it is a fake."""
    face = person(zlib.crc32("/".join(path.parts[-3:]).encode()) % 4000)
    if "masks" in path.parts:
        show(path, [np.full((SIDE, SIDE, 3), 255, np.uint8)] * 6)
        return
    if {"manipulated_sequences", "Celeb-synthesis"} & set(path.parts):
        tint = np.zeros_like(face)
        cv2.ellipse(tint, (SIDE // 2, SIDE // 2), (SIDE // 5, SIDE // 4), 0, 0, 360, (0, 90, 0), -1)
        face = cv2.add(face, tint)
    film(path, face)


def run_preset(folder: Path, name: str, *overrides: str) -> Path:
    """Run every stage of a preset in a folder; give the folder of the run."""
    data = folder / "data"
    miniatures.faceforensics(data, show_somebody, pairs=2, methods=("Deepfakes", "NeuralTextures"))
    miniatures.celebdf(data, show_somebody, listed=miniatures.CELEBDF_LISTED)
    command = [sys.executable, "-m", "trainer.run", "--settings",
               str(ROOT / "trainer" / "presets" / f"{name}.toml"),
               "--data", f"faceforensics={data / 'FaceForensics++'}",
               "--data", f"celebdf_v2={data / 'Celeb-DF-v2'}"]  # fmt: skip
    for override in (*SMALL, *overrides):
        command += ["--set", override]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Traceback" not in done.stderr
    (folder / "log.txt").write_text(done.stderr, "utf-8")
    return folder / "runs" / "grid"


@pytest.fixture(scope="module")
def aware_net(tmp_path_factory) -> Path:
    """A run of aware_net.toml."""
    return run_preset(tmp_path_factory.mktemp("aware_net"), "aware_net")


@pytest.fixture(scope="module")
def paper(tmp_path_factory) -> Path:
    """A run of aware_net_paper.toml."""
    return run_preset(tmp_path_factory.mktemp("paper"), "aware_net_paper")


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """A run of stronger_together.toml."""
    return run_preset(tmp_path_factory.mktemp("together"), "stronger_together", *FOUR)


def names(recipe: str) -> list[str]:
    return [f"{one}-{kind}" for one in SETS for kind in ("none", recipe)]


@pytest.mark.slow
def test_every_data_set_and_recipe_gives_an_ensemble_with_a_bundle(aware_net):
    grid = names("dfdc")
    assert sorted(path.name for path in (aware_net / "experiments").iterdir()) == sorted(grid)
    for name in grid:
        config = load_bundle(aware_net / "bundles" / name).config
        assert [family.name for family in config.families] == ["test_efficientnet", "test_resnet"]
        assert list(config.trained_on.datasets) == [name.rpartition("-")[0]]
        card = (aware_net / "bundles" / name / "README.md").read_text("utf-8")
        assert "Split by the protocol `identity`" in card
        assert f"by the recipe `{name.rpartition('-')[2]}`" in card


@pytest.mark.slow
def test_every_ensemble_is_tested_on_every_data_set(aware_net):
    rows = read_manifest(aware_net / "manifest.parquet")
    for name in names("dfdc"):
        metrics = json.loads((aware_net / "experiments" / name / "metrics.json").read_text("utf-8"))
        assert set(metrics["sets"]) == set(SETS)
        for dataset, figures in metrics["sets"].items():
            assert figures["learned_from"] == name.startswith(dataset)
            tested = [row for row in rows if (row.dataset, row.split) == (dataset, "test")]
            assert figures["crops"] == len(tested)
            assert set(figures["clips_level"]) == {
                *ENSEMBLES, "test_efficientnet", "test_resnet",
                "test_efficientnet-0", "test_resnet-0",
            }  # fmt: skip
            assert set(figures["robustness"]) >= {"jpeg", "blur", "noise", "size", "h264"}
            stored = Predictions.read(
                aware_net / "experiments" / name / f"predictions-{dataset}.parquet"
            )
            assert sorted(stored.clip) == sorted(row.clip for row in tested)


@pytest.mark.slow
def test_the_report_shows_the_whole_grid(aware_net):
    page = (aware_net / "report.html").read_text("utf-8")
    for name in names("dfdc"):
        assert name in page
    assert "DeepfakeBench" in page
    assert "data:image/" in page


@pytest.mark.slow
def test_a_bundle_of_the_grid_judges_a_clip(aware_net):
    settings = Settings.model_validate(
        {
            "sampling": {"frames": 3}, "runtime": {"device": "cpu"}, "explain": {"enabled": False},
            "faces": {"min_face_px": 32},
        }
    )  # fmt: skip
    data = aware_net.parent.parent / "data"
    clip = next((data / "Celeb-DF-v2" / "Celeb-real").glob("*.mp4"))
    report = load_detector(aware_net / "bundles" / "celebdf_v2-dfdc", settings).analyze(clip)
    assert report.status == "ok"
    assert report.calibrated


@pytest.mark.slow
def test_the_paper_leaks_and_says_so_and_its_weights_were_learned_with_the_members(paper):
    notes = read_notes(paper / "manifest.parquet")
    assert notes["protocol"] == "frame"
    parts: dict[str, set[str]] = {}
    for row in read_manifest(paper / "manifest.parquet"):
        parts.setdefault(row.clip, set()).add(row.split)
    assert any(len(found) > 1 for found in parts.values())  # frames of one clip in two parts
    for name in names("aware_net"):
        folder = paper / "experiments" / name
        card = (paper / "bundles" / name / "README.md").read_text("utf-8")
        assert "Split by the protocol `frame`" in card
        assert "**" + notes["split_warnings"].splitlines()[0] in card
        together = json.loads((folder / "together" / "together.json").read_text("utf-8"))
        learned = together["weights"]
        fitted = json.loads((folder / "fit.json").read_text("utf-8"))["weights"]
        assert fitted == pytest.approx(learned, abs=1e-6)
        config = load_bundle(paper / "bundles" / name).config
        fed = {(family.spec.side, family.spec.mean) for family in config.families}
        assert fed == {(64, SPECS["res2net101"].mean)}  # ImageNet's, for both
    warned = (paper.parent.parent / "log.txt").read_text("utf-8")
    assert notes["split_warnings"].splitlines()[0] in warned


@pytest.mark.slow
def test_four_detectors_are_trained_each_by_its_recipe_and_vote_in_six_ensembles(together):
    folder = together / "experiments" / "all-none"
    stamps = {
        family: json.loads(
            (folder / "members" / f"{family}-0" / "model.safetensors.from.json").read_text("utf-8")
        )["train"]
        for family in VOTERS
    }
    told = {family: (one["optimizer"], one["schedule"], one["batch"], one["betas"][0])
            for family, one in stamps.items()}  # fmt: skip
    assert told == {
        "capsule": ("adam", "constant", 8, 0.9), "dsp_fwa": ("sgd", "plateau", 8, 0.9),
        "test_resnet": ("adam", "constant", 4, 0.9), "xceptionnet": ("adam", "constant", 8, 0.5),
    }  # fmt: skip
    fitted = json.loads((folder / "fit.json").read_text("utf-8"))
    six = [f"{who}, {how}" for who in ("best two", "two smallest", "all")
           for how in ("hard", "soft")]  # fmt: skip
    assert {*six, "all, stack", "two tiers", "plain mean"} == set(fitted["ensembles"])
    assert fitted["ensembles"]["two smallest, hard"]["families"] == ["capsule", "test_resnet"]
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    for figures in metrics["sets"].values():
        for level in ("frames", "clips_level"):
            assert set(figures[level]) == {*fitted["ensembles"], *VOTERS,
                                           *(f"{family}-0" for family in VOTERS)}  # fmt: skip


@pytest.mark.slow
def test_one_frame_each_half_second_is_cut_out_by_the_detectors_box_as_it_is(together):
    rows = read_manifest(together / "manifest.parquet")
    assert {row.time_s for row in rows} == {0.0, 0.5}  # clips of six frames, eight a second
    sides = {round(max(x1 - x0, y1 - y0)) for x0, y0, x1, y1 in (row.box for row in rows)}
    assert sides == {96}  # the box fills its crop
    notes = read_notes(together / "manifest.parquet")
    assert notes["protocol"] == "video"


@pytest.mark.slow
def test_a_bundle_of_four_kinds_of_networks_judges_a_clip_and_shows_where_they_looked(together):
    settings = Settings.model_validate(
        {
            "sampling": {"frames": 3}, "runtime": {"device": "cpu"}, "explain": {"frames": 1},
            "faces": {"min_face_px": 32},
        }
    )  # fmt: skip
    bundle = load_bundle(together / "bundles")
    assert [family.name for family in bundle.config.families] == VOTERS
    assert bundle.config.combiner.name == "soft"
    clip = next((together.parent.parent / "data" / "Celeb-DF-v2" / "Celeb-real").glob("*.mp4"))
    report = load_detector(together / "bundles", settings).analyze(clip)
    assert report.status == "ok"
    assert set(report.families) == set(VOTERS)
    assert report.explanation


@pytest.mark.slow
def test_self_blended_images_are_learned_from_real_faces_and_tested_on_fakes(tmp_path):
    run = run_preset(tmp_path, "sbi")
    stamps = list(run.glob("experiments/*/members/*-0/model.safetensors.from.json"))
    assert stamps
    for path in stamps:
        assert json.loads(path.read_text("utf-8"))["train"]["input"] == "self_blended"
    for path in run.glob("experiments/*/metrics.json"):
        sets = json.loads(path.read_text("utf-8"))["sets"]
        assert set(sets) == set(SETS)
        assert all(found["clips"]["fake"] > 0 for found in sets.values())
