"""A browser, and a clip to give it, for all tests of the page."""

import pytest
from browsing import start
from clips import write_clip
from fake_page import draw_frame
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="module")  # longer, and its loop would be in the way of other tests
def chromium():
    with sync_playwright() as playwright:
        browser = start(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "interview.mp4"
    return write_clip(path, [draw_frame(1, hot=0.1, shift=i % 4) for i in range(8)])
