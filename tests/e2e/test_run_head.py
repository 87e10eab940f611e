"""The head of a run's page in a real browser: alive, and honest about what it does not know."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.paths import RunPaths
from core.run.phase import Phase
from tests.app.furnished import Furnished, progress
from tests.e2e.browsing import app, browser_page
from trainer.keeper import find_free_port

RING = re.compile("^data:image/svg\\+xml,")
"""The icon that shows how far a run is; the app's own is written in base64."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(Path(tmp_path_factory.mktemp("head")))


@pytest.fixture(scope="module")
def run(place: Furnished) -> RunPaths:
    place.beat()
    paths = place.add_run("poems", Phase.RUNNING, stage="training", progress=progress(420))
    place.change(paths, name="<b>poems</b>")
    place.metrics(paths, 2.5, 0.8254)
    return paths


@pytest.fixture(scope="module")
def port() -> int:
    return find_free_port()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as page:
        yield page


def test_it_follows_the_run_and_outlives_the_app(
    page: Page, place: Furnished, run: RunPaths, port: int
) -> None:
    with app(place.workspace, port=port) as address:
        page.goto(f"{address}/run?run={run.run_id}")
        expect(page.locator(".run_head .phase")).to_have_text("Running")
        expect(page).to_have_title("42% · <b>poems</b>")
        expect(page.locator("link[rel~=icon]")).to_have_attribute("href", RING)
        page.evaluate("window.head = document.querySelector('.run_head')")

        place.change(run, progress=progress(430))
        place.beat()
        expect(page.locator(".run_head .barText")).to_contain_text("430 of 1,000 steps · 43%")
        expect(page.get_by_role("progressbar", name="Progress of the run")).to_have_attribute(
            "aria-valuenow", "43"
        )

        place.change(run, phase=Phase.PAUSED, reason="somebody asked", resumable=True)
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        expect(page.locator(".run_head .phase")).to_have_text("Paused")
        assert page.evaluate("window.head.isConnected"), "the head was built anew"

        place.beat(age_s=600)
        expect(page.locator(".run_head .stale")).to_contain_text("as of 10 min ago")
    expect(page.locator(".run_head .lost")).to_contain_text("No answer from the app since")
    with app(place.workspace, port=port):
        expect(page.locator(".run_head .lost")).to_be_hidden()
        place.change(run, phase=Phase.RUNNING, progress=progress(500))
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(page.locator(".run_head .barText")).to_contain_text("500 of 1,000 steps")


def test_another_page_gets_the_tab_back(
    page: Page, place: Furnished, run: RunPaths, port: int
) -> None:
    with app(place.workspace, port=port) as address:
        page.goto(f"{address}/run?run={run.run_id}")
        expect(page).to_have_title(re.compile("poems"))
        page.get_by_role("link", name="Datasets").click()
        expect(page.get_by_role("heading", name="Datasets", exact=True)).to_be_visible()
        expect(page).to_have_title("LLM Trainer")
        expect(page.locator("link[rel~=icon]")).not_to_have_attribute("href", RING)
