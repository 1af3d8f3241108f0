"""Several processes scan a folder: the lines of one, whoever dies on the way."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import scanning
from scanning import pids, said
from tiny_detector import make_detector

import awarenet.batch
from awarenet.__main__ import main
from awarenet.batch import run_batch, run_crew
from awarenet.errors import BundleError, Canceled
from awarenet.scan import open_crew

TESTS = Path(__file__).resolve().parent
WAIT_S = 60  # for what takes a few seconds on an idle machine


@pytest.fixture(scope="module")
def notes(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def crew(saved, notes):
    with scanning.crew(saved, notes) as crew:
        yield crew


@pytest.fixture(scope="module")
def alone(saved):
    """What the crew's workers are, in this process."""
    settings = scanning.settings_of(saved)
    sections = settings.model_dump(
        include={"model", *"faces sampling explain verdict runtime".split()}
    )
    return make_detector(saved, **sections)


@pytest.fixture
def folder(clips, tmp_path) -> Path:
    """Five files and an empty folder; the third file is none."""
    place = tmp_path / "clips"
    (place / "g").mkdir(parents=True)
    for source, name in (
        ("two.mp4", "a.mp4"), ("photo.png", "b.png"), ("wall.mp4", "d.mp4"), ("one.mp4", "e.mp4")
    ):  # fmt: skip
        shutil.copy(clips / source, place / name)
    (place / "c.mp4").write_bytes(b"not a video " * 99)
    return place


def names(journal: Path) -> list[str]:
    return [json.loads(line)["input"]["name"] for line in journal.read_bytes().splitlines()]


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or has only not been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(holds) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_two_workers_give_the_lines_of_one_with_a_bad_clip_in_the_middle(
    crew, alone, folder, tmp_path
):
    paths = [folder, folder / "g", folder / "gone.mp4", folder / "a.mp4"]
    rows = list(run_crew(crew, paths, tmp_path / "run.jsonl"))
    expected = list(run_batch(alone, paths, tmp_path / "alone.jsonl"))
    assert said(rows) == said(expected)
    statuses = ["ok", "ok", "unreadable", "no_face", "ok", "unsupported", "unreadable", "ok"]
    assert [row.status for row in rows] == statuses
    assert names(tmp_path / "run.jsonl") == names(tmp_path / "alone.jsonl")
    assert [row.resumed for row in rows] == [row.resumed for row in expected]
    assert [row.path for row in rows] == [row.path for row in expected]


def test_a_worker_that_is_killed_loses_nothing_and_a_deadly_clip_costs_itself(
    crew, alone, folder, notes
):
    shutil.copy(folder / "a.mp4", folder / "b-once.mp4")
    shutil.copy(folder / "a.mp4", folder / "b-deadly.mp4")
    rows = list(run_crew(crew, [folder]))
    *others, deadly = sorted(rows, key=lambda row: row.name == "b-deadly.mp4")
    assert said(others) == said(
        row for row in run_batch(alone, [folder]) if row.name != "b-deadly.mp4"
    )
    assert deadly.status == "error"
    assert deadly.report.verdict is None
    assert "whoever analyzed b-deadly.mp4 died, 2 times (SIGKILL" in deadly.message
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    for name in ("b-once.mp4", "b-deadly.mp4"):
        assert len(set(pids(notes, name))) == 2
    assert all(is_gone(pid) for pid in pids(notes, "b-deadly.mp4"))


def test_stop_ends_the_clip_that_workers_are_at_and_they_can_go_on(crew, folder, notes):
    patient = shutil.copy(folder / "a.mp4", folder / "b-patient.mp4")
    rows = run_crew(crew, [folder / "a.mp4", patient], None, lambda: bool(pids(notes, "b-pat*")))
    with pytest.raises(Canceled):
        list(rows)
    assert all(is_gone(pid) for pid in pids(notes, "b-patient.mp4"))
    assert [row.status for row in run_crew(crew, [folder / "d.mp4"])] == ["no_face"]


def test_a_bundle_that_does_not_load_is_one_error_and_not_one_a_file(folder, tmp_path):
    settings = scanning.settings_of(tmp_path / "missing")
    with open_crew(settings, 1) as crew, pytest.raises(BundleError, match="missing"):
        list(run_crew(crew, [folder]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "0"], "--workers 0; expected at least 1"),
        (["--workers", "2", "--report", "out"], "leave --workers and --engine out"),
    ],
)
def test_a_mistake_is_told_before_anybody_is_hired(folder, capsys, arguments, words):
    assert main([str(folder), *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err and len(err.splitlines()) == 1


def test_ctrl_c_ends_all_workers(folder, saved, notes, monkeypatch, capsys):
    folder.joinpath("b.png").rename(folder / "b-patient.png")

    def interrupted(crew, files, journal):
        yield next(run_crew(crew, files, journal))
        wait_until(lambda: pids(notes, "b-patient.png"))
        raise KeyboardInterrupt

    monkeypatch.setattr(awarenet.batch, "run_crew", interrupted)
    assert scanning.call_main(notes, [folder, "--model", saved, "--workers", 2]) == 130
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.endswith("stopped\n")
    assert all(is_gone(pid) for pid in pids(notes, "b-patient.png") + pids(notes, "e.mp4"))


def test_a_scan_that_was_killed_leaves_nobody_behind_and_goes_on(crew, folder, saved, tmp_path):
    (folder / "c.mp4").rename(folder / "c-patient.mp4")
    own, journal = tmp_path / "notes", tmp_path / "run.jsonl"
    own.mkdir()
    arguments = [str(folder), "--model", str(saved), "--json", str(journal), "--resume"]
    arguments += ["--workers", "2"]
    program = f"import scanning; scanning.call_main({str(own)!r}, {arguments!r})"
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))},
    )  # fmt: skip
    # the file after it is done by then, and waits for its turn
    wait_until(lambda: pids(own, "c-patient.mp4") and pids(own, "e.mp4"))
    wait_until(lambda: journal.read_bytes().count(b"\n") == 2)
    running.kill()
    out, err = running.communicate(timeout=WAIT_S)  # workers that went on would hold the pipes
    assert b"what a library prints" not in out
    assert b"what a library prints" in err and b"Traceback" not in err
    workers = {int(note.name.rpartition("-")[2]) for note in own.iterdir()}
    wait_until(lambda: all(map(is_gone, workers)))

    before = journal.read_bytes()
    assert names(journal) == ["a.mp4", "b.png"]
    (folder / "c-patient.mp4").rename(folder / "c.mp4")
    rows = list(run_crew(crew, [folder], journal))
    assert [row.resumed for row in rows] == [True, True, False, False, False]
    assert names(journal) == ["a.mp4", "b.png", "c.mp4", "d.mp4", "e.mp4"]
    assert journal.read_bytes().startswith(before)
