"""The page as a person meets it: in Chromium, around a detector that judges nothing."""

import json
from pathlib import Path

import pytest
from browsing import (
    POOR_CONTRAST,
    TABS,
    WIDTHS,
    analyze,
    choose,
    judged,
    open_tab,
    opened,
    tabs,
    wait_for,
)
from fake_page import FakeDetector, Stage, served
from fake_report import FAMILIES, make_refusal, make_report
from playwright.sync_api import expect

from awarenet import view
from awarenet.panels import heat

pytestmark = pytest.mark.browser


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
    page, close = opened(chromium, url)
    yield page
    close()


MODES = ["One clip", "Compare two", "Many files"]


def test_a_clip_gets_a_verdict_nine_scores_weights_and_heat_maps(page, clip):
    judged(page, clip)
    expect(page.locator("#answer h2")).to_have_text("Likely manipulated")
    expect(page.locator("#answer")).to_contain_text("66% to 89%")
    expect(page.get_by_role("img", name="Probability of manipulation 79%")).to_be_visible()
    expect(page.locator("#people img:visible")).to_have_count(2)
    open_tab(page, "Over time")
    expect(page.locator("#course svg[role=group]")).to_be_visible()
    expect(page.locator(".aw-legend li")).to_have_count(5)
    open_tab(page, "Families")
    expect(page.locator(".aw-table:visible tbody tr")).to_have_count(len(FAMILIES))
    expect(page.locator(".aw-table:visible .aw-bar b")).to_have_count(9)
    open_tab(page, "Heat maps")
    expect(page.locator("#heat-maps img")).to_have_count(8)
    expect(page.get_by_text(f"{heat.TOGETHER} · 0:01.5")).to_be_visible()


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
    for name in [*TABS, *MODES]:
        open_tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        texts = page.locator(
            ":is(#answer, .aw-title, .aw-note) :is(h1, h2, h3, p, dt, dd, li, span):visible, "
            ".aw-table:visible :is(th, .aw-number, .aw-small, .aw-chip):visible, "
            ".aw-caption:visible, .aw-legend:visible li"
        )
        assert texts.count() > (10 if name in TABS else 0)
        assert texts.evaluate_all(POOR_CONTRAST) == [], name


def test_stop_ends_a_run_and_the_next_one_works(page, clip, detector):
    detector.steps, detector.pause_s = 300, 0.1
    choose(page, clip)
    analyze(page)
    expect(page.locator("#answer")).to_contain_text("Analyzing")
    expect(page.locator("#progress")).to_contain_text("Finding faces")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Stopped")
    expect(page.locator("#progress")).not_to_contain_text("Finding faces")
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
    assert tabs(page) == MODES


def test_a_clip_without_a_face_gets_words_and_no_number(page, clip, detector):
    detector.report = make_refusal("no_face", "no face in 16 frames")
    judged(page, clip)
    expect(page.locator("#answer h2")).to_have_text("No answer: no face was found")
    expect(page.locator("#answer .aw-scale")).to_have_count(0)
    for name in TABS[:4]:
        open_tab(page, name)
        expect(page.get_by_text("Nobody was judged.").locator("visible=true")).to_have_count(1)


def test_a_picture_has_no_course_over_time_and_the_next_clip_has_one(page, clip, detector):
    detector.report = make_report("real", kind="image", people=1)
    judged(page, clip)
    assert tabs(page) == [*MODES, *TABS]
    open_tab(page, "Over time")
    expect(page.locator("#course")).to_contain_text("A picture has no course over time.")
    detector.report = make_report("inconclusive")
    analyze(page)
    expect(page.locator("#answer h2")).to_have_text("Inconclusive")
    expect(page.locator("#course svg[role=group]")).to_be_visible()


def test_counted_blinks_have_a_plot_and_a_word_of_caution(page, clip, detector):
    detector.report = make_report(blinks=[2.4, 6.2])
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Count blinks").check()
    judged(page, clip)
    assert detector.asked[0].blinks.enabled
    expect(page.get_by_text("no part of the probability")).to_be_visible()
    expect(page.locator(".vega-embed:visible").locator("canvas, svg").first).to_be_visible()


def test_a_person_is_chosen_by_a_click_or_a_key_and_every_tab_follows(page, clip):
    judged(page, clip)
    expect(page.get_by_role("radio", name="Person 1")).to_be_checked()
    page.locator("#people [data-person='2']").click()
    expect(page.get_by_role("radio", name="Person 2")).to_be_checked()
    expect(page.locator("#people [data-person='2']")).to_have_attribute("aria-pressed", "true")
    page.locator("#people [data-person='1']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Person 1")).to_be_checked()
    page.get_by_role("radio", name="Person 2").check()
    open_tab(page, "Over time")
    expect(page.locator("#course [data-person='2']").first).to_be_visible()
    open_tab(page, "Heat maps")
    expect(page.get_by_text(heat.NO_EVIDENCE)).to_have_count(0)


def test_the_threshold_is_told_in_people(page, detector):
    page.get_by_text("Threshold in human terms").click()
    expect(page.get_by_text("From 50%: of 100 genuine clips 10 are flagged")).to_be_visible()
    box = page.get_by_label("number input for Call it manipulated", exact=False)
    box.fill("0.75")
    box.press("Enter")
    words = "From 75%: of 100 genuine clips 5 are flagged, of 100 manipulated ones 81 are caught."
    expect(page.get_by_text(words)).to_be_visible()


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


@pytest.mark.parametrize(
    ("locale", "title", "button"),
    [
        ("de-AT", "Hier erscheint", "Analysieren"),
        ("zh-CN", "", "分析"),
        ("fr-FR", "The answer", "Analyze"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    chromium, stage, detector, clip, locale, title, button
):
    url, on = stage
    on.detector = detector
    page, close = opened(chromium, url, locale=locale)
    expect(page.get_by_role("button", name=button, exact=True)).to_be_visible()
    expect(page.locator("#answer")).to_contain_text(title)
    close()


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
