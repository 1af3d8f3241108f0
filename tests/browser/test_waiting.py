"""A crowd before the page: who waits is told so, who is refused too, and closed pages stop."""

import pytest
from browsing import analyze, choose, opened, wait_for
from fake_page import FakeDetector, serving
from playwright.sync_api import expect

from awarenet.settings import AppSettings, Settings

pytestmark = pytest.mark.browser


def test_a_crowd_is_told_its_places_and_a_closed_page_gives_its_own_up(chromium, clip):
    detector = FakeDetector(steps=6000, pause_s=0.05)
    settings = Settings(app=AppSettings(max_queue=1))
    with serving(detector, settings=settings) as (url, server):
        pages = [opened(chromium, url)[0] for _ in range(3)]
        first, second, third = pages
        for page in pages:
            choose(page, clip)
        analyze(first)
        expect(first.locator("#progress")).to_contain_text("Finding faces")
        analyze(second)
        expect(second.locator("#answer")).to_contain_text("Waiting: number 1 in line.")
        analyze(third)
        expect(third.locator("#answer")).to_contain_text("1 clip is waiting, and no more may wait")
        detector.steps = 2  # of the run that has not begun
        uploads = dict(server.runner.uploads._held)
        first.context.close()
        expect(second.locator("#answer h2")).to_have_text("Likely manipulated")
        assert detector.ended[0] in ("closed", "stopped")
        wait_for(second, lambda: len(server.runner.uploads._held) == len(uploads) - 1)
        second.get_by_role("button", name="Remove").or_(second.get_by_label("Clear")).first.click()
        wait_for(second, lambda: len(server.runner.uploads._held) == len(uploads) - 2)
        for page in (second, third):
            page.context.close()


def test_a_page_that_asks_for_a_password_opens_with_it(chromium, clip, tmp_path):
    file = tmp_path / "who"
    file.write_text("ann:secret")
    settings = Settings(app=AppSettings(auth_file=str(file)))
    with serving(FakeDetector(), settings=settings) as (url, _):
        page = chromium.new_context().new_page()
        page.goto(url)
        page.get_by_label("username", exact=False).fill("ann")
        page.get_by_label("password", exact=False).fill("secret")
        page.get_by_role("button", name="Login").click()
        choose(page, clip)
        analyze(page)
        expect(page.locator("#answer h2")).to_have_text("Likely manipulated")
        page.context.close()
