"""A scan on Ray gives the lines of one process. One cluster is started for this file."""

import shutil
import sys
from pathlib import Path

import pytest
import scanning
from scanning import pids
from tiny_detector import make_detector

from awarenet.__main__ import main
from awarenet.batch import run_batch, run_crew
from awarenet.errors import BundleError
from awarenet.scan import open_crew
from awarenet.scan.cluster import Cluster
from awarenet.settings import RuntimeSettings, Settings

TESTS = Path(__file__).resolve().parent


def test_without_the_package_a_line_says_how_to_get_it(clips, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([str(clips), "--engine", "ray"]) == 2
    err = capsys.readouterr().err
    assert err == "error: the engine `ray` needs a package: pip install 'ray>=2.50'\n"
    assert "'ray>=2.50'"[1:-1] in (TESTS.parent / "pyproject.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.50'")
    with pytest.MonkeyPatch.context() as patch:
        # a cluster of its own, whose workers know the tests
        patch.setenv("RAY_ADDRESS", "local")
        patch.setenv("PYTHONPATH", f"{TESTS}:{TESTS.parent}")
        place = Cluster(scanning.refuse, 1, RuntimeSettings())
        place.open()
        assert ray.is_initialized()
        yield
        place.close()
    assert not ray.is_initialized()


@pytest.mark.slow
def test_the_lines_are_those_of_one_process_whoever_dies(cluster, saved, clips, tmp_path):
    folder, notes = tmp_path / "clips", tmp_path / "notes"
    folder.mkdir()
    notes.mkdir()
    for source, name in (
        ("two.mp4", "a.mp4"), ("wall.mp4", "b-once.mp4"), ("photo.png", "d.png")
    ):  # fmt: skip
        shutil.copy(clips / source, folder / name)
    (folder / "c.mp4").write_bytes(b"not a video " * 99)
    with scanning.crew(saved, notes, engine="ray") as crew:
        rows = list(run_crew(crew, [folder], tmp_path / "run.jsonl"))
        again = list(run_crew(crew, [folder], tmp_path / "run.jsonl"))
    alone = make_detector(saved, **scanning.settings_of(saved).model_dump(exclude={"app"}))
    expected = list(run_batch(alone, [folder]))
    assert scanning.said(rows) == scanning.said(again) == scanning.said(expected)
    assert [row.status for row in rows] == ["ok", "no_face", "unreadable", "ok"]
    assert len(set(pids(notes, "b-once.mp4"))) == 2
    assert [row.resumed for row in again] == [True, True, False, True]
    assert len((tmp_path / "run.jsonl").read_bytes().splitlines()) == 4


@pytest.mark.slow
def test_what_no_machine_can_load_is_one_error(cluster, tmp_path):
    with (
        open_crew(Settings(), 2, "ray", scanning.refuse) as crew,
        pytest.raises(BundleError, match="^no bundle here$"),
    ):
        list(run_crew(crew, [tmp_path]))
