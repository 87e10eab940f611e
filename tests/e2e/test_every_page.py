"""Every page of the app: whole, readable, as wide as the screen, and open to the keyboard."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page

from core.paths import CODE_ROOT
from streamlit_app.guard import UNEXPECTED
from tests.e2e.browsing import app, browser
from tests.gallery import screens, workspace
from tests.gallery.screens import Scheme
from tests.gallery.workspace import Gallery

pytestmark = pytest.mark.slow

PICTURES = CODE_ROOT / "build" / "screenshots"
REACH = Path(screens.__file__).with_name("reach.js").read_text()
MOST_TABS = 250
PROBED = ("/_stcore/health", "/_stcore/host-config")
GRAVE = ("serious", "critical")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
}
LOOKED_AT = {"include": ["html"], "exclude": [".live-plot .main-svg"]}
"""A chart of plotly's is an image with a text of its own; what it is drawn of is no text."""

EXCUSED: dict[tuple[str, str], str] = {}
"""A rule and the selector of a widget of Streamlit's that breaks it, and why it stays."""


@dataclass(frozen=True)
class Stage:
    """The app on a workspace to look at, and a browser."""

    gallery: Gallery
    address: str
    browser: Browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    gallery = workspace.make(tmp_path_factory.mktemp("gallery"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    with workspace.alive(gallery), app(gallery.workspace) as address, browser() as chromium:
        yield Stage(gallery, address, chromium)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_page_is_whole_and_can_be_read_and_reached(
    stage: Stage, width: int, scheme: Scheme
) -> None:
    with screens.screen(stage.browser, width, scheme) as page:
        told: list[str] = []
        page.on("console", lambda it: told.append(it.text) if is_trouble(it) else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        faults = []
        for place in screens.places(page, stage.address, stage.gallery):
            screens.open_place(page, stage.address, place)
            found = [*broken(page), *sideways(page, width), *unreadable(page), *told]
            told.clear()
            (PICTURES / f"{place.name}-{width}-{scheme}.png").write_bytes(screens.picture(page))
            if width == max(screens.HEIGHT):
                found += unreached(page)
            faults += [f"{place.name}: {fault}" for fault in found]
        assert not faults, "\n".join(faults)


def is_trouble(message: ConsoleMessage) -> bool:
    """Whether it is an error, and not Streamlit looking for its server under a page's address."""
    asked = str(message.location.get("url", ""))
    return message.type == "error" and not asked.endswith(PROBED)


def broken(page: Page) -> list[str]:
    """What the page says of failures of its own."""
    boxes = page.get_by_test_id("stException").all_text_contents()
    told = page.get_by_text(UNEXPECTED).all_text_contents()
    return [f"shows an exception: {text}" for text in (*boxes, *told)]


def sideways(page: Page, width: int) -> list[str]:
    """How much wider than the screen it is, if it is."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    # The page scrolls inside of it; the document never does.
    inside = page.locator(".stMain").evaluate("it => it.scrollWidth - it.clientWidth")
    return [f"scrolls sideways by {wide - width or inside} px"] if wide > width or inside else []


def unreadable(page: Page) -> list[str]:
    """Grave violations of WCAG 2 A and AA."""
    violations = Axe().run(page, context=LOOKED_AT, options=RULES).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['any'][0]['message'] if node['any'] else ''})"
        for rule in violations
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
        if not is_excused(page, rule["id"], str(node["target"][0]))
    ]


def is_excused(page: Page, rule: str, target: str) -> bool:
    """Whether it is one of Streamlit's widgets that cannot be changed."""
    selectors = [selector for name, selector in EXCUSED if name == rule]
    within = "([target, of]) => document.querySelector(target)?.closest(of) != null"
    return any(page.evaluate(within, [target, selector]) for selector in selectors)


def unreached(page: Page) -> list[str]:
    """What the Tab key does not come to, or comes to without anybody seeing it."""
    page.evaluate(REACH)
    # Without: colours come slowly. With it alone: a button that only fades away keeps the focus.
    page.add_style_tag(content="* { transition-property: visibility !important }")
    page.evaluate("document.activeElement.blur()")
    page.evaluate("window.reach.begin()")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if not page.evaluate("window.reach.step()"):
            break
    faults: list[str] = page.evaluate("window.reach.faults()")
    return faults


def test_what_nobody_could_read_or_reach_is_found(stage: Stage) -> None:
    with screens.screen(stage.browser, 390, "light") as page:
        page.set_content(
            "<html lang=en><title>x</title><main class=stMain><h1>x</h1>"
            "<p style='color: #ccc'>pale</p><div style='width: 500px'>wide</div>"
            "<button style='outline: none'>unseen</button><a href='#x' id=x>link</a></main>"
        )
        assert [fault.partition(":")[0] for fault in unreadable(page)] == ["color-contrast"]
        assert sideways(page, 390) != []
        assert unreached(page) == ['the focus cannot be seen on button "unseen" in stMain']
