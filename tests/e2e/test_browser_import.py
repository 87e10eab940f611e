"""Taking in a training that was made elsewhere, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.paths import Workspace
from tests.e2e.browsing import app, browser_page
from tests.output_folders import copy_recorded

pytestmark = pytest.mark.slow


def test_a_folder_becomes_a_run_whose_page_opens(tmp_path: Path) -> None:
    copy_recorded(tmp_path / "outputs" / "capitals-lora")
    with app(Workspace(tmp_path)) as address, browser_page(390, 844) as page:
        page.goto(f"{address}/runs")
        page.get_by_role("button", name="Import a run").click()
        dialog = page.get_by_role("dialog")
        path = dialog.get_by_role("textbox", name="Output folder")
        path.fill("outputs")
        path.press("Enter")
        expect(dialog.get_by_text("There are trainings in capitals-lora")).to_be_visible()
        path.fill("outputs/capitals-lora")
        path.press("Enter")
        expect(dialog.get_by_text("12 of 12")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        dialog.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="capitals-lora")).to_be_visible()
        expect(page.get_by_text("Imported from")).to_be_visible()
        assert "run=20" in page.url
