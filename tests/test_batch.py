"""Many files: a row each, whatever one of them does; a run that broke off goes on."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_detector import make_detector

from awarenet.batch import run_batch
from awarenet.errors import Canceled, MediaError, SettingsError
from awarenet.inputs import find_inputs
from awarenet.pipeline import Analysis, Detector
from awarenet.report import Report


class Counting:
    """A detector that notes what it was given; it raises where `trouble` says so."""

    def __init__(self, detector: Detector, trouble: dict[str, Exception] | None = None):
        self.detector, self.trouble, self.seen = detector, trouble or {}, []

    def examine(self, path: Path, **options: object) -> Analysis:
        self.seen.append(path.name)
        if path.name in self.trouble:
            raise self.trouble[path.name]
        return self.detector.examine(path, **options)

    def failed(self, *about: object) -> Report:
        return self.detector.failed(*about)

    def failure(self, *about: object) -> Report:
        return self.detector.failure(*about)


@pytest.fixture
def folder(clips, tmp_path) -> Path:
    """Three clips that can be analyzed and one that cannot, in the order of their names."""
    place = tmp_path / "clips"
    place.mkdir()
    for source, name in (("one.mp4", "a.mp4"), ("wall.mp4", "c.mp4"), ("photo.png", "d.png")):
        shutil.copy(clips / source, place / name)
    (place / "b.mp4").write_bytes(b"not a video " * 99)
    return place


def lines(journal: Path) -> list[Report]:
    return [Report.model_validate_json(line) for line in journal.read_bytes().splitlines()]


def names(journal: Path) -> list[str]:
    return [report.input.name for report in lines(journal)]


def test_a_row_sums_its_report_up(detector, folder):
    (row,) = run_batch(detector, [folder / "a.mp4"])
    expected = detector.analyze(folder / "a.mp4")
    assert (row.name, row.path, row.status) == ("a.mp4", str(folder / "a.mp4"), "ok")
    assert row.sha256 == expected.input.sha256
    assert (row.verdict, row.probability) == (expected.verdict, expected.probability)
    assert (row.low, row.high) == expected.interval
    assert (row.threshold, row.people) == (0.6, 1)
    assert row.seconds == row.report.timing_s.total > 0
    assert row.message == "; ".join(each.message for each in expected.warnings)
    assert row.report.people == expected.people


def test_a_file_without_a_verdict_says_why(detector, folder, tmp_path):
    rows = list(run_batch(detector, [folder / "b.mp4", folder / "gone.mp4"]))
    assert [row.status for row in rows] == ["unreadable", "unreadable"]
    for row in rows:
        assert row.verdict is row.probability is row.low is row.high is None
        assert row.name in row.message


def test_folders_give_their_media_in_order_and_an_empty_one_a_row(detector, folder, tmp_path):
    (tmp_path / "none").mkdir()
    (folder / ".hidden.mp4").write_bytes(b"")
    (folder / "notes.txt").write_text("not media")
    found = [path.name for path in find_inputs([folder / "d.png", folder, tmp_path / "none"])]
    assert found == ["d.png", "a.mp4", "b.mp4", "c.mp4", "d.png", "none"]
    (row,) = run_batch(detector, [tmp_path / "none"])
    assert row.status == "unsupported"
    assert "none is a folder without videos or images" in row.message


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (ZeroDivisionError("inside"), "a fault in awarenet, not in the file: ZeroDivisionError"),
        (MemoryError(), "MemoryError"),
        (MediaError("error", "a network gave no number"), "a network gave no number"),
    ],
)
def test_a_bug_is_a_row_and_the_next_file_is_still_done(detector, folder, trouble, words):
    counting = Counting(detector, {"a.mp4": trouble})
    rows = list(run_batch(counting, [folder / "a.mp4", folder / "d.png"]))
    assert [row.status for row in rows] == ["error", "ok"]
    assert words in rows[0].message


def test_a_bug_is_logged_with_its_cause(detector, folder, caplog):
    list(run_batch(Counting(detector, {"a.mp4": ZeroDivisionError()}), [folder / "a.mp4"]))
    (record,) = caplog.records
    assert "a.mp4" in record.message
    assert record.exc_info[0] is ZeroDivisionError


def test_a_journal_holds_a_whole_report_a_line(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    rows = list(run_batch(detector, [folder], journal))
    assert [row.report for row in rows] == lines(journal)
    assert names(journal) == ["a.mp4", "b.mp4", "c.mp4", "d.png"]


def test_each_line_is_there_before_the_next_file_begins(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    for done, _ in enumerate(run_batch(detector, [folder], journal), 1):
        assert len(lines(journal)) == done


def test_a_run_that_broke_off_goes_on_and_tries_failures_again(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    first = run_batch(detector, [folder], journal)
    kept = [next(first) for _ in range(3)]
    first.close()
    counting = Counting(detector)
    rows = list(run_batch(counting, [folder], journal))
    assert counting.seen == ["b.mp4", "d.png"]
    assert [row.resumed for row in rows] == [True, False, True, False]
    assert rows[0] == replace(kept[0], resumed=True)
    assert names(journal) == ["a.mp4", "b.mp4", "c.mp4", "d.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "run.jsonl"]


def test_a_file_that_has_changed_is_analyzed_again(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    before = list(run_batch(detector, [folder / "a.mp4", folder / "c.mp4"], journal))
    shutil.copy(folder / "c.mp4", folder / "a.mp4")
    counting = Counting(detector)
    after = list(run_batch(counting, [folder / "a.mp4", folder / "c.mp4"], journal))
    assert counting.seen == ["a.mp4"]
    assert (before[0].status, after[0].status) == ("ok", "no_face")


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_line_that_was_not_written_to_its_end_is_repaired(detector, folder, tmp_path, cut):
    journal = tmp_path / "run.jsonl"
    list(run_batch(detector, [folder / "a.mp4", folder / "c.mp4"], journal))
    first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second[:cut])
    counting = Counting(detector)
    list(run_batch(counting, [folder / "a.mp4", folder / "c.mp4"], journal))
    assert counting.seen == ["c.mp4"]
    assert names(journal) == ["a.mp4", "c.mp4"]


def test_a_line_that_only_lost_its_end_of_line_counts(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    list(run_batch(detector, [folder / "a.mp4"], journal))
    journal.write_bytes(journal.read_bytes().rstrip(b"\n"))
    counting = Counting(detector)
    list(run_batch(counting, [folder / "a.mp4", folder / "c.mp4"], journal))
    assert counting.seen == ["c.mp4"]
    assert names(journal) == ["a.mp4", "c.mp4"]


def test_zeros_left_by_a_crash_are_cut_off(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    list(run_batch(detector, [folder / "a.mp4"], journal))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b"\0" * 500)
    list(run_batch(detector, [folder / "a.mp4"], journal))
    assert journal.read_bytes() == whole


@pytest.mark.parametrize("content", [b"dear diary", b"dear diary\n", b'{"a": 1}\n', b"\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(detector, folder, tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"line 1 of notes\.txt is no report"):
        next(run_batch(detector, [folder], path))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda report: report["settings"]["sampling"].update(frames=3), "sampling.frames = 3"),
        (lambda report: report["model"].update(sha256="ab" * 32), "model = abababababab"),
        (lambda report: report["versions"].update(torch="0.4"), r"torch = 0\.4"),
    ],
)
def test_a_journal_of_another_run_is_refused(detector, folder, tmp_path, change, named):
    journal = tmp_path / "run.jsonl"
    report = detector.analyze(folder / "a.mp4").to_dict()
    change(report)
    journal.write_text(Report.model_validate(report).to_json() + "\n")
    before = journal.read_bytes()
    with pytest.raises(SettingsError, match=rf"run\.jsonl is of a run with {named}, now it is"):
        next(run_batch(detector, [folder], journal))
    assert journal.read_bytes() == before


def test_a_limit_may_be_raised_before_a_run_goes_on(saved, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    strict = make_detector(saved, limits={"max_bytes": (folder / "d.png").stat().st_size})
    paths = [folder / "d.png", folder / "a.mp4"]
    assert [row.status for row in run_batch(strict, paths, journal)] == ["ok", "too_large"]
    generous = make_detector(saved, runtime={"device": "cpu", "batch_size": 3})
    rows = list(run_batch(generous, paths, journal))
    assert [(row.status, row.resumed) for row in rows] == [("ok", True), ("ok", False)]


def test_lines_stand_in_the_order_of_the_inputs_and_others_before_them(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    list(run_batch(detector, [folder / "c.mp4", folder / "d.png"], journal))
    list(run_batch(detector, [folder / "d.png", folder / "a.mp4"], journal))
    assert names(journal) == ["c.mp4", "d.png", "a.mp4"]
    list(run_batch(detector, [folder / "a.mp4", folder / "d.png"], journal))
    assert names(journal) == ["c.mp4", "a.mp4", "d.png"]


def test_an_input_given_twice_is_analyzed_once_and_has_two_lines(detector, folder, tmp_path):
    journal, counting = tmp_path / "run.jsonl", Counting(detector)
    rows = list(run_batch(counting, [folder / "a.mp4"] * 2, journal))
    assert counting.seen == ["a.mp4"]
    assert rows[0].report == rows[1].report
    assert names(journal) == ["a.mp4", "a.mp4"]


def test_files_of_one_name_are_told_apart(detector, folder, tmp_path):
    journal = tmp_path / "run.jsonl"
    (tmp_path / "other").mkdir()
    shutil.copy(folder / "c.mp4", tmp_path / "other" / "a.mp4")
    paths = [folder / "a.mp4", tmp_path / "other" / "a.mp4"]
    first = [row.status for row in run_batch(detector, paths, journal)]
    again = [row.status for row in run_batch(Counting(detector), paths[::-1], journal)]
    assert (first, again) == (["ok", "no_face"], ["no_face", "ok"])


def test_a_journal_behind_a_link_stays_behind_it(detector, folder, tmp_path):
    journal, link = tmp_path / "run.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(journal)
    list(run_batch(detector, [folder / "a.mp4", folder / "c.mp4"], link))
    list(run_batch(detector, [folder / "c.mp4", folder / "a.mp4"], link))
    assert link.is_symlink()
    assert names(journal) == ["c.mp4", "a.mp4"]


def test_a_folder_is_no_journal(detector, folder, tmp_path):
    with pytest.raises(SettingsError, match="is no file to go on from"):
        next(run_batch(detector, [folder], tmp_path))


def test_stop_ends_the_run_and_keeps_what_was_done(detector, folder, tmp_path):
    journal, stopped = tmp_path / "run.jsonl", []
    rows = run_batch(detector, [folder], journal, lambda: bool(stopped))
    assert next(rows).name == "a.mp4"
    stopped.append(True)
    with pytest.raises(Canceled):
        next(rows)
    assert names(journal) == ["a.mp4"]


def test_stop_is_asked_within_a_file(detector, folder):
    asked = []
    with pytest.raises(Canceled):
        list(
            run_batch(detector, [folder / "a.mp4"], None, lambda: len(asked) > 3 or asked.append(1))
        )
    assert len(asked) == 4


def test_progress_names_the_file_it_is_of(detector, folder):
    seen = []
    paths = [folder / "a.mp4", folder / "d.png"]
    list(
        run_batch(detector, paths, on_progress=lambda path, event: seen.append((path, event.stage)))
    )
    assert {path for path, _ in seen} == set(paths)
    assert {"decode", "detect", "score"} <= {stage for _, stage in seen}
