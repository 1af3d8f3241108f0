"""What made a run is written down, nobody is named in it, and no trouble of its own stops a run."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awarenet.hashing import hash_file
from trainer import provenance
from trainer.provenance import RECORD_FILE, Record, describe, hardware, hardware_in_words
from trainer.settings import TrainerSettings

COMMAND = ["train", "--set", "train.steps=7"]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run's folder; the working folder lies in the home of somebody with a telling name."""
    home = tmp_path / "homes" / "ann-onymous smith"
    work = home / "work"
    work.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    folder = work / "runs" / "a"
    folder.mkdir(parents=True)
    return folder


def settings_of(run: Path, **sections: dict) -> TrainerSettings:
    return TrainerSettings.model_validate({"data": {"run": str(run)}, **sections})


def read(run: Path) -> dict:
    return json.loads((run / RECORD_FILE).read_text("utf-8"))


def do(settings: TrainerSettings, *stages: str) -> None:
    with Record(settings, COMMAND, stages) as record:
        for stage in stages:
            with record.timed(stage):
                pass


def test_a_record_says_what_was_run_with_what(run):
    settings = settings_of(run, train={"seed": 5}, ensemble={"families": ["test_resnet"]})
    do(settings, "check", "train")
    found = read(run)
    assert found["command"] == COMMAND
    assert found["asked"] == ["check", "train"]
    assert list(found["stages"]) == ["check", "train"]
    assert found["started"] <= found["ended"]
    assert found["failed"] is None
    assert found["versions"]["torch"] == metadata.version("torch")
    assert found["python"] == platform.python_version()
    assert found["seeds"]["members"] == {"all-camera": {"test_resnet": [5, 6, 7]}}
    assert found["settings"]["train"]["seed"] == 5
    assert found["changed"] == {
        "data": {"run": "./runs/a"}, "train": {"seed": 5}, "ensemble": {"families": ["test_resnet"]}
    }  # fmt: skip


def test_the_commit_is_the_one_that_git_names(run):
    commit = subprocess.run(
        ["git", "-C", str(provenance.ROOT), "rev-parse", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    if not commit:
        pytest.skip("these files are no git checkout")
    found = describe(settings_of(run))
    assert found["commit"] == commit
    assert found["dirty"] in (True, False)


def test_without_git_the_rest_is_still_written(run, monkeypatch):
    monkeypatch.setenv("PATH", str(run))
    do(settings_of(run), "train")
    assert (read(run)["commit"], read(run)["dirty"]) == (None, None)
    assert read(run)["versions"]


def test_the_commit_of_a_project_around_an_installed_copy_is_not_taken(run, monkeypatch):
    subprocess.run(["git", "init", "-q", str(run)], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(run), *author, "commit", "-q", "--allow-empty", "-m", "x"],
                   check=True)  # fmt: skip
    inside = run / "site-packages"
    inside.mkdir()
    monkeypatch.setattr(provenance, "ROOT", inside)
    assert describe(settings_of(run))["commit"] is None
    monkeypatch.setattr(provenance, "ROOT", run)
    assert describe(settings_of(run))["dirty"] is False


def test_nobody_and_no_machine_is_named(run, tmp_path):
    home = Path.home()
    settings = settings_of(
        run,
        data={
            "run": str(run),
            "sets": {"ffpp": f"{home}/sets/ffpp", "far": "/scratch/ann-onymous smith/far"},
            "photos": [str(home / "work" / "photos"), "/mnt/ann-onymous/photos"],
            "clip_people": {"see": f"from {home} and /srv/ann-onymous/x, or 3/4"},
        },
    )
    command = [f"--settings={home}/a.toml", "--data", "x=/media/ann-onymous smith/x", "a/b"]
    with Record(settings, command, []):
        pass
    text = (run / RECORD_FILE).read_text("utf-8")
    found = read(run)
    assert "ann-onymous" not in text
    assert str(tmp_path) not in text
    for name in (platform.node(), getpass.getuser()):
        assert name not in text or len(name) < 5  # "root" may be a part of any word
    assert found["command"] == ["--settings=~/a.toml", "--data", "x=…/x", "a/b"]
    assert found["settings"]["data"]["sets"] == {"ffpp": "~/sets/ffpp", "far": "…/far"}
    assert found["settings"]["data"]["photos"] == ["./photos", "…/photos"]
    assert found["settings"]["data"]["clip_people"] == {"see": "from ~ and …/x, or 3/4"}
    assert found["settings"]["card"]["about"] == settings.card.about


@given(st.text(), st.text())
def test_whatever_stands_around_it_a_home_is_never_written(before, after):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", "/homes/zoe zebra")
        assert "zebra" not in provenance._without_names(f"{before}/homes/zoe zebra/{after}")


def test_data_are_told_by_their_hashes_once_they_are_there(run):
    assert describe(settings_of(run))["data"] == {"manifest": None, "split": None}
    (run / "manifest.parquet").write_bytes(b"rows")
    found = describe(settings_of(run))["data"]
    assert found["manifest"] == hash_file(run / "manifest.parquet")


def test_commands_that_go_on_with_a_run_add_up(run, monkeypatch):
    clock = iter([0.0, 10.0, 100.0, 103.5, 200.0, 201.0])
    monkeypatch.setattr(provenance.time, "monotonic", lambda: next(clock))
    do(settings_of(run, train={"seed": 5}), "train")
    do(settings_of(run), "train", "bundle")
    found = read(run)
    assert found["history"][0]["changed"]["train"] == {"seed": 5}
    assert "train" not in found["changed"]
    assert found["stages"] == {"train": 13.5, "bundle": 1.0}
    assert [each["stages"] for each in found["history"]] == [
        {"train": 10.0}, {"train": 3.5, "bundle": 1.0}
    ]  # fmt: skip


def test_a_stage_that_fails_is_timed_and_the_failure_noted(run):
    with pytest.raises(MemoryError), Record(settings_of(run), COMMAND, ["train"]) as record:
        with record.timed("train"):
            raise MemoryError
    assert read(run)["failed"] == "MemoryError"
    assert list(read(run)["stages"]) == ["train"]


def test_while_a_stage_runs_the_record_says_that_the_command_has_not_ended(run):
    with Record(settings_of(run), COMMAND, ["train"]):
        assert read(run)["ended"] is None
    assert read(run)["ended"]


def test_a_record_that_cannot_be_read_is_begun_anew(run):
    (run / RECORD_FILE).write_text("{half", "utf-8")
    do(settings_of(run), "train")
    assert len(read(run)["history"]) == 1


def test_a_command_that_came_to_nothing_makes_no_folder(run):
    do(settings_of(run.parent / "typo"), "train")
    assert not (run.parent / "typo").exists()


def test_of_several_processes_only_the_first_writes(run, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    do(settings_of(run), "train")
    assert list(run.iterdir()) == []


def test_hardware_is_put_into_words():
    assert hardware()["cores"] >= 1
    gpu = {"name": "H200", "memory_gib": 139.8}
    found = {"cpu": "Some CPU", "cores": 4, "memory_gib": 8.0, "gpus": []}
    assert hardware_in_words(found) == "4 cores of Some CPU, no GPU"
    assert hardware_in_words(found | {"gpus": [gpu] * 2}) == "4 cores of Some CPU, 2 x H200"
