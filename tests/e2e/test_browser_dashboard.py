"""The dashboard in a real browser: the queue is put in another order, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.paths import RunPaths
from core.run.phase import Phase
from streamlit_app.routes.together import MAX_ASKED
from tests.app.furnished import Furnished, progress
from tests.app.test_verbs import answer, wishes
from tests.e2e.browsing import app, browser_page
from tests.real import wait_for

pytestmark = pytest.mark.slow

IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
HOSTILE = "<img src=x onerror=alert(1)> **and a name that does not fit a narrow screen"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    place = Furnished(tmp_path_factory.mktemp("dashboard"))
    running = place.add_run(
        "support", Phase.RUNNING, stage="training", progress=progress(420, eta_s=1500)
    )
    place.metrics(running, 3.0, 2.0, 1.5, eval_loss=1.4)
    place.add_run("broken", Phase.FAILED)
    place.add_run("done", Phase.COMPLETED)
    return place


@pytest.fixture(scope="module")
def queue(place: Furnished) -> list[RunPaths]:
    reason = "waits for the CPU: support trains on it"
    return [
        place.add_run(f"waiting {at}", Phase.QUEUED, 9 - at, position=at, name=name, reason=reason)
        for at, name in enumerate(("poems", HOSTILE, "letters"), 1)
    ]


@pytest.fixture(scope="module")
def address(place: Furnished, queue: list[RunPaths]) -> Iterator[str]:
    with app(place.workspace) as address:
        yield address


@pytest.mark.parametrize("width", [1440, 390])
def test_the_queue_is_reordered_with_a_click_or_the_keyboard_and_news_are_seen(
    address: str, place: Furnished, queue: list[RunPaths], width: int
) -> None:
    first, second, third = queue
    with browser_page(width) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.goto(address)
        button(page, "To front", third).click()
        expect(page.get_by_text("Moving…")).to_have_count(1)
        assert wishes(third) == [{"verb": "move", "to": 1}]
        button(page, "Down", second).press("Enter")
        wait_for(lambda: wishes(second))
        assert wishes(second) == [{"verb": "move", "to": 3}]
        expect(button(page, "Down", second)).to_be_focused()
        curve = page.get_by_role("img", name="Loss at the last 3 log events")
        expect(curve.locator("polyline")).to_have_attribute("points", "0,4 50,20 100,28")
        assert not page.evaluate(IS_TOO_WIDE)
        assert not dialogs
        for paths in (second, third):
            answer(paths)
        expect(page.get_by_text("Moving…")).to_have_count(0)
        place.change(first, phase=Phase.PAUSED, position=0)
        expect(page.get_by_role("heading", name="Paused")).to_be_visible()
        place.change(first, phase=Phase.QUEUED, position=1)
        expect(page.get_by_role("heading", name="Paused")).to_have_count(0)


def test_more_runs_than_go_into_one_request_are_all_kept_up_to_date(tmp_path: Path) -> None:
    place = Furnished(tmp_path)
    runs = [
        place.add_run(f"run {number}", Phase.RUNNING, stage="training", progress=progress(1))
        for number in range(MAX_ASKED + 2)
    ]
    with app(place.workspace) as address, browser_page() as page:
        page.goto(address)
        expect(page.get_by_text("1 of 1,000 steps")).to_have_count(len(runs))
        for run in runs:
            place.change(run, progress=progress(70))
        expect(page.get_by_text("70 of 1,000 steps")).to_have_count(len(runs))


def button(page: Page, label: str, paths: RunPaths) -> Locator:
    """The button of this run's row."""
    key = "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in label)
    return page.locator(f".st-key-{key}-{paths.run_id}").get_by_role("button")
