"""The rows of a batch as a table: no text of a file's name is a formula, and counts add up."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awarenet.batch import COLUMNS, Row, run_batch, tally, to_csv


@pytest.fixture
def folder(clips, tmp_path) -> Path:
    """Three clips that can be analyzed and one that cannot, in the order of their names."""
    place = tmp_path / "clips"
    place.mkdir()
    for source, name in (("one.mp4", "a.mp4"), ("wall.mp4", "c.mp4"), ("photo.png", "d.png")):
        shutil.copy(clips / source, place / name)
    (place / "b.mp4").write_bytes(b"not a video " * 99)
    return place


def test_counts_sum_to_the_inputs(detector, folder):
    rows = list(run_batch(detector, [folder, folder / "gone.mp4"]))
    counts = tally(rows)
    verdicts = [row.verdict for row in rows if row.verdict]
    assert counts["inputs"] == 5 == sum(counts.values()) - 5
    assert (counts["no_face"], counts["unreadable"]) == (1, 2)
    assert [counts[name] for name in ("fake", "real", "inconclusive")] == [
        verdicts.count(name) for name in ("fake", "real", "inconclusive")
    ]
    assert tally([]) == {"inputs": 0, "fake": 0, "real": 0, "inconclusive": 0}


def test_csv_has_a_row_an_input(detector, folder):
    rows = list(run_batch(detector, [folder]))
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert tuple(table[0]) == COLUMNS
    assert [each["name"] for each in table] == ["a.mp4", "b.mp4", "c.mp4", "d.png"]
    assert float(table[0]["probability"]) == rows[0].probability
    assert (table[1]["verdict"], table[1]["probability"]) == ("", "")


@pytest.fixture(scope="module")
def row(detector, clips) -> Row:
    return next(run_batch(detector, [clips / "photo.png"]))


@given(text=st.text(st.sampled_from("=+-@\t\r\n '\",;a1＝＋－＠(") | st.characters(codec="utf-8")))
def test_no_cell_of_the_csv_is_a_formula_and_no_text_is_lost(row, text):
    (cell,) = [each[0] for each in csv.reader(io.StringIO(to_csv([replace(row, name=text)]), ""))][
        1:
    ]
    assert not cell.lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert cell in (text, "'" + text)
