"""From the list of runs to their comparison in a real browser, on a desk and on a phone."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from core.files import append_lines
from core.run.phase import Phase
from tests.app.furnished import Furnished, metric
from tests.e2e.browsing import app, browser_page

pytestmark = pytest.mark.slow

HOSTILE = "=<img src=x onerror=alert(1)>"
STEPS = 300
ROW_PX = 35
"""The height of a row of a table, which is drawn on a canvas."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = Furnished(tmp_path_factory.mktemp("compare"))
    for age, (name, rate) in enumerate(
        [("poems", "0.001"), (HOSTILE, "0.002"), ("other", "0.003")]
    ):
        paths = place.add_run("run", Phase.COMPLETED, minutes_ago=age + 1, name=name)
        paths.spec.write_text(paths.spec.read_text().replace("0.002", rate))
        rows = [metric(step, loss=3 / step + rate_loss(rate)) for step in range(1, STEPS + 1)]
        append_lines(paths.metrics, [json.dumps(row) for row in rows])
    with app(place.workspace) as address:
        place.beat()
        yield address


def rate_loss(rate: str) -> float:
    return float(rate) * 100


@pytest.mark.parametrize("width", [1440, 390])
def test_two_runs_are_ticked_compared_and_taken_along(
    address: str, width: int, tmp_path: Path
) -> None:
    with browser_page(width) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.goto(f"{address}/runs")
        tick(page, 0)
        expect(page.get_by_text("Tick another one")).to_be_visible()
        tick(page, 1)
        fits(page)
        page.get_by_role("button", name="Compare 2 runs").click()

        page.wait_for_url("**/compare?runs=*")
        # A faint and a strong line for each run.
        expect(page.locator(".live-plot .trace")).to_have_count(4)
        legend = page.get_by_role("list", name="Runs in the chart")
        expect(legend.get_by_role("link")).to_have_text(["poems", HOSTILE])
        # The run that is pointed at stands out.
        legend.get_by_role("link", name="poems").focus()
        expect(page.locator(".live-plot .trace[style*='0.12']")).to_have_count(2)
        legend.get_by_role("link", name="poems").blur()
        expect(page.locator(".live-plot .trace[style*='0.12']")).to_have_count(0)
        expect(page.locator(".live-plot .trace[style*='0.22']")).to_have_count(2)
        parameters = page.get_by_role("region", name="Parameters")
        expect(parameters.get_by_role("row")).to_have_count(2)
        expect(parameters.get_by_role("row").nth(1)).to_contain_text("learning_rate0.0010.002")
        expect(page.get_by_role("region", name="Results").get_by_text("best")).to_have_count(1)
        fits(page)
        assert not dialogs
        assert not page.locator("img[src=x]").count()

        values = download(page, "Curves as CSV", tmp_path)
        assert values[0] == ["run_id", "name", "step", "tokens", "hours_trained", "epoch", "loss"]
        assert len(values) == 1 + 2 * STEPS
        assert values[1][1:4] == ["poems", "1", "1000"]
        table = download(page, "Table as CSV", tmp_path)
        assert [row[1] for row in table] == ["name", "poems", f"'{HOSTILE}"]
        assert table[0][-1] == "learning_rate"

        page.go_back()
        expect(page.get_by_role("button", name="Compare 2 runs")).to_be_visible()
        tick(page, 1)
        expect(page.get_by_text("Tick another one")).to_be_visible()
        # Without any tick left the table selects a cell by itself, which opens no run.
        tick(page, 0)
        expect(page.get_by_text("Tick two runs or more")).to_be_visible()
        tick(page, 1)
        expect(page.get_by_text("Tick another one")).to_be_visible()
        tick(page, 0)
        page.get_by_role("button", name="Compare 2 runs").click()
        page.wait_for_url("**/compare?runs=*")
        page.reload()
        expect(page.locator(".live-plot .trace")).to_have_count(4)


def tick(page: Page, row: int) -> None:
    """Tick the box of a run, which stands at the left of the table."""
    table = page.get_by_test_id("stDataFrame")
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": 16, "y": ROW_PX * (row + 1) + ROW_PX // 2})


def fits(page: Page) -> None:
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    assert page.locator(".stMain").evaluate("it => it.scrollWidth <= it.clientWidth")


def download(page: Page, name: str, folder: Path) -> list[list[str]]:
    """The lines of the file that a button gives."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    taken: Download = waiting.value
    path = folder / taken.suggested_filename
    taken.save_as(path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
