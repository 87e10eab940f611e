"""A browser that looks at pages, and counts what they cost it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE_MS = 120_000
VISITS = 9

# The first frame in which something is there, in milliseconds since the page was asked for.
_SEE = """selector => new Promise(resolve => {
  const look = () => document.querySelector(selector)
    ? resolve(performance.now()) : requestAnimationFrame(look)
  look()
})"""
# The first frame in which an element says something, in milliseconds since the last click.
_AFTER_CLICK = """([selector, text]) => new Promise(resolve => {
  const look = () => document.querySelector(selector)?.textContent.includes(text)
    ? resolve(performance.now() - window.clickedAt) : requestAnimationFrame(look)
  look()
})"""
_NOTE_CLICKS = """
addEventListener("click", () => { window.clickedAt = performance.now() }, true)
"""


@contextmanager
def browsing() -> Iterator[BrowserContext]:
    """A browser as people have it: what it has fetched and compiled, it keeps."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=[*ARGUMENTS],
            viewport={"width": 1440, "height": 900},
        )
        browser.set_default_timeout(PATIENCE_MS)
        browser.add_init_script(_NOTE_CLICKS)
        try:
            yield browser
        finally:
            browser.close()


def open_s(page: Page, url: str, selector: str) -> float:
    """Seconds from asking for the page until it shows what the selector names."""
    page.goto(url, wait_until="commit")
    return float(page.evaluate(_SEE, selector)) / 1000


def opens_s(browser: BrowserContext, url: str, selector: str) -> tuple[float, float]:
    """The same by a first visitor, and by one who comes again and again."""
    times = []
    for _ in range(VISITS):
        page = browser.new_page()
        times.append(open_s(page, url, selector))
        # The browser keeps what it has compiled once it has nothing else to do.
        page.wait_for_timeout(1000)
        page.close()
    return times[0], median(times[2:])


def follow_s(page: Page, link: str, selector: str) -> float:
    """Seconds from a click on a link until the page shows what the selector names."""
    page.get_by_role("link", name=link, exact=True).first.click()
    return float(page.evaluate(_AFTER_CLICK, [selector, ""])) / 1000


def click_s(page: Page, button: str, selector: str, text: str) -> float:
    """Seconds from a click on a button until an element holds the text."""
    page.get_by_role("button", name=button, exact=True).click()
    return float(page.evaluate(_AFTER_CLICK, [selector, text])) / 1000


class Traffic:
    """The bytes that come to a page, over HTTP as on the wire and in messages of the websocket."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", self._take_data)
        session.on("Network.webSocketFrameReceived", self._take_frame)

    def _take_data(self, event: dict[str, Any]) -> None:
        self.received += event["encodedDataLength"] or event["dataLength"]

    def _take_frame(self, event: dict[str, Any]) -> None:
        self.received += len(event["response"]["payloadData"])
