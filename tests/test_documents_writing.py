"""All documents of an analysis in one folder."""

import json

import documented
import pytest
from clips import LIMITS, moving_face, write_clip

from awarenet import documents
from awarenet.documents.writing import safe_stem
from awarenet.errors import Canceled
from awarenet.pipeline import Analysis

BOX = (24.0, 50.0, 64.0, 95.0)


def judged(path):
    return documented.judged(path, {1: lambda index: BOX}, 3, {1: "fake"})


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "talk.mp4", moving_face(4))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_clip_gets_a_report_a_page_a_paper_and_itself_with_boxes(clip, tmp_path):
    files = documents.write(judged(clip), clip, tmp_path / "out", limits=LIMITS)
    kinds = ["json", "html", "pdf", "mp4"]
    assert [path.name for path in files] == [f"talk.awarenet.{kind}" for kind in kinds]
    assert sorted(path.name for path in files) == names(tmp_path / "out")
    assert json.loads(files[0].read_text("utf-8")) == judged(clip).report.to_dict()
    assert files[1].read_text("utf-8") == documents.html(judged(clip))
    assert files[2].read_bytes().startswith(b"%PDF-")


def test_another_file_of_the_same_name_gets_a_number_and_the_same_file_does_not(clip, tmp_path):
    (tmp_path / "other").mkdir()
    other = write_clip(tmp_path / "other" / "talk.mp4", moving_face(5))
    for path in (clip, other, clip, other):
        documents.write(judged(path), path, tmp_path / "out", limits=LIMITS)
    assert len(names(tmp_path / "out")) == 8
    about = [
        json.loads((tmp_path / "out" / f"{stem}.awarenet.json").read_text("utf-8"))["input"]
        for stem in ("talk", "talk-2")
    ]
    hashes = [judged(path).report.input.sha256 for path in (clip, other)]
    assert [each["sha256"] for each in about] == hashes


def test_a_file_that_could_not_be_read_gets_no_clip(tmp_path):
    source = {"name": "notes.txt"}
    report = documented.report(status="unsupported", input=source)
    for _ in range(2):
        documents.write(Analysis(report), tmp_path / "notes.txt", tmp_path, limits=LIMITS)
    kinds = ("html", "json", "pdf")
    assert names(tmp_path) == [f"notes{n}.awarenet.{kind}" for n in ("-2", "") for kind in kinds]


def test_stop_leaves_the_other_documents_whole(clip, tmp_path):
    with pytest.raises(Canceled):
        documents.write(
            judged(clip), clip, tmp_path / "out", limits=LIMITS, should_stop=lambda: True
        )
    assert names(tmp_path / "out") == [f"talk.awarenet.{kind}" for kind in ("html", "json", "pdf")]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("talk.final.mp4", "talk.final"),
        ("../../etc/passwd.mp4", "passwd"),
        ("C:\\clips\\a.mp4", "a"),
        ('a<b>"c|d?.mp4', "a_b__c_d_"),
        ("采访 (1).mp4", "采访 (1)"),
        ("con.mp4", "_con"),
        (".mp4", "mp4"),
        ("..", "input"),
        ("", "input"),
        ("x" * 300 + ".mp4", "x" * 80),
        ("采" * 300 + ".mp4", "采" * 53),
    ],
)
def test_names_are_safe_for_any_file_system(name, stem):
    assert safe_stem(name) == stem
