"""The page with the ensemble that ships and clips that ship: nothing in between is made up."""

import csv
import json
from pathlib import Path

import av
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import TABS, analyze, choose, open_tab, opened
from fake_page import served
from playwright.sync_api import Page, expect

import awarenet
from awarenet.settings import load_settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXAMPLES = Path(awarenet.__file__).parents[1] / "assets" / "examples"
SETTINGS = ("sampling.frames=6", "explain.frames=1", "stability.frames=2")


@pytest.fixture(scope="module")
def url():
    settings = load_settings(None, [*SETTINGS, "stability.enabled=true"])
    with served(awarenet.load_detector(settings=settings), settings=settings) as address:
        yield address


@pytest.fixture
def page(chromium, url):
    page, close = opened(chromium, url)
    yield page
    close()


def problems(page: Page) -> list[str]:
    """What axe-core holds for serious or critical: rule, and the first places."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def answered(page: Page) -> dict:
    """Wait for the whole answer; give the report that can be downloaded."""
    expect(page.locator("#people li").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    return json.loads(Path(download.value.path()).read_text("utf-8"))


def test_of_two_people_the_swapped_one_is_named_in_every_tab_and_document(page, tmp_path):
    assert problems(page) == []
    choose(page, EXAMPLES / "two_people.mp4")
    analyze(page)
    page.wait_for_selector("text=This is not the answer yet.")  # it stands for a second or two
    report = answered(page)
    assert {person["verdict"] for person in report["people"]} == {"fake", "real"}
    swapped = report["decided_by"]
    assert report["verdict"] == "fake" == report["people"][0]["verdict"]
    assert report["people"][0]["box_of_best"][0] < 480 < report["people"][1]["box_of_best"][2]
    expect(page.locator("#answer")).to_contain_text(f"person {swapped}, the most suspicious of 2")
    expect(page.locator(f"#people [data-person='{swapped}']")).to_contain_text("manipulated")
    for name in TABS:
        open_tab(page, name)
        page.wait_for_timeout(300)
        assert problems(page) == [], name
    open_tab(page, "Over time")
    page.locator(f"#course [data-person='{swapped}']").nth(2).press("Enter")
    expect(page.locator("#moment img")).to_be_visible()
    open_tab(page, "Heat maps")
    expect(page.get_by_text("Blanking the hottest").first).to_be_visible()
    before = page.locator("#heat-maps img").first.get_attribute("src")
    page.get_by_label("Method").click()
    page.get_by_role("option", name="LayerCAM").click()
    expect(page.locator("#heat-maps img").first).not_to_have_attribute("src", before)
    open_tab(page, "Stability")
    expect(page.get_by_role("img", name="after damage")).to_be_visible()
    page.get_by_role("button", name="Make HTML, PDF and annotated clip").click()
    links = page.locator("#files a")
    expect(links).to_have_count(4)
    names = {}
    for place in range(4):
        with page.expect_download() as download:
            links.nth(place).click()
        target = tmp_path / download.value.suggested_filename
        download.value.save_as(target)
        names[target.suffix] = target
    assert sorted(names) == [".html", ".json", ".mp4", ".pdf"]
    assert f"person {swapped}, the most suspicious" in names[".html"].read_text("utf-8")
    with av.open(names[".mp4"]) as clip:
        assert clip.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in clip.decode(video=0)) == 100


def test_stop_ends_a_run_of_the_real_networks(page):
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("number input for Frames", exact=False).fill("128")
    page.get_by_label("number input for Frames", exact=False).press("Enter")
    choose(page, EXAMPLES / "genuine.mp4")
    analyze(page)
    expect(page.locator(".aw-forming")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Stopped")
    expect(page.locator("#progress")).to_be_empty()


def test_a_batch_goes_on_past_a_bad_file_and_gives_a_table(page, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no clip at all")
    open_tab(page, "Many files")
    chooser = page.locator("input[type=file][multiple]").last
    chooser.set_input_files([str(EXAMPLES / "genuine.mp4"), str(bad)])
    expect(page.locator("#batch-clips")).to_contain_text("bad")
    page.get_by_role("button", name="Analyze all").click()
    expect(page.locator("#batch")).to_contain_text("2 of 2 done")
    expect(page.locator("#batch")).to_contain_text("No answer: the file cannot be read")
    assert problems(page) == []
    with page.expect_download() as download:
        page.locator("#batch-files a").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).open(encoding="utf-8-sig")))
    assert [row["status"] for row in rows] == ["ok", "unreadable"]
    assert rows[0]["verdict"] == "real"


def test_an_original_and_its_copy_stand_side_by_side(page):
    open_tab(page, "Compare two")
    inputs = page.locator("input[type=file]:not([multiple])")
    for name in ("genuine.mp4", "swapped.mp4"):  # a field that is filled has no input any more
        inputs.nth(1).set_input_files(str(EXAMPLES / name))
        expect(page.get_by_role("cell", name=name)).to_have_count(1)
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#compared h2")).to_have_count(2)
    expect(page.locator("#compared")).to_contain_text("do see a difference")
    assert problems(page) == []


def test_a_link_can_name_an_example(chromium, url):
    page, close = opened(chromium, url + "?example=swapped")
    expect(page.locator(".aw-preview video")).to_be_visible()
    close()
