"""The charts of a run in a real browser: live, zoomed, long, hostile."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from bench.long_run import write_metrics
from core.files import append_json_line
from core.paths import RunPaths
from core.run.phase import Phase
from tests.app.furnished import Furnished, metric
from tests.e2e.browsing import app, browser_page

pytestmark = pytest.mark.slow

LARGE = ".run_charts .large .plot"
HOSTILE = "rewards/<img src=x onerror=window.hit=1>"
CURVES = re.compile(r"/api/.*(curves|together)\?")
ROWS = 1_000_000
SPIKE = 700_123


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="module")
def address(place: Furnished) -> Iterator[str]:
    with app(place.workspace) as address:
        yield address


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as page:
        yield page


def log(paths: RunPaths, step: int, **values: float) -> None:
    append_json_line(paths.metrics, metric(step, **{"loss": 2.0} | values))


def newest(page: Page, text: str) -> None:
    """Wait until the large chart tells this of its newest values."""
    page.wait_for_function(
        "([chart, text]) => document.querySelector(chart)?.ariaLabel.includes(text)",
        arg=[LARGE, text],
    )


def drag(page: Page, begin: float, end: float) -> None:
    """Zoom into a part of the large chart, from one share of its width to another."""
    over = page.locator(f"{LARGE} .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=4)
    page.mouse.up()


def window(page: Page) -> list[float]:
    """The places between which the finer points are shown."""
    page.wait_for_selector(".run_charts[data-window]")
    text = page.locator(".run_charts").get_attribute("data-window")
    return [float(part) for part in (text or "").split()]


def test_points_come_in_without_a_remount_and_the_zoom_stays(
    page: Page, address: str, place: Furnished
) -> None:
    paths = place.add_run("live", Phase.RUNNING, name="<b>live</b>")
    for step in range(1, 101):
        log(paths, step, **{HOSTILE: 1.0})
    page.goto(f"{address}/run?run={paths.run_id}")
    newest(page, "Training 2.0000")
    page.evaluate(f"window.before = document.querySelector('{LARGE} canvas')")
    drag(page, 0.2, 0.4)
    seen = window(page)
    log(paths, 101, loss=1.75)
    newest(page, "1.75")
    assert page.evaluate(f"window.before === document.querySelector('{LARGE} canvas')")
    assert window(page) == seen
    expect(page.get_by_role("button", name="Reset zoom")).to_be_enabled()

    log(paths, 102, **{"rewards/chosen": 0.5})
    page.get_by_text("More curves").click()
    expect(page.get_by_role("img", name="rewards/chosen")).to_be_visible()
    expect(page.get_by_role("img", name="rewards/")).to_have_count(1)
    assert page.evaluate("window.hit === undefined")
    # Nothing is told of a daemon that the charts do not need.
    expect(page.locator(".run_charts .state")).to_have_text("")


def test_a_lost_connection_is_told_and_mended_by_itself(
    page: Page, address: str, place: Furnished
) -> None:
    paths = place.add_run("lost", Phase.RUNNING)
    log(paths, 1)
    page.goto(f"{address}/run?run={paths.run_id}")
    newest(page, "2.0000")
    page.route(CURVES, lambda route: route.abort())
    expect(page.locator(".run_charts .state")).to_contain_text("cannot be reached since")
    log(paths, 2, loss=1.5)
    page.unroute(CURVES)
    newest(page, "1.5")
    expect(page.locator(".run_charts .state")).to_have_text("")


def test_a_million_steps_are_a_chart_and_a_zoom_shows_each_of_them(
    page: Page, address: str, place: Furnished
) -> None:
    paths = place.add_run("long", Phase.COMPLETED)
    write_metrics(paths.metrics, ROWS, spikes={SPIKE: 99.0})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/run?run={paths.run_id}")
    newest(page, "Training")
    expect(page.locator(".run_charts .state")).to_have_text("", timeout=120_000)
    for _ in range(4):
        first, last = window(page) if page.locator("[data-window]").count() else [1, ROWS]
        at = (SPIKE - first) / (last - first)
        before = page.locator(".run_charts").get_attribute("data-window") or ""
        drag(page, max(0.0, at - 0.03), min(1.0, at + 0.03))
        page.wait_for_function(
            "before => (document.querySelector('.run_charts').dataset.window ?? '') !== before",
            arg=before,
        )
    first, last = window(page)
    assert first < SPIKE < last
    assert last - first < 100
    answer = page.request.get(next(url for url in reversed(asked) if "begin=" in url)).json()
    loss = answer["window"]["curves"]["loss"]
    assert loss["y"][loss["x"].index(SPIKE)] == 99.0
    # Each step is there, with one more on either side.
    assert len(loss["x"]) >= int(last - first)
    # A run that has ended is not asked for again and again.
    count = len(asked)
    page.get_by_role("button", name="Reset zoom").click()
    page.get_by_label("Log scale").check()
    assert len(asked) == count
    page.get_by_label("Log scale").uncheck()


def test_choices_are_kept_and_reached_by_keyboard(
    page: Page, address: str, place: Furnished
) -> None:
    paths = place.add_run("kept", Phase.COMPLETED)
    place.metrics(paths, 2.5, 2.0, 1.5, 1.0, eval_loss=1.2)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/run?run={paths.run_id}")
    newest(page, "Validation 1.2000")
    page.get_by_label("Over").select_option("tokens")
    page.get_by_label("Smoothing").press("Home")
    expect(page.locator(".run_charts .smoothed")).to_have_text("off")
    newest(page, "Training 1.0000")
    page.reload()
    newest(page, "Training 1.0000")
    expect(page.get_by_label("Over")).to_have_value("tokens")
    page.locator(LARGE).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".run_charts .place")).to_have_text("4,000 tokens")
    main = page.locator(".stMain")
    assert main.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert json.loads(page.evaluate("localStorage['run charts']"))["axis"] == "tokens"
