"""The upload box in a real browser: a file in slices, a lost connection, a change of mind."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from core.dataset.arrival.arrival import State, find_arrival, list_arrivals
from core.paths import Workspace
from tests.e2e.browsing import app, browser_page
from tests.real import wait_for

pytestmark = pytest.mark.slow

SLICES = re.compile(r".*/api/uploads/.*offset=.*")
ARRIVED = re.compile(r"last: [0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("upload"))
    workspace.configs.mkdir()
    workspace.settings.write_text("min_free_disk_gib: 0\n")
    return workspace


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    with app(workspace, "tests/e2e/upload_box_app.py") as address:
        yield address


@pytest.fixture(scope="module")
def narrow_page() -> Iterator[Page]:
    with browser_page(390, 800) as page:
        yield page


@pytest.fixture
def page(narrow_page: Page, address: str) -> Iterator[Page]:
    narrow_page.goto(address)
    expect(narrow_page.get_by_role("button", name="Choose a file")).to_be_visible(timeout=30_000)
    yield narrow_page
    narrow_page.unroute_all()


def choose(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").press("Enter")
    chooser.value.set_files(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "<img src=x onerror=alert(1)>.jsonl"
    file.write_bytes(os.urandom(40 * 1024 * 1024))
    return file


def test_a_file_arrives_though_the_connection_is_lost_on_the_way(
    page: Page, workspace: Workspace, file: Path
) -> None:
    lost: list[str] = []

    def lose_the_second_slice(route: Route) -> None:
        if "offset=16777216" in route.request.url and not lost:
            lost.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(SLICES, lose_the_second_slice)
    choose(page, file)
    text = page.get_by_text(ARRIVED)
    expect(text).to_be_visible(timeout=60_000)
    assert lost
    arrival = find_arrival(workspace, text.inner_text().removeprefix("last: "))
    assert arrival and arrival.state is State.READY and arrival.file_name == file.name
    assert arrival.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible()
    expect(page.locator(".box .status")).to_have_text(f"{file.name} has arrived.")


def test_an_upload_goes_on_where_the_server_says_that_it_is(
    page: Page, workspace: Workspace, file: Path
) -> None:
    refused: list[str] = []

    def refuse_the_second_slice(route: Route) -> None:
        if "offset=16777216" in route.request.url and not refused:
            refused.append(route.request.url)
            answer = {"reason": "The upload goes on elsewhere.", "offset": 16777216}
            route.fulfill(status=409, json=answer)
        else:
            route.continue_()

    before = {arrival.id for arrival in list_arrivals(workspace)}
    page.route(SLICES, refuse_the_second_slice)
    choose(page, file)
    expect(page.locator(".box .status")).to_have_text(f"{file.name} has arrived.", timeout=60_000)
    (arrival,) = (one for one in list_arrivals(workspace) if one.id not in before)
    assert refused and arrival.state is State.READY
    assert arrival.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_an_upload_shows_how_far_it_is_and_is_cancelled(
    page: Page, workspace: Workspace, file: Path
) -> None:
    before = len(list_arrivals(workspace))
    page.route(
        SLICES,
        lambda route: None if "offset=16777216" in route.request.url else route.continue_(),
    )
    choose(page, file)
    expect(page.get_by_text(re.compile(r"16\.8 MB of 41\.9 MB"))).to_be_visible(timeout=30_000)
    assert page.get_by_role("progressbar", name="Upload").evaluate("bar => bar.value") > 0.3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page.get_by_role("button", name="Choose a file")).to_be_focused()
    wait_for(lambda: len(list_arrivals(workspace)) == before)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"x")
    choose(page, picture)
    expect(page.locator(".trouble")).to_contain_text("photo.png: cannot be read. Save it as one of")
    expect(page.get_by_role("progressbar", name="Upload")).to_be_hidden()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible()
