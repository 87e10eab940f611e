"""The main path as a person clicks it: New run to a finished run, then a question to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.monitor.resumes import Resumes
from core.paths import CODE_ROOT, Workspace
from core.run.phase import FINISHED, Verb
from core.run.store import Run, Store
from streamlit_app.guard import UNEXPECTED
from tests.e2e.browsing import PATIENCE_MS, app, browser_page, choose
from tests.real import copy_starter, daemon, wait_for
from tests.supervision import phase, the_run

pytestmark = pytest.mark.slow

TRAINING_MS = 180_000
CHART = ".run_charts .large .plot"


@pytest.fixture(scope="module")
def workspace(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = copy_starter(starter, tmp_path_factory.mktemp("browser") / "ws")
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


def badge(page: Page, phase: str) -> Locator:
    """The coloured word that says where the run is; the log may hold the same word earlier."""
    return page.locator(".run_head .badge", has_text=phase)


def test_from_new_run_to_an_answer(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(address)
    page.get_by_role("link", name="New run").first.click()
    expect(page.get_by_role("heading", name="New run")).to_be_visible()

    choose(page, "Start from", "starter-lora")
    expect(page.get_by_text("lora_r: 64")).to_be_visible()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("4")
    epochs.press("Enter")
    expect(page.get_by_text("num_epochs: 4")).to_be_visible()
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled()
    start.click()

    # The run's own page opens as soon as the daemon has taken the spec.
    page.wait_for_url("**/run?run=*", timeout=PATIENCE_MS)
    expect(page.locator(CHART).locator("canvas")).to_be_visible(timeout=TRAINING_MS)
    page.evaluate(f"window.plot = document.querySelector('{CHART} canvas')")
    before = page.locator(CHART).get_attribute("aria-label")
    # New points come in place: built anew, the chart would blink and lose zoom and hover.
    page.wait_for_function(
        "([chart, before]) => window.plot.isConnected &&"
        " document.querySelector(chart).ariaLabel !== before",
        arg=[CHART, before],
    )
    expect(badge(page, "Completed")).to_be_visible(timeout=TRAINING_MS)
    run = Store(workspace).runs()[0]
    assert run.status.phase in FINISHED
    assert (run.paths.output / "adapter_model.safetensors").is_file()

    page.get_by_role("tab", name="Start").click()
    expect(page.get_by_text("to the first step")).to_be_visible()
    how = page.locator(".stMarkdownBadge", has_text=re.compile("warm|cold", re.IGNORECASE))
    expect(how.first).to_be_visible()
    first_step = page.locator(".start-timeline").get_by_role("row", name="First step")
    expect(first_step).to_contain_text(re.compile(r"\d s"))
    expect(first_step.locator(".bar")).to_be_visible()

    page.get_by_role("link", name="Chat with it").click()
    question = page.get_by_placeholder("Ask the model something")
    question.fill("What is the capital of France?")
    question.press("Enter")
    answer = page.get_by_test_id("stChatMessage").nth(1)
    expect(answer).to_contain_text("capital", timeout=60_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text(UNEXPECTED)).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_or_shows_an_exception(
    page: Page, address: str, workspace: Workspace, width: int
) -> None:
    run = Store(workspace).runs()[0]
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("", "new_run", "runs", "datasets", "sandbox", f"run?run={run.run_id}"):
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        # The page scrolls inside of it; the document never does.
        main = page.locator(".stMain")
        assert main.evaluate("it => it.scrollWidth <= it.clientWidth"), path
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_text(UNEXPECTED)).to_have_count(0)
    page.set_viewport_size({"width": 1280, "height": 900})


def train(workspace: Workspace, name: str) -> Run:
    """A run of the starter that trains for about a minute."""
    preset = (CODE_ROOT / "configs" / "presets" / "starter-full.yaml").read_text()
    Store(workspace).submit(name, preset.replace("name: starter", f"name: {name}"))
    run = wait_for(lambda: the_run(workspace, name))
    wait_for(lambda: phase(workspace, name) == "running")
    return run


def test_a_training_is_paused_by_a_click_and_goes_on_by_another(
    page: Page, address: str, workspace: Workspace
) -> None:
    run = train(workspace, "to-pause")
    page.goto(f"{address}/run?run={run.run_id}")
    expect(page.locator(CHART).locator("canvas")).to_be_visible(timeout=TRAINING_MS)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(badge(page, "Paused")).to_be_visible(timeout=TRAINING_MS)
    expect(page.get_by_text("Resume continues from there.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    paused = Store(workspace).find_run(run.run_id)
    assert paused and paused.checkpoints()

    page.get_by_role("button", name="Resume").click()
    expect(badge(page, "Running")).to_be_visible(timeout=TRAINING_MS)
    expect(page.get_by_role("img", name="Attempt 2")).to_be_visible(timeout=TRAINING_MS)
    expect(page.locator(CHART).locator("canvas")).to_be_visible()
    resumes = Resumes(run.paths.journal)
    resumes.refresh()
    assert resumes.resumed() == {2: paused.checkpoints()[-1]}
    Store(workspace).request(run.run_id, Verb.CANCEL)
    expect(badge(page, "Cancelled")).to_be_visible()


def test_a_running_training_is_cancelled_after_a_question(
    page: Page, address: str, workspace: Workspace
) -> None:
    run = train(workspace, "to-cancel")
    page.goto(f"{address}/run?run={run.run_id}")
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel the run").click()
    expect(badge(page, "Cancelled")).to_be_visible()
    wait_for(lambda: phase(workspace, "to-cancel") == "cancelled")
