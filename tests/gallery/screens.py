"""Every page of the app in a browser, as wide and as bright as wished."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from tests.gallery.workspace import Gallery

Scheme = Literal["light", "dark"]
HEIGHT = {1440: 900, 390: 844}
TALLEST = {1440: 1800, 390: 2400}
"""How far down a page is looked at, by the width of the window."""

SETTLED = """() => {
  const has = (selector) => document.querySelector(selector) !== null
  const all = (selector, fact) => [...document.querySelectorAll(selector)].every(fact)
  const before = window.elements
  window.elements = document.querySelectorAll("*").length
  return before === window.elements
    && has(".stMain h1, .stMain [data-testid=stHeading]")
    && has("[data-test-script-state=notRunning]")
    && !has("[data-testid=stSkeleton], .stMain [aria-busy=true]")
    && all(".stBidiComponentRegular", (it) => it.querySelector("canvas, svg, input, button"))
}"""


@dataclass(frozen=True)
class Place:
    """A page by the name of its pictures, and what stands in its address."""

    name: str
    path: str


def places(page: Page, address: str, gallery: Gallery) -> list[Place]:
    """Every page that the navigation has, and those that only links lead to."""
    page.goto(address)
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links.first).to_be_visible()
    paths = links.evaluate_all("them => them.map(it => new URL(it.href).pathname.slice(1))")
    names = [path or "dashboard" for path in paths]
    found = [Place(*pair) for pair in zip(names, paths, strict=True)] + linked(gallery)
    if "compare" in paths:
        chosen = ",".join(one.paths.run_id for one in (gallery.completed, gallery.other))
        found.append(Place("compare-two", f"compare?runs={chosen}"))
    return found


def linked(gallery: Gallery) -> list[Place]:
    """The pages that a link opens at a certain run or dataset."""
    runs = {
        name: getattr(gallery, name).paths.run_id
        for name in ("live", "starting", "failed", "completed")
    }
    return [
        *(Place(f"run-{name}", f"run?run={run_id}") for name, run_id in runs.items()),
        Place("dataset", "datasets?dataset=support-chats&tab=rows"),
    ]


@contextmanager
def screen(browser: Browser, width: int, scheme: Scheme) -> Iterator[Page]:
    """A window of its own; nothing moves in it that need not."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT[width]},
        color_scheme=scheme,
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def open_place(page: Page, address: str, place: Place) -> None:
    """Go there, and wait until all of it is drawn."""
    page.goto(f"{address}/{place.path}")
    page.wait_for_function(SETTLED, polling=150)
    page.evaluate("() => document.fonts.ready.then(() => undefined)")
    # What was drawn last is on the screen after two frames.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")


def picture(page: Page) -> bytes:
    """A PNG of the page down to its end, or as far as a person would look."""
    size = page.viewport_size
    assert size
    content = page.locator(".stMain").evaluate("it => it.scrollHeight")
    height = min(max(content, HEIGHT[size["width"]]), TALLEST[size["width"]])
    page.set_viewport_size({"width": size["width"], "height": height})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    taken = page.screenshot()
    page.set_viewport_size(size)
    return taken
