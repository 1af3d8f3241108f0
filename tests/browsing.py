"""What a person does with the page, in Chromium."""

from collections.abc import Callable
from pathlib import Path

import pytest
from installed import CHROMIUM
from playwright.sync_api import Browser, Page, expect

expect.set_options(timeout=120_000)  # ms; only a page that fails takes so long

TABS = ["People", "Over time", "Families", "Heat maps", "Stability", "Provenance", "Raw"]
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


def start(playwright) -> Browser:
    """Start the browser that is installed, without what it fetches in the background."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=options)


def opened(browser: Browser, url: str, **options: object):
    """Open the page; gives it, and a function that closes it and says what it did wrong."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(120_000)
    outside, errors = [], []
    page.on("request", lambda request: outside.append(request.url))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("response", lambda r: r.ok or r.status < 400 or errors.append(f"{r.status} {r.url}"))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    expect(page.locator("#answer .aw-card")).to_be_visible()

    def close() -> None:
        context.close()
        ours = (url.partition("?")[0], "data:", "blob:")
        strangers = [each for each in outside if not each.startswith(ours)]
        assert not strangers, strangers
        assert not errors, errors

    return page, close


def choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(str(path))
    expect(page.locator(".aw-preview")).to_be_visible()


def analyze(page: Page) -> None:
    page.get_by_role("button", name="Analyze", exact=True).click()


def judged(page: Page, path: Path) -> None:
    choose(page, path)
    analyze(page)
    expect(page.locator("#answer .aw-meta")).to_be_visible()
    expect(page.locator("#people")).to_be_visible()


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
