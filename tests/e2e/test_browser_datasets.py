"""The way of a messy file as a person clicks it: upload, map, see what is learned, plan a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.dataset.card import find_dataset
from core.paths import Workspace
from streamlit_app.guard import UNEXPECTED
from tests.e2e.browsing import app, browser_page, choose
from tests.real import copy_starter, daemon, wait_for

pytestmark = pytest.mark.slow

AUDIT_MS = 120_000
ROWS = 40


@pytest.fixture(scope="module")
def workspace(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = copy_starter(starter, tmp_path_factory.mktemp("desk") / "ws")
    with daemon(workspace):
        wait_for(workspace.heartbeat.exists)
        yield workspace


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    with app(workspace) as address:
        yield address


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as page:
        yield page


def messy(path: Path) -> Path:
    """Semicolons, Windows letters, cells with line breaks, and a row without an answer."""
    rows = [f'"Zürich {n}";"What is\r\nthere?";"House {n}."' for n in range(ROWS)]
    text = "\r\n".join(["place;wish;reply", *rows, '"Nowhere";"What?";""'])
    path.write_bytes(text.encode("cp1252"))
    return path


def test_from_a_messy_file_to_a_planned_run(
    page: Page, address: str, workspace: Workspace, tmp_path: Path
) -> None:
    page.goto(f"{address}/datasets")
    page.locator(".zone input[type=file]").set_input_files(messy(tmp_path / "places.csv"))
    expect(page.get_by_text("The format was not recognised.")).to_be_visible()

    choose(page, "Format", "Question and answer")
    choose(page, "Question", "Template")
    template = page.get_by_role("textbox", name="Template for: question")
    template.fill("In {place}: {wish}")
    template.press("Control+Enter")
    choose(page, "Answer", "reply")
    expect(page.get_by_text("House 1.", exact=True)).to_be_visible()
    expect(page.get_by_text("In Zürich 1: What is").first).to_be_visible()
    page.get_by_role("button", name="Add dataset").click()
    expect(page.get_by_text(f"Added places with {ROWS} rows; 1 bad row left out.")).to_be_visible()
    dataset = find_dataset(workspace, "places")
    assert dataset and dataset.mapping["question"] == "In {place}: {wish}"

    page.get_by_role("tab", name="What is learned").click()
    expect(page.get_by_text("Rows kept")).to_be_visible(timeout=AUDIT_MS)
    expect(page.locator(".token-row .learned").first).to_contain_text("House")
    expect(page.locator(".token-row .masked").first).to_contain_text("Zürich")
    page.get_by_role("button", name="Plan a run like this").click()

    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    expect(page.get_by_text(f"{ROWS} rows of {ROWS} kept")).to_be_visible()
    expect(page.get_by_text("path: ./uploads/places/train.jsonl")).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    expect(page.get_by_text(UNEXPECTED)).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("tab", ["overview", "rows", "learned", "manage"])
def test_no_tab_scrolls_sideways(page: Page, address: str, width: int, tab: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}/datasets?dataset=places&tab={tab}")
    expect(page.get_by_role("tabpanel")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    main = page.locator(".stMain")
    assert main.evaluate("it => it.scrollWidth <= it.clientWidth")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text(UNEXPECTED)).to_have_count(0)
