"""The page as a person meets it: in Chromium, around a detector that judges nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import write_clip
from conftest import CHROMIUM
from fake_page import (
    FAMILIES,
    FakeDetector,
    Stage,
    draw_frame,
    make_refusal,
    make_report,
    served,
)
from playwright.sync_api import Page, Route, expect, sync_playwright

from awarenet import panels, view

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; only a page that fails takes so long

WIDTHS = (1280, 390)  # px: a laptop, a phone
# texts with less than 4.5:1 against the first opaque background behind them, WCAG 2.2, 1.4.3
POOR_CONTRAST = """elements => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = parts(color).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = element => {
    let behind = element;
    while (behind.parentElement && parts(getComputedStyle(behind).backgroundColor)[3] === 0)
      behind = behind.parentElement;
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  return elements.filter(each => ratio(each) < 4.5).map(each => each.textContent);
}"""


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "interview.mp4"
    return write_clip(path, [draw_frame(1, hot=0.1, shift=i % 4) for i in range(8)])


@pytest.fixture
def detector():
    return FakeDetector(make_report())


@pytest.fixture(scope="module")
def stage():
    """Serve one page for all tests; each puts its own detector on it."""
    on = Stage()
    with served(on, examples=Path("none")) as url:
        yield url, on


@pytest.fixture
def page(chromium, stage, detector):
    """Open the page at 1280 px; an unexpected request or console error fails the test."""
    url, on = stage
    on.detector = detector
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    outside, errors = [], []
    page.on("request", lambda request: outside.append(request.url))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    expect(page.locator("#answer")).to_contain_text("The answer appears here")
    yield page
    context.close()
    assert [each for each in outside if not each.startswith((url, "data:", "blob:"))] == []
    assert errors == []


def choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(str(path))
    expect(page.locator(".aw-preview")).to_be_visible()


def analyze(page: Page) -> None:
    page.get_by_role("button", name="Analyze", exact=True).click()


def judged(page: Page, path: Path) -> None:
    choose(page, path)
    analyze(page)
    expect(page.locator("#answer .aw-meta")).to_be_visible()
    expect(page.get_by_role("tab", name="Raw")).to_be_visible()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def wait_for(page: Page, what: Callable[[], object]) -> None:
    for _ in range(600):
        if what():
            return
        page.wait_for_timeout(200)
    pytest.fail("it did not happen within 120 s")


def tabs(page: Page) -> list[str]:
    return [tab.inner_text() for tab in page.get_by_role("tab").all() if tab.is_visible()]


def test_a_clip_gets_a_verdict_nine_scores_weights_and_heat_maps(page, clip):
    judged(page, clip)
    expect(page.locator("#answer h2")).to_have_text("Likely manipulated")
    expect(page.locator("#answer")).to_contain_text("66% to 89%")
    expect(page.get_by_role("img", name="Probability of manipulation 79%")).to_be_visible()
    expect(page.locator(".vega-embed").locator("canvas, svg").first).to_be_visible()
    expect(page.locator(".aw-legend li")).to_have_count(5)
    open_tab(page, "Families")
    expect(page.locator(".aw-table:visible tbody tr")).to_have_count(len(FAMILIES))
    expect(page.locator(".aw-table:visible .aw-bar b")).to_have_count(9)
    open_tab(page, "Heat maps")
    expect(page.locator("#heat-maps img")).to_have_count(16)
    expect(page.get_by_text(f"{panels.TOGETHER} · person 1 · 0:01.5")).to_be_visible()
    open_tab(page, "People")
    expect(page.locator(".aw-people:visible img")).to_have_count(2)


def test_the_report_can_be_downloaded(page, clip, detector):
    judged(page, clip)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    assert download.value.suggested_filename == "interview.awarenet.json"
    saved = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert saved == detector.report.to_dict()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_all_can_be_read(page, clip, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.reload()
    judged(page, clip)
    assert page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
    for name in tabs(page):
        open_tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        texts = page.locator(
            ":is(#answer, .aw-title, .aw-note) :is(h1, h2, h3, p, dt, dd, li, span):visible, "
            ".aw-table:visible :is(th, .aw-number, .aw-small, .aw-chip):visible, "
            ".aw-caption:visible, .aw-legend:visible li"
        )
        assert texts.count() > 10
        assert texts.evaluate_all(POOR_CONTRAST) == [], name


def test_stop_ends_a_run_and_the_next_one_works(page, clip, detector):
    detector.steps, detector.pause_s = 300, 0.1
    choose(page, clip)
    analyze(page)
    expect(page.locator("#answer")).to_contain_text("Analyzing")
    expect(page.locator("#answer")).to_contain_text("Finding faces")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Stopped")
    expect(page.locator("#answer")).not_to_contain_text("Finding faces")
    wait_for(page, lambda: detector.ended)
    assert detector.ended in (["stopped"], ["closed"])
    detector.steps, detector.pause_s = 2, 0.0
    analyze(page)
    expect(page.locator("#answer h2")).to_have_text("Likely manipulated")


def test_stop_without_a_run_leaves_the_answer_alone(page, clip):
    judged(page, clip)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_timeout(500)
    expect(page.locator("#answer h2")).to_have_text("Likely manipulated")


def test_another_file_takes_the_old_answer_away(page, clip, tmp_path):
    judged(page, clip)
    page.get_by_role("button", name="Remove").or_(page.get_by_label("Clear")).first.click()
    expect(page.locator("#answer")).to_contain_text("The answer appears here")
    expect(page.locator(".aw-preview")).to_have_count(0)
    assert tabs(page) == []


def test_on_a_slow_line_nothing_hides_an_answer_that_came_before_it(page, clip):
    held = []

    def hold(route: Route) -> None:
        request = route.request
        if request.method == "POST" and (request.post_data_json or {}).get("data") == []:
            held.append(route)  # an event without inputs: it goes on later
        else:
            route.continue_()

    choose(page, clip)
    page.route(re.compile("/queue/join|/run/"), hold)
    analyze(page)
    page.wait_for_timeout(3000)  # in which this detector is done, if it was asked
    for route in held:
        route.continue_()
    expect(page.get_by_role("tab", name="Raw")).to_be_visible()
    page.wait_for_timeout(2000)
    expect(page.get_by_role("tab", name="Raw")).to_be_visible(timeout=1000)
    assert held


def test_a_clip_without_a_face_gets_words_and_no_number(page, clip, detector):
    detector.report = make_refusal("no_face", "no face in 16 frames")
    judged(page, clip)
    expect(page.locator("#answer h2")).to_have_text("No answer: no face was found")
    expect(page.locator("#answer .aw-scale")).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(1)
    assert tabs(page) == ["Raw"]


def test_a_picture_has_no_course_over_time_and_the_next_clip_has_one(page, clip, detector):
    detector.report = make_report("real", kind="image", people=1)
    judged(page, clip)
    expect(page.get_by_role("tab", name="Over time")).to_have_count(0)
    assert tabs(page) == ["Families", "Heat maps", "Raw"]
    detector.report = make_report("inconclusive")
    analyze(page)
    expect(page.locator("#answer h2")).to_have_text("Inconclusive")
    expect(page.get_by_role("tab", name="People")).to_be_visible()
    assert tabs(page) == ["Over time", "Families", "Heat maps", "People", "Raw"]
    expect(page.get_by_role("tab", name="Over time")).to_have_attribute("aria-selected", "true")


def test_counted_blinks_have_a_tab_and_a_plot_of_their_own(page, clip, detector):
    detector.report = make_report(blinks=[2.4, 6.2])
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Count blinks").check()
    judged(page, clip)
    assert detector.asked[0].blinks.enabled
    expect(page.get_by_role("tab", name="Blinks")).to_be_visible()
    assert tabs(page) == ["Over time", "Families", "Heat maps", "People", "Blinks", "Raw"]
    open_tab(page, "Blinks")
    expect(page.get_by_text("no part of the probability")).to_be_visible()
    expect(page.locator(".vega-embed:visible").locator("canvas, svg").first).to_be_visible()


def test_another_person_has_other_lines(page, clip):
    judged(page, clip)
    plot = page.locator(".vega-embed").locator("canvas, svg").first
    expect(plot).to_be_visible()
    page.wait_for_timeout(1000)
    first = plot.screenshot()
    page.get_by_role("radio", name="Person 2").check()
    wait_for(page, lambda: plot.screenshot() != first)


def test_a_report_cannot_bring_tags_or_templates_into_the_page(page, clip, detector):
    name = "<img src=x onerror=alert(1)>${7*7}{{value}}.mp4"
    detector.report = make_report(name=name)
    judged(page, clip)
    expect(page.locator("#answer .aw-meta")).to_contain_text(name)
    assert page.locator("img[src=x]").count() == 0


def test_analyze_without_a_file_says_what_to_do(page, detector):
    analyze(page)
    expect(page.get_by_text("Choose a clip or a picture first.")).to_be_visible()
    assert detector.paths == []


def test_a_bug_is_not_blamed_on_the_clip(page, clip, detector):
    detector.error = RuntimeError("ours")
    choose(page, clip)
    analyze(page)
    expect(page.locator("#answer h2")).to_have_text("No answer")
    expect(page.locator("#answer")).to_contain_text(view.OUR_FAULT)


def test_an_example_is_taken_and_not_run(chromium, clip, detector):
    with served(detector, examples=clip.parent) as url:
        page = chromium.new_page()
        page.goto(url)
        page.get_by_role("button", name="interview", exact=True).click()
        expect(page.locator(".aw-preview video")).to_be_visible()
        assert detector.paths == []
        analyze(page)
        expect(page.locator("#answer h2")).to_have_text("Likely manipulated")
        page.close()
