"""The trainer as one command: every stage of it on people who do not exist, and how it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from crossing import crossing
from fitted import ENSEMBLES
from tiny_people import FOLDER, OTHERS, PEOPLE, write_people

from awarenet.bundle import load_bundle
from awarenet.pipeline import load_detector
from awarenet.report import Report
from awarenet.settings import Settings, load_settings
from trainer.bundles.card import model_card
from trainer.experiments import experiments
from trainer.extraction.crops import read_scene
from trainer.manifest import read_manifest
from trainer.prepare import manifest_hash
from trainer.run import STAGES, main
from trainer.settings import TrainerSettings
from trainer.splits.split_file import read_split

ROOT = Path(__file__).resolve().parent.parent
PRESET = ROOT / "tests" / "tiny.toml"
FAMILIES = ["test_efficientnet", "test_resnet"]
OWN = Path("experiments", "all-camera")  # of the run's folder: what belongs to its only ensemble
DEADLINE_S = 1800  # about a minute on two idle cores


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working folder in which `python -m trainer.run --settings tests/tiny.toml` has ended."""
    folder = tmp_path_factory.mktemp("work")
    write_people(folder / FOLDER)
    command = [sys.executable, "-m", "trainer.run", "--settings", str(PRESET)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    (folder / "log.txt").write_text(done.stderr, "utf-8")
    return folder


@pytest.fixture
def run(place, monkeypatch) -> Path:
    """Folder of that run; the working folder is the one that it ran in."""
    monkeypatch.chdir(place)
    return Path("runs/tiny")


def failure(capsys, *arguments: str) -> str:
    """Call the program so that it fails; give its one line."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == ""
    assert "Traceback" not in err
    assert len(lines) == 1
    assert err.endswith(f"{lines[0]}\n")
    return lines[0]


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with the time it was written at."""
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.slow
def test_the_stages_ran_in_their_order(place):
    lines = (place / "log.txt").read_text("utf-8").splitlines()
    ran = [line.split("== ")[1] for line in lines if "== " in line]
    assert ran == ["prepare", "check", "train", "ensemble", "evaluate", "report", "bundle"]
    assert list(STAGES) == ["index", *ran, "push"]


@pytest.mark.slow
def test_nobody_is_in_two_parts_of_what_was_prepared(run):
    rows = read_manifest(run / "manifest.parquet")
    real = [r for r in rows if r.label == 0]
    assert {r.split for r in real} == {"train", "validation", "test"}
    assert len(real) == PEOPLE + OTHERS
    assert crossing((r.split, r.identities, r.source_clip, r.sha256) for r in rows) == []
    parts = {r.clip: r.split for r in rows}
    assert parts["photos-person-00"] == parts["photos-person-01"]  # [data] same_person
    assert {r.split for r in rows if r.dataset == "others"} == {"test"}
    assert read_split(run / "split.json").parts.items() <= parts.items()
    kinds = {
        part: {r.method for r in rows if r.split == part and r.label} for part in parts.values()
    }
    assert "pyramid_swap" not in kinds["train"]
    assert "pyramid_swap" in kinds["validation"] & kinds["test"]
    for fake in (r for r in rows if r.label and r.method != "self_blended"):
        own, donor = fake.identities
        assert own != donor


@pytest.mark.slow
def test_every_crop_is_there_with_the_face_in_its_middle(run):
    for found in read_manifest(run / "manifest.parquet"):
        image, mesh = read_scene(found, run)
        assert image.shape == (128, 128, 3)
        x0, y0, x1, y1 = found.box
        assert max(x1 - x0, y1 - y0) == pytest.approx(80, abs=0.1)  # 0.3 of it on every side
        assert np.abs(mesh.mean(0) - 64).max() < 12
        assert np.hypot(*(np.array([x0 + x1, y0 + y1]) / 2 - 64)) < 0.1


@pytest.mark.slow
def test_every_member_was_trained_to_its_last_step(run):
    names = sorted(path.name for path in (run / OWN / "members").iterdir())
    assert names == [f"{family}-{index}" for family in FAMILIES for index in (0, 1)]
    for name in names:
        log = (run / OWN / "members" / name / "log.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["step"] for line in log] == [35, 70]


@pytest.mark.slow
def test_clips_were_swapped_and_dealt_out(run):
    clips = json.loads((run / "clips.json").read_text("utf-8"))
    people = {part: {c["person"] for c in clips if c["part"] == part} for part in
              ("calibration", "test")}  # fmt: skip
    assert people == {"calibration": {"anna", "ben"}, "test": {"carl", "dora"}}
    assert sorted(c["label"] for c in clips) == [0] * 6 + [1] * 6


@pytest.mark.slow
def test_figures_were_measured_on_every_kind_and_source(run):
    metrics = json.loads((run / OWN / "metrics.json").read_text("utf-8"))
    expected = {"own sources, clean", "own sources, hard", "others, clean"}
    assert set(metrics["crops"]) == expected
    for kinds in metrics["crops"].values():
        assert {"matched_swap", "poisson_swap", "pyramid_swap", "self_blended"} < set(kinds)
        for figure in kinds.values():
            assert 0 <= figure["low"] <= figure["high"] <= 1
    members = [f"{family}-{index}" for family in FAMILIES for index in (0, 1)]
    assert set(members) < set(metrics["members"]["clean"])
    against = {row["against"] for row in metrics["paired"]["hard"]}
    assert against == {*members, *FAMILIES, *ENSEMBLES} - {"two tiers"}
    video = metrics["clips"]["video"]
    assert video["without an answer"] == 0
    assert (video["genuine"]["clips"], video["fake"]["clips"]) == (2, 2)


@pytest.mark.slow
def test_the_bundle_loads_and_says_what_it_was_made_of(run):
    config = load_bundle(run / "bundle").config
    assert config.name == "awarenet-tiny"
    assert [family.name for family in config.families] == FAMILIES
    seeds = [member.seed for family in config.families for member in family.members]
    assert seeds == [0, 1, 2, 3]
    assert config.calibration is not None
    fitted = json.loads((run / OWN / "fit.json").read_text("utf-8"))
    assert config.calibration.scale == fitted["scale"] > 0
    own = fitted["calibrations"][fitted["ships"]]
    assert (own["scale"], own["offset"]) == (fitted["scale"], fitted["offset"])
    assert config.thresholds.default == fitted["threshold"]
    assert config.combiner.weights == pytest.approx(fitted["weights"], abs=1e-6)
    assert config.trained_on.split_sha256 == manifest_hash(run / "manifest.parquet")
    card = (run / "bundle" / "README.md").read_text("utf-8")
    assert "# awarenet-tiny" in card
    assert "pyramid_swap (unseen)" in card
    assert "Heads drawn for the tests" in card  # [card] sources
    assert "Congress" not in card
    assert "Nobody has described who is in this data" in card
    assert "{" not in card


@pytest.mark.slow
def test_the_bundle_knows_its_limits_and_other_ways_to_vote(run):
    bundle = load_bundle(run / "bundle")
    fitted = json.loads((run / OWN / "fit.json").read_text("utf-8"))
    assert bundle.config.competence.model_dump() == fitted["competence"]
    assert list(bundle.competence.views) == FAMILIES
    assert 0 < bundle.competence.limit
    votes = {vote.name: vote for vote in bundle.config.other_votes}
    # of two families, the best two and the two smallest are all there are
    assert set(votes) == {"mean", "hard_best", "soft_best"}
    assert votes["mean"].calibration.scale == fitted["calibrations"]["plain mean"]["scale"]


@pytest.mark.slow
def test_the_card_says_how_people_were_split_and_what_crosses(run, monkeypatch):
    [experiment] = experiments(load_settings(PRESET, (), TrainerSettings))
    names = ("fit.json", "metrics.json")
    parts = [json.loads((run / OWN / name).read_text("utf-8")) for name in names]
    card = model_card(experiment, *parts)
    assert "Split by the protocol `identity`" in card
    assert "**It leaks.**" not in card
    leaky = {"protocol": "frame", "split_warnings": "It leaks."}
    monkeypatch.setattr("trainer.bundles.card.read_notes", lambda path: leaky)
    card = model_card(experiment, *parts)
    assert "Split by the protocol `frame`" in card
    assert "**It leaks.**" in card


@pytest.mark.slow
def test_the_bundle_judges_a_clip(run):
    settings = Settings.model_validate(
        {"sampling": {"frames": 4}, "runtime": {"device": "cpu"}, "explain": {"enabled": False}}
    )
    report = load_detector(run / "bundle", settings).analyze(f"{FOLDER}/clips/carl.mp4")
    assert isinstance(report, Report)
    assert report.status == "ok"
    assert report.calibrated
    assert 0 < report.probability < 1
    assert report.verdict in ("fake", "real", "inconclusive")
    [person] = report.people
    assert set(person.families) == set(FAMILIES)
    assert len(person.timeline) == 4


@pytest.mark.slow
def test_a_second_run_does_nothing_again(run, caplog):
    kept = {path: content(run / path) for path in (OWN / "members", "crops", "fake", "clips")}
    names = ("fit.json", "metrics.json", "scored.json")
    files = [run / "manifest.parquet", *(run / OWN / name for name in names)]
    times = [path.stat().st_mtime_ns for path in files]
    config = json.loads((run / "bundle" / "config.json").read_text("utf-8"))
    # workers=1: in this process, and no other is started
    with caplog.at_level("INFO"):
        assert main(["--settings", str(PRESET), "--set", "train.workers=1"]) == 0
    assert {path: content(run / path) for path in kept} == kept
    assert [path.stat().st_mtime_ns for path in files] == times
    again = json.loads((run / "bundle" / "config.json").read_text("utf-8"))
    # the last bit of a golden logit depends on the number of threads
    assert {**again, "golden": None} == {**config, "golden": None}
    skipped = [record.getMessage() for record in caplog.records if "skipped" in record.getMessage()]
    assert len(skipped) == 1 + 2 + 4 + 1 + 1  # prepare, check (before training too), members, …


@pytest.mark.slow
def test_a_setting_that_the_weights_depend_on_does_not_pass_unseen(run, capsys):
    wrong, before = (
        ["--settings", str(PRESET), "--set", "train.workers=1"],
        content(run / "split.json"),
    )
    line = failure(capsys, "train", *wrong, "--set", "train.steps=71")
    assert "train.steps = 70, now it is 71" in line
    line = failure(capsys, "prepare", *wrong, "--set", "split.seed=1")
    assert "split.seed = 0, now it is 1" in line
    assert content(run / "split.json") == before
