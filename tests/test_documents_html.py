"""The report as a page: all of it is there, nothing is fetched, and it says the same each time."""

from html.parser import HTMLParser

import documented
import pytest
import tiny_detector
from installed import CHROMIUM

from awarenet import documents
from awarenet.pipeline import Analysis

FAILURES = ("no_face", "faces_too_small", "unreadable", "too_long", "timeout", "error")


class Reader(HTMLParser):
    """Collects what a page would load, and its words."""

    def __init__(self, page):
        super().__init__()
        self.loads, self.tags, self.words, self.policy = [], set(), [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.loads += [given[name] for name in ("src", "href", "srcset", "action") if name in given]
        assert not [name for name in given if name.startswith("on")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]

    def handle_data(self, data):
        self.words.append(data)


def words_of(analysis):
    return " ".join(Reader(documents.html(analysis)).words)


def test_the_page_holds_everything_that_the_report_says():
    words = words_of(documented.whole())
    for said in (
        "Likely manipulated", "interview.mp4", documented.SHA256, "h264", "320 × 240 px",
        "a step of 7.5",
        "No camera is named.", "Lavf61", "carries no Content Credentials", "2 (decides)",
        "No manipulation found", "0:03-0:07", "efficientnet_lite0", "60.0%", "plain mean",
        "cheeks", "correlation of 0.42", "-0.31", "no meaning as evidence", "JPEG of quality 50",
        "flips under: slight blur", "distance 3.25, limit 9.50", "4 of 100 genuine",
        "A probability is an opinion.", documented.BUNDLE_SHA256, "0123abc", "faces.detector",
        "1.2.3", "2026-01-02T03:04:05", "2 people were scored.",
    ):  # fmt: skip
        assert said in words, said


def test_the_page_loads_nothing_and_runs_nothing():
    reader = Reader(documents.html(documented.whole()))
    assert len(reader.loads) == 2 + 2 * 4  # faces; the frame and three maps of each person
    assert all(address.startswith("data:image/jpeg;base64,") for address in reader.loads)
    assert not reader.tags & {"script", "link", "iframe", "object", "form", "a"}
    assert reader.policy.startswith("default-src 'none'")


def test_the_name_of_a_file_cannot_become_part_of_the_page():
    name = '<img src=x onerror="alert(1)">{{ 7 * 7 }}.mp4'
    page = documents.html(documented.whole(name))
    assert "<img src=x" not in page
    assert name in "".join(Reader(page).words)


@pytest.mark.parametrize("status", FAILURES)
def test_a_report_without_a_verdict_shows_no_number(status):
    warnings = [{"code": status, "message": "it went wrong"}]
    words = words_of(Analysis(documented.report(status=status, warnings=warnings)))
    assert "No answer: " in words and "It went wrong." in words
    assert "Probability of manipulation" not in words
    assert "Likely" not in words


def test_two_runs_differ_in_their_times_alone(saved, clips):
    detector = tiny_detector.make_detector(
        saved, explain={"enabled": True, "frames": 1}, sampling={"frames": 2}
    )
    analyses = [detector.examine(clips / "one.mp4") for _ in range(2)]
    pages = [documents.html(each).splitlines() for each in analyses]
    assert len(pages[0]) == len(pages[1])
    changed = [one for one, other in zip(*pages, strict=True) if one != other]
    assert [line for line in changed if not ("created" in line or "Made by" in line)] == []
    timed = {"timing_s": analyses[0].report.timing_s, "created": analyses[0].report.created}
    other = Analysis(
        analyses[1].report.model_copy(update=timed),
        analyses[1].overlays, analyses[1].faces, analyses[1].previews,
    )  # fmt: skip
    assert documents.html(other).splitlines() == pages[0]
    assert documents.pdf(other) == documents.pdf(analyses[0])


@pytest.mark.browser
def test_the_page_fits_a_phone_and_a_laptop_in_light_and_dark(tmp_path):
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_text(documents.html(documented.whole()), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for width, scheme in ((1280, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            said, asked = [], []
            page.on("console", lambda line, said=said: said.append(line.text))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            smallest = page.locator(".aw-chart text").evaluate_all(
                "texts => Math.min(...texts.map(t => t.getBoundingClientRect().height))"
            )
            assert smallest >= 10  # px, the height of a line
            assert said == []
            assert [address for address in asked if not address.startswith("data:")] == [
                path.as_uri()
            ]
        browser.close()
