"""The page of the settings in a real browser, on a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from core.clock import now
from core.run.phase import Phase
from core.settings import load_settings
from tests.app.furnished import Furnished
from tests.e2e.browsing import app, browser_page

pytestmark = pytest.mark.slow

ADDRESS = "json://user:hunter2@127.0.0.1:9/hush"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def address(place: Furnished) -> Iterator[str]:
    with app(place.workspace) as address:
        yield address


@pytest.mark.parametrize("width", [1440, 390])
def test_an_address_is_added_masked_and_removed_after_a_question(
    place: Furnished, address: str, width: int
) -> None:
    with browser_page(width) as page:
        page.goto(f"{address}/settings")
        field = page.get_by_label("Address to be told at")
        field.fill(ADDRESS)
        field.press("Enter")
        expect(page.get_by_text("json://127.0.0.1:9", exact=True)).to_be_visible()
        expect(field).to_have_value("")
        assert load_settings(place.workspace.settings).notify == (ADDRESS,)
        told = page.content()
        assert "hunter2" not in told and "hush" not in told
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wide)
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_text("No address yet", exact=False)).to_be_visible()
        assert load_settings(place.workspace.settings).notify == ()


def test_a_toast_links_to_the_run_and_disturbs_nobody_who_types(
    place: Furnished, address: str
) -> None:
    run = place.add_run("poems", Phase.RUNNING)
    with browser_page(390) as page:
        page.goto(f"{address}/settings")
        field = page.get_by_label("Address to be told at")
        field.press_sequentially("half an addr")
        # The news are looked for when the page has been drawn once.
        expect(page.get_by_text("sandbox_idle_s")).to_be_attached()
        place.change(run, phase=Phase.FAILED, since=now(), ended_at=now())
        link = page.get_by_role("link", name="poems failed")
        expect(link).to_be_visible()
        expect(link).to_have_attribute("href", f"run?run={run.run_id}")
        expect(field).to_be_focused()
        expect(field).to_have_value("half an addr")
