"""The page of the GPUs in a real browser, on a desk and on a phone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from core.run.phase import Phase
from tests.app.furnished import Furnished
from tests.app.test_gpus_page import CARD, HOSTILE, sample, seen
from tests.e2e.browsing import app, browser_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = Furnished(tmp_path_factory.mktemp("gpus"))
    run = place.add_run("support", Phase.RUNNING, gpus=(0,))
    ours = {"pid": 5, "memory_mib": 4096, "run_id": run.run_id}
    foreign = {"pid": 77, "memory_mib": None, "name": HOSTILE, "user": "*bob*"}
    sample(place, CARD, replace(CARD, index=1, utilization_pct=12), seconds=600)
    with app(place.workspace) as address:
        place.beat(gpus=[seen(0, ours), seen(1, foreign)])
        yield address


@pytest.mark.parametrize("width", [1440, 390])
def test_cards_and_charts_fit_the_screen(address: str, width: int) -> None:
    with browser_page(width) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.goto(f"{address}/gpus")
        expect(page.get_by_text("GPU 1", exact=False).first).to_be_visible()
        expect(page.locator(".live-plot .main-svg").first).to_be_visible()
        expect(page.locator(".live-plot .trace")).not_to_have_count(0)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wide)
        charts = page.get_by_role("img", name="GPU busy: GPU 0: 97 % last, at most 97 %")
        expect(charts).to_have_count(1)
        assert not dialogs
        assert not page.locator("img[src=x]").count()


def test_the_time_is_chosen_by_keyboard(address: str) -> None:
    with browser_page() as page:
        page.goto(f"{address}/gpus")
        week = page.get_by_role("radio", name="Week").or_(page.get_by_role("button", name="Week"))
        week.first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("img", name="GPU power").first).to_be_visible()
