"""The report on paper, read back by another program's eyes."""

import documented
import pypdfium2
import pytest

from awarenet import documents
from awarenet.documents.fonts import UNKNOWN, marked_up
from awarenet.pipeline import Analysis


def read(pdf):
    """Give the words of each page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


@pytest.fixture(scope="module")
def pages():
    return read(documents.pdf(documented.whole()))


def test_the_paper_says_what_the_page_says(pages):
    words = " ".join(" ".join(pages).split())
    for said in (
        "Likely manipulated", documented.SHA256, "No camera is named.", "threshold 55%",
        "most suspicious 0:03-0:07", "plain mean", "cheeks", "JPEG of quality 50",
        "4 of 100 genuine", documented.BUNDLE_SHA256, "0123abc", "faces.detector", "1.2.3",
        "A probability is an opinion.",
    ):  # fmt: skip
        assert said in words, said


def test_the_paper_is_short_and_its_pages_are_numbered_and_dated(pages):
    assert 2 <= len(pages) <= 4
    for number, words in enumerate(pages, 1):
        assert f"page {number}" in words
        assert "2026-01-02T03:04:05" in words


@pytest.mark.parametrize(
    "name", ["Gespräch über Größe ß.mp4", "采访视频.mp4", "인터뷰.mp4", "тест <b>&amp;.mp4"]
)
def test_a_name_in_any_of_these_scripts_is_written_as_it_is(name):
    first = read(documents.pdf(documented.whole(name)))[0]
    assert name in first.replace("\r\n", " ")


def test_a_name_that_a_reader_may_have_no_letters_for_is_given_in_ascii_too():
    words = read(documents.pdf(documented.whole("采访.mp4")))[0]
    assert r"\u91c7\u8bbf.mp4" in words


def test_a_letter_without_a_font_becomes_a_box_and_markup_stays_text():
    assert marked_up("a\U0001f600<b>") == f"a{UNKNOWN}&lt;b&gt;"
    assert marked_up("a采b") == 'a<font name="STSong-Light">采</font>b'


def test_the_same_analysis_gives_the_same_bytes():
    assert documents.pdf(documented.whole()) == documents.pdf(documented.whole())


def test_a_report_without_a_verdict_says_why():
    warnings = [{"code": "no_face", "message": "no face in it"}]
    report = documented.report(status="no_face", warnings=warnings)
    words = read(documents.pdf(Analysis(report)))[0]
    assert "No answer: no face was found" in words
    assert "Interval" not in words
