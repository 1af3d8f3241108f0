"""Learning curves: one table of all members, and pages that are written to this disk alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from awarenet.errors import SettingsError
from trainer.experiments import experiments
from trainer.settings import TrainerSettings
from trainer.tracking import collect, open_tracker

ROOT = Path(__file__).resolve().parent.parent
RECORDS = [
    {"step": 10, "epoch": 0.5, "loss": 0.7, "validation_auc": 0.5},
    {"step": 20, "epoch": 1.0, "loss": 0.4, "validation_auc": 0.9, "note": "best", "kept": True},
]


def settings_of(run: Path, **sections: dict) -> TrainerSettings:
    return TrainerSettings.model_validate({"data": {"run": str(run)}, **sections})


def test_curves_of_all_members_become_one_table(tmp_path):
    families = ["test_resnet", "test_efficientnet"]
    own = settings_of(tmp_path, ensemble={"families": families, "members": 2})
    (experiment,) = experiments(own)
    for number, (family, index) in enumerate(experiment.members[:-1]):
        folder = experiment.member_folder(family, index)
        folder.mkdir(parents=True)
        lines = [json.dumps({**record, "loss": record["loss"] + number}) for record in RECORDS]
        (folder / "log.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    table = pyarrow.parquet.read_table(collect(experiment))
    assert collect(experiment) == experiment.folder / "curves.parquet"
    assert table.column_names[:4] == ["family", "index", "step", "epoch"]
    assert (
        table["family"].to_pylist()
        == ["test_resnet"] * 2 + ["test_efficientnet"] * 2 + ["test_resnet"] * 2
    )  # one of each family before the second of any; the last has not begun
    assert table["index"].to_pylist() == [0, 0, 0, 0, 1, 1]
    assert table["step"].to_pylist() == [10, 20] * 3
    assert table["loss"].to_pylist() == pytest.approx([0.7, 0.4, 1.7, 1.4, 2.7, 2.4])
    assert table["note"].to_pylist() == [None, "best"] * 3


def test_where_nobody_has_trained_the_table_is_empty(tmp_path):
    (experiment,) = experiments(settings_of(tmp_path))
    table = pyarrow.parquet.read_table(collect(experiment))
    assert (table.num_rows, table.column_names) == (0, ["family", "index"])


def test_without_a_backend_nothing_is_written(tmp_path):
    tracker = open_tracker(settings_of(tmp_path / "run"), "all-none/test_resnet-0")
    tracker.log(RECORDS[0], 10)
    tracker.close()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("backend", ["tensorboard", "trackio"])
def test_a_package_that_is_missing_names_the_command_that_brings_it(tmp_path, monkeypatch, backend):
    monkeypatch.setitem(sys.modules, backend, None)  # as if it were not installed
    with pytest.raises(SettingsError) as caught:
        open_tracker(settings_of(tmp_path, track={"backend": backend}), "all-none/test_resnet-0")
    assert "pip install -e '.[track]'" in str(caught.value)
    assert "track.backend=none" in str(caught.value)
    assert "\n" not in str(caught.value)


TRACK = """
import json, socket, sys

def forbidden(*_args, **_options):
    raise SystemExit("the network was asked")

socket.getaddrinfo = socket.create_connection = socket.socket.connect = forbidden
from trainer.settings import TrainerSettings
from trainer.tracking import open_tracker

run, backend, *names = sys.argv[1:]
own = {"data": {"run": run}, "track": {"backend": backend, "project": "tried"}}
for name in names:
    tracker = open_tracker(TrainerSettings.model_validate(own), name)
    for record in json.loads(sys.stdin.readline()):
        tracker.log(record, record["step"])
    tracker.close()
"""


def track(run: Path, backend: str, records: dict[str, list[dict]], **environment: str) -> None:
    """Track trainings in a process that dies when it asks for the network; it prints nothing."""
    done = subprocess.run(
        [sys.executable, "-c", TRACK, str(run), backend, *records],
        input="".join(json.dumps(each) + "\n" for each in records.values()),
        cwd=ROOT,
        env={"HOME": str(run), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_tensorboard_holds_every_number_at_its_step(tmp_path):
    names = ["all-none/test_resnet-0", "all-none/test_resnet-1"]
    track(tmp_path, "tensorboard", {names[0]: RECORDS, names[1]: RECORDS[:1]})
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    found = {}
    for name in names:
        events = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard" / name)).Reload()
        keys = events.Tags()["scalars"]
        found[name] = {k: [(e.step, e.value) for e in events.Scalars(k)] for k in keys}
    assert set(found[names[0]]) == {"epoch", "loss", "validation_auc"}
    assert found[names[0]]["loss"] == [(10, pytest.approx(0.7)), (20, pytest.approx(0.4))]
    assert found[names[1]]["epoch"] == [(10, 0.5)]


def test_trackio_holds_every_number_in_the_runs_folder_and_asks_nobody(tmp_path):
    pytest.importorskip("trackio")
    name = "all-none/test_resnet-0"
    elsewhere = {
        "TRACKIO_SPACE_ID": "me/space",
        "TRACKIO_SERVER_URL": "http://hub.invalid/?write_token=x",
        "TRACKIO_DIR": str(tmp_path / "elsewhere"),
    }
    track(tmp_path, "trackio", {name: RECORDS[:1]}, **elsewhere)
    track(tmp_path, "trackio", {name: RECORDS[1:]}, **elsewhere)  # goes on with it
    code = (
        "import json, trackio.api as a; runs = a.Api().runs('tried');"
        "from trackio.sqlite_storage import SQLiteStorage as S;"
        "print(json.dumps([[r.name, S.get_logs('tried', r.name)] for r in runs]))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "TRACKIO_DIR": str(tmp_path / "trackio")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert read.returncode == 0, read.stderr
    ((found, logs),) = json.loads(read.stdout.splitlines()[-1])
    assert found == name
    assert [(log["step"], log["loss"], log["validation_auc"]) for log in logs] == [
        (10, 0.7, 0.5), (20, 0.4, 0.9)
    ]  # fmt: skip
    assert "note" not in logs[1] and "kept" not in logs[1]
    assert not (tmp_path / "elsewhere").exists()
