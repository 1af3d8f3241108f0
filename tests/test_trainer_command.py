"""How `python -m trainer.run` is called, and how it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import miniatures
import pytest
from test_trainer_run import DEADLINE_S, FAMILIES, FOLDER, PRESET, ROOT, failure

from awarenet.errors import AwareNetError
from awarenet.settings import load_settings
from trainer.run import STAGES, main
from trainer.settings import TrainerSettings
from trainer.stamps import is_made


def test_an_unknown_stage_is_refused_with_the_right_ones(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["prepare", "trian", "--settings", str(PRESET)])
    assert caught.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert (
        "no stage trian; there are index, prepare, check, train, ensemble, evaluate, report, bundle"
        in message
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stepz=5", "no setting 'stepz'; did you mean 'steps'?"),
        ("trian.steps=5", "no section 'trian'; did you mean 'train'?"),
        ("train.batch=0", "batch = 0; expected greater than or equal to 2"),
        ("train.steps=many", 'steps = "many"; expected'),
        ("split.shares=[0.5, 0.5]", "shares"),
        ("train", "expected section.key=value"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(capsys, override, message):
    assert message in failure(capsys, "--dry-run", "--settings", str(PRESET), "--set", override)


def test_a_settings_file_that_is_not_there_is_one_line(capsys, tmp_path):
    line = failure(capsys, "--settings", str(tmp_path / "none.toml"))
    assert "none.toml" in line
    assert "expected a TOML file" in line


def test_the_program_itself_ends_with_2_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "trainer.run", "--settings", str(PRESET), "--set", "a.b=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --set a.b=1: no section 'a'")
    assert len(done.stderr.splitlines()) == 1


def test_a_dry_run_shows_the_settings_and_makes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--dry-run", "--settings", str(PRESET), "--set", "train.steps=7"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["train"]["steps"] == 7
    assert shown["ensemble"]["families"] == FAMILIES
    assert list(tmp_path.iterdir()) == []


def test_a_stage_without_the_one_before_it_says_which(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        failure(capsys, stage, "--settings", str(PRESET), "--set", "train.workers=1")
        for stage in ("train", "ensemble", "evaluate")
    ]
    assert "run the stage `prepare` first" in lines[0]
    assert "run the stage `prepare` first" in lines[1]
    assert "run the stage `ensemble` first" in lines[2]


def test_several_processes_train_on_what_was_checked_and_on_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    trained = []
    monkeypatch.setattr("trainer.grid.train_grid", trained.append)
    settings = TrainerSettings.model_validate({"data": {"run": str(tmp_path)}})
    manifest, done = tmp_path / "manifest.parquet", tmp_path / "check.json"
    manifest.write_bytes(b"the table")
    with pytest.raises(AwareNetError, match=r"no .*check\.json; run the stage `check` first"):
        STAGES["train"](settings)
    is_made(done, {"manifest": hashlib.sha256(b"the table").hexdigest()}, again=True)
    done.write_text("{}", "utf-8")
    STAGES["train"](settings)
    assert trained == [settings]
    manifest.write_bytes(b"another table")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    expected = r"manifest\.parquet is not the one that was checked; run the stage `check` first"
    with pytest.raises(AwareNetError, match=expected):
        STAGES["train"](settings)
    assert trained == [settings]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_photographs_that_are_not_there_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "photos: no folder" in failure(capsys, "--settings", str(PRESET))


def test_two_photographs_of_one_name_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part in ("photos", "others"):
        (tmp_path / FOLDER / part).mkdir(parents=True)
        for suffix in (".png", ".jpg"):
            (tmp_path / FOLDER / part / f"ann{suffix}").touch()
    line = failure(capsys, "prepare", "--settings", str(PRESET))
    assert "two clips are called photos-ann" in line


def test_only_stages_asked_for_run_and_in_their_order(monkeypatch):
    ran = []
    for stage in STAGES:
        monkeypatch.setitem(STAGES, stage, lambda settings, stage=stage: ran.append(stage))
    assert main(["bundle", "train", "--settings", str(PRESET)]) == 0
    assert ran == ["train", "bundle"]
    assert main(["--settings", str(PRESET)]) == 0
    assert ran[2:] == [stage for stage in STAGES if stage not in ("index", "push")]
    assert main(["index", "--settings", str(PRESET)]) == 0
    assert ran[-1] == "index"


def test_a_data_set_on_disk_is_counted_beside_what_was_published(capsys, tmp_path):
    folder = miniatures.celebdf(tmp_path)
    assert main(["index", "--data", f"celebdf_v2={folder}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        *("celebdf_v2", "train", "validation", "test", "no", "part", "all", "published")
    ]
    assert [line.split()[0] for line in lines[1:]] == ["real", "Celeb-synthesis", "all", "all"]


@pytest.mark.parametrize("typed", ["celebdf_v2", "=/a", "celebdf_v2="])
def test_a_data_set_without_name_or_folder_is_one_line(capsys, typed):
    assert "expected NAME=PATH" in failure(capsys, "index", "--data", typed)


def test_counting_without_a_data_set_says_how_to_name_one(capsys):
    assert "add --data NAME=PATH" in failure(capsys, "index", "--settings", str(PRESET))


def test_the_preset_leaves_nothing_at_the_size_of_the_demo():
    tiny, demo = load_settings(PRESET, (), TrainerSettings), TrainerSettings()
    assert tiny.train.steps < demo.train.steps / 5
    assert tiny.train.start == "random"
    assert set(tiny.ensemble.families) == set(FAMILIES)
    data = tiny.data
    folders = [*data.photos, *data.videos, *data.test_photos.values(), data.run]
    assert all(path.startswith("runs/tiny") for path in [*folders, tiny.ensemble.bundle])


@pytest.mark.parametrize("typed", ["0/2", "3/2", "1", "a/b"])
def test_a_share_that_is_none_is_refused(capsys, typed):
    with pytest.raises(SystemExit):
        main(["prepare", "--shard", typed])
    assert "I/N with 1 <= I <= N expected" in capsys.readouterr().err


def test_a_share_goes_with_preparing_alone(capsys):
    with pytest.raises(SystemExit):
        main(["prepare", "train", "--shard", "1/2"])
    assert "go with the stage prepare alone" in capsys.readouterr().err
