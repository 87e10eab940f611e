"""The log of a run in a real browser: hostile text, following and holding still, search, size."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Locator, Page, Request, Response, expect

from core.paths import RunPaths
from core.run.phase import Phase
from tests.app.furnished import Furnished
from tests.e2e.browsing import app, browser_page

pytestmark = pytest.mark.slow

HEADER = "=== attempt {}, 2026-11-28T22:50:37.887Z\n"
HOSTILE = (
    HEADER.format(1)
    + "<script>window.hit = 1; alert(1)</script>\n"
    + "<img src='http://evil.example/x.png' onerror='window.hit = 1; alert(2)'>\n"
    + "[a](javascript:alert(3)) ![b](http://evil.example/y.png) `x` $\\\\href{javascript:1}{x}$\n"
    + "\x1b]8;;http://evil.example/\x07a link\x1b]8;;\x07 \x1b[31mred\x1b[0m\n"
    + "left \u202eright\u202c and \u2066isolated\u2069 and \u200fmark\n"
    + "nul \x00 bell \x07 tab\tback\x08\n"
    + "token hf_abcdefghijABCDEFGHIJ12\n"
    + " 10%|#    | 1/10\r 90%|#### | 9/10\n"
)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    place = Furnished(tmp_path_factory.mktemp("log"))
    place.beat()
    return place


@pytest.fixture(scope="module")
def address(place: Furnished) -> Iterator[str]:
    with app(place.workspace) as address:
        yield address


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as page:
        yield page


Show = Callable[..., RunPaths]


@pytest.fixture
def show(page: Page, address: str, place: Furnished, request: pytest.FixtureRequest) -> Show:
    """Makes a run with this log, and opens its page."""

    def show_(log: str | bytes | Path, phase: Phase = Phase.RUNNING) -> RunPaths:
        run = place.add_run(request.node.name.replace("_", "-").lower()[:40], phase)
        if isinstance(log, Path):
            log.rename(run.log)
        else:
            run.log.write_bytes(log.encode() if isinstance(log, str) else log)
        open_log(page, f"{address}/run?run={run.run_id}")
        expect(page.get_by_role("log")).to_be_visible()
        return run

    return show_


def open_log(page: Page, url: str) -> None:
    """The page of a run, scrolled to its log: what is out of sight is not read."""
    page.goto(url)
    page.locator(".run_log").scroll_into_view_if_needed()


def lines(page: Page) -> Locator:
    return page.locator(".run_log .row")


def pane(page: Page) -> Locator:
    return page.get_by_role("log")


def add(run: RunPaths, text: str) -> None:
    with run.log.open("a") as file:
        file.write(text)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last))


def is_at_end(page: Page) -> bool:
    return bool(pane(page).evaluate("it => it.scrollHeight - it.scrollTop - it.clientHeight < 8"))


def test_hostile_text_is_shown_as_text(page: Page, address: str, show: Show) -> None:
    asked: list[str] = []
    dialogs: list[str] = []

    def hear(request: Request) -> None:
        asked.append(request.url)

    page.on("request", hear)
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    show(HOSTILE.encode() + b"x" * 50 * MIB + b"\nthe last\n")
    expect(lines(page).last).to_have_text("the last")
    page.get_by_role("button", name="Beginning").click()
    expect(lines(page).first).to_have_text("=== attempt 1, 2026-11-28T22:50:37.887Z")
    texts = lines(page).all_text_contents()
    assert texts[1:9] == [
        "<script>window.hit = 1; alert(1)</script>",
        "<img src='http://evil.example/x.png' onerror='window.hit = 1; alert(2)'>",
        "[a](javascript:alert(3)) ![b](http://evil.example/y.png) `x` $\\\\href{javascript:1}{x}$",
        "a link red",
        "left right and isolated and mark",
        "nul  bell  tab\tback",
        "token hf_**********************",
        " 90%|#### | 9/10",
    ]
    # Also where a part of it is highlighted.
    page.get_by_label("Find in the log").fill("onerror")
    expect(page.locator(".run_log mark")).to_have_text("onerror")
    assert page.locator(".run_log .row :not(mark)").count() == 0
    assert page.evaluate("window.hit") is None
    assert not dialogs
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    page.remove_listener("request", hear)


def test_it_follows_the_end_and_holds_still_when_one_reads(page: Page, show: Show) -> None:
    run = show(numbered(0, 2000))
    expect(page.get_by_text("Following the end.")).to_be_visible()
    expect(lines(page).last).to_have_text("line 1999")
    assert is_at_end(page)
    add(run, numbered(2000, 2003))
    expect(lines(page).last).to_have_text("line 2002")
    assert is_at_end(page)

    pane(page).hover()
    page.mouse.wheel(0, -2000)
    expect(page.get_by_text("Holding still")).to_be_visible()
    seen = pane(page).evaluate("it => it.scrollTop")
    add(run, numbered(2003, 2015))
    pill = page.get_by_role("button", name="12 new lines, jump to the end")
    expect(pill).to_be_visible()
    assert pane(page).evaluate("it => it.scrollTop") == seen
    add(run, "and one\n")
    page.get_by_role("button", name="13 new lines, jump to the end").click()
    expect(lines(page).last).to_have_text("and one")
    expect(page.get_by_text("Following the end.")).to_be_visible()
    expect(page.locator(".run_log .pill")).to_be_hidden()


def test_a_progress_bar_stays_one_line(page: Page, show: Show) -> None:
    run = show("begin\n")
    for percent in range(0, 100, 30):
        add(run, f"\r {percent}%|##   | {percent}/100")
        expect(lines(page).last).to_have_text(re.compile(f"^ {percent}%"))
        expect(lines(page)).to_have_count(2)
    add(run, "\r100%|#####| 100/100\ndone\nMap:  1%|a\nMap: 50%|b\nMap: 99%|c\n")
    expect(lines(page).last).to_have_text("Map: 99%|c")
    shown = page.locator(".run_log .row:visible").all_text_contents()
    assert shown == ["begin", "100%|#####| 100/100", "done", "Map: 99%|c"]


def test_all_of_a_long_log_is_reached_by_scrolling_and_few_lines_are_kept(
    page: Page, show: Show
) -> None:
    show(numbered(0, 20_000))
    expect(lines(page).last).to_have_text("line 19999")
    pane(page).hover()
    for _ in range(400):
        if lines(page).first.text_content() == "line 0":
            break
        pane(page).evaluate("it => { it.scrollTop = 0 }")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert lines(page).count() <= 3000
    expect(lines(page).first).to_have_text("line 0")
    shown = lines(page).all_text_contents()
    assert shown == [f"line {number}" for number in range(len(shown))]
    pane(page).focus()
    page.keyboard.press("End")
    expect(lines(page).last).to_have_text("line 19999")
    expect(page.get_by_text("Following the end.")).to_be_visible()
    page.keyboard.press("PageUp")
    expect(page.get_by_text("Holding still")).to_be_visible()
    page.keyboard.press("Home")
    expect(lines(page).first).to_have_text("line 0")


def test_a_search_steps_from_hit_to_hit(page: Page, show: Show) -> None:
    show(numbered(0, 3000) + "Loss here\n" + numbered(0, 3000) + "a LOSS\nloss, loss\n")
    field = page.get_by_label("Find in the log")
    field.fill("loss")
    count = page.locator(".run_log .count")
    current = page.locator(".run_log .current")
    expect(count).to_have_text("1 of 3 lines")
    expect(current).to_have_text("Loss here")
    expect(current).to_be_in_viewport()
    field.press("Enter")
    expect(count).to_have_text("2 of 3 lines")
    expect(current).to_have_text("a LOSS")
    field.press("Shift+Enter")
    field.press("Shift+Enter")
    expect(current).to_have_text("loss, loss")
    expect(current.locator("mark")).to_have_count(2)
    field.fill("line")
    expect(count).to_have_text("1 of 1,000 lines, more beyond")
    field.fill("nowhere")
    expect(count).to_have_text("Not found")
    field.press("Escape")
    expect(count).to_be_hidden()
    expect(page.locator(".run_log mark")).to_have_count(0)
    expect(pane(page)).to_be_focused()


def test_one_jumps_to_the_first_error_and_chooses_an_attempt(page: Page, show: Show) -> None:
    trouble = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: "{}"\n'
    show(
        HEADER.format(1)
        + "eval_error=0\n"
        + numbered(0, 5000)
        + trouble.format("one")
        + numbered(0, 900)
        + " 45%|##"
        + HEADER.format(2)
        + "second\n"
        + trouble.format("two")
        + numbered(0, 5000)
    )
    error = page.get_by_role("button", name="First error")
    expect(error).to_be_enabled()
    error.click()
    current = page.locator(".run_log .current")
    expect(current).to_be_in_viewport()
    assert following(current, 2) == 'KeyError: "one"'
    expect(current).to_have_attribute("data-level", "error")

    page.get_by_label("Attempt").select_option("Attempt 2")
    expect(lines(page).first).to_contain_text("=== attempt 2")
    error.click()
    expect(current).to_be_in_viewport()
    assert following(current, 2) == 'KeyError: "two"'
    page.get_by_label("Attempt").select_option("Attempt 1")
    expect(lines(page).first).to_contain_text("=== attempt 1")
    page.get_by_role("button", name="End", exact=True).click()
    expect(lines(page).last).to_have_text("line 899")
    page.get_by_role("button", name="Warnings and errors").click()
    expect(page.locator(".run_log .count")).to_have_text("1 of 2 lines")


def following(row: Locator, count: int) -> str:
    return str(
        row.evaluate("(it, n) => { while (n--) it = it.nextElementSibling; return it.text }", count)
    )


def test_a_log_of_500_mb_opens_and_jumps_as_a_small_one(
    page: Page, show: Show, tmp_path: Path
) -> None:
    path = tmp_path / "large.log"
    with path.open("wb") as file:
        file.write(HEADER.format(1).encode())
        block = b"".join(b"step %7d loss 1.234 and so on and on\n" % n for n in range(25_000))
        while file.tell() < 500_000_000:
            file.write(block)
        file.write(b"RuntimeError: at last\n" + numbered(0, 1000).encode())
    answers: list[Response] = []

    def hear(response: Response) -> None:
        if "/log/" in response.url:
            answers.append(response)

    page.on("response", hear)
    show(path, Phase.FAILED)
    expect(lines(page).last).to_have_text("line 999")
    page.get_by_role("button", name="Beginning").click()
    expect(lines(page).nth(1)).to_have_text("step       0 loss 1.234 and so on and on")
    error = page.get_by_role("button", name="First error")
    expect(error).to_be_enabled()
    error.click()
    expect(page.locator(".run_log .current")).to_have_text("RuntimeError: at last")
    page.get_by_label("Find in the log").fill("at LAST")
    expect(page.locator(".run_log .count")).to_have_text("1 of 1 line")
    page.remove_listener("response", hear)
    assert max(int(answer.headers["content-length"]) for answer in answers) < 200_000


def test_a_log_begins_and_begins_anew_before_ones_eyes(
    page: Page, address: str, place: Furnished
) -> None:
    run = place.add_run("empty", Phase.RUNNING)
    open_log(page, f"{address}/run?run={run.run_id}")
    expect(page.get_by_text("Nothing has been written yet.")).to_be_visible()
    run.log.write_text("first\n" + numbered(0, 50))
    expect(lines(page).last).to_have_text("line 49")
    run.log.write_text("another\n")
    expect(lines(page)).to_have_text(["another"])


def test_a_lost_connection_is_told_and_mends_itself(page: Page, show: Show) -> None:
    run = show(numbered(0, 10))
    expect(lines(page).last).to_have_text("line 9")
    page.context.set_offline(True)
    expect(page.get_by_text("The app cannot be reached.")).to_be_visible()
    page.context.set_offline(False)
    add(run, "again\n")
    expect(lines(page).last).to_have_text("again")
    expect(page.get_by_text("Following the end.")).to_be_visible()


def test_the_whole_log_is_downloaded(page: Page, show: Show, tmp_path: Path) -> None:
    run = show(HOSTILE, Phase.COMPLETED)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{run.run_id}.log"
    download.value.save_as(tmp_path / "saved.log")
    saved = (tmp_path / "saved.log").read_bytes()
    assert saved == run.log.read_bytes().replace(b"abcdefghijABCDEFGHIJ12", b"*" * 22)[: len(saved)]
    assert len(saved) == run.log.stat().st_size


def test_a_finished_run_is_not_polled_and_a_phone_scrolls_only_down(page: Page, show: Show) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    show("a line without a blank " + "x" * 500 + "\n", Phase.COMPLETED)
    asked: list[str] = []
    expect(page.get_by_role("button", name="First error")).to_be_disabled()
    page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".stMain").evaluate("it => it.scrollWidth <= it.clientWidth")
    page.get_by_role("button", name="Wrap").click()
    assert page.locator(".stMain").evaluate("it => it.scrollWidth <= it.clientWidth")
    page.evaluate("() => new Promise(done => setTimeout(done, 1500))")
    assert not [url for url in asked if "/log/" in unquote(url)], json.dumps(asked)
    page.get_by_role("button", name="Wrap").click()
    page.set_viewport_size({"width": 1280, "height": 900})
