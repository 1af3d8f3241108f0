"""The page of a run that is not done, or of which something is damaged."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awarenet.errors import AwareNetError
from tests.report_page import Page
from tests.report_run import GRID, report_settings, write_run
from trainer.experiments import experiments
from trainer.run_report import write_report
from trainer.run_report.dataset_section import at_threshold
from trainer.run_report.run_section import flat
from trainer.run_report.words import figure_cell


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run", **GRID)


def test_a_run_that_has_not_begun_says_so_stage_by_stage(tmp_path):
    settings = report_settings(tmp_path / "empty", **GRID)
    page = Page(write_report(settings, tmp_path / "page.html").read_text("utf-8"))
    for stage in ("prepare", "train", "ensemble", "evaluate"):
        assert f"not run yet; the stage `{stage}` makes it" in page.prose
    assert page.prose.count("not run yet") >= 8
    assert not page.all("img")
    assert "No run.json" in page.prose and "tested on none so far" in page.prose


def test_a_run_that_stopped_halfway_shows_what_is_there(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run.data.run, folder)
    settings = report_settings(folder, **GRID)
    first, second = experiments(settings)
    (second.folder / "metrics.json").unlink()
    (second.folder / "fit.json").unlink()
    (first.folder / "predictions-celebdf_v2.parquet").unlink()
    log = second.member_folder(*second.members[0]) / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 10')  # killed while it wrote
    (second.member_folder(*second.members[1]) / "log.jsonl").unlink()
    page = Page(write_report(settings).read_text("utf-8"))
    assert f"Not trained yet: {second.members[1][0]}-0." in page.prose
    assert "predictions-celebdf_v2.parquet): not run yet" in page.prose
    assert "Figures of faceforensics-aware_net: not run yet" in page.prose
    assert "No two ensembles with figures differ in augmentation alone" in page.prose
    _, *rows = page.table("The same numbers")["rows"]
    assert rows[1][1:] == ["–", "–"]


def test_a_split_that_leaks_is_marked(tmp_path):
    settings = report_settings(tmp_path, **GRID, split={"protocol": "frame"})
    page = Page(write_report(settings).read_text("utf-8"))
    warnings = [one for one in page.all("p") if one.get("class") == "warning"]
    assert warnings and "far too high" in page.prose


def test_a_manifest_of_another_version_is_no_reason_to_fail(tmp_path):
    settings = report_settings(tmp_path, **GRID)
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "manifest.parquet")
    page = Page(write_report(settings).read_text("utf-8"))
    assert "manifest.parquet is of another version" in page.prose


@pytest.mark.parametrize(
    "torn", ["predictions-faceforensics.parquet", "metrics.json", "fit.json", "manifest.parquet"]
)
def test_a_damaged_file_is_named_and_the_old_page_stays(tmp_path, run, torn):
    settings = report_settings(tmp_path, **GRID)
    old = write_report(settings).read_text("utf-8")
    first = experiments(settings)[0]
    first.folder.mkdir(parents=True)
    shutil.copy(experiments(run)[0].folder / "metrics.json", first.folder)
    shutil.copy(experiments(run)[0].folder / "fit.json", first.folder)
    folder = tmp_path if torn == "manifest.parquet" else first.folder
    (folder / torn).write_bytes(b"torn")
    with pytest.raises(AwareNetError, match=f"{torn} is damaged; delete it and run"):
        write_report(settings)
    assert (tmp_path / "report.html").read_text("utf-8") == old
    assert [path.name for path in tmp_path.glob("report*")] == ["report.html"]


def test_a_threshold_nobody_counted_at_is_not_guessed():
    row = {"threshold": 0.5, "flagged_genuine": 5, "genuine": 100, "flagged_fake": 1, "fake": 2}
    assert "5 of 100 genuine clips were flagged" in at_threshold([row], 0.5)
    assert "Nobody counted" in at_threshold([row], 0.6)
    assert "Nobody counted" in at_threshold([row], None)


def test_nested_notes_are_flattened_and_long_ones_cut():
    rows = flat({"a": {"b": 1, "c": {}}, "d": "x" * 500, "e": [1, None]})
    assert [name for name, _ in rows] == ["a.b", "a.c", "d", "e"]
    assert rows[0][1] == "1" and rows[3][1] == "[1, null]"
    assert len(rows[2][1]) < 330 and "500 letters" in rows[2][1]


def test_what_was_not_measured_is_a_dash():
    for nothing in (None, float("nan"), {"value": None}, {}):
        assert figure_cell(nothing).words == "–"
    assert figure_cell(0.5) == ("0.500", "")
