"""What it takes to watch runs: of the app's processor, of the network, and of one's patience."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Page

from bench import peer_board
from bench.app_process import EMPTY_PAGE, Server, serving_app
from bench.browser import Traffic, browsing, click_s, follow_s, open_s, opens_s
from bench.daemon_process import WITH_STAND_IN_THAT_STAYS, supervising
from bench.furnished import make_workspace, spec_text
from bench.measure import Measure, table
from bench.process_use import cpu_s, read_memory
from bench.progress import tell
from bench.waiting import wait_for
from bench.watched_run import WatchedRun, make_watched
from core.paths import CODE_ROOT, Workspace
from core.run.phase import Phase
from core.run.store import Run, Store

CHART = ".run_charts canvas"
TABLE = "[data-testid=stDataFrame] canvas"
FEW_RUNS, MANY_RUNS = 10, 1000
SETTLED_S = 4
FOLLOWED = 5


@dataclass(frozen=True)
class Sizes:
    """Log events of the watched runs, seconds of watching, browsers at once."""

    rows: Sequence[int]
    watch_s: float
    browsers: int


def measure_monitor(folder: Path, sizes: Sizes) -> str:
    """All measurements of the pages, as tables, told one by one. None of them needs Axolotl."""
    tables = []

    def add(title: str, measures: Sequence[Measure]) -> None:
        tables.append(table(title, measures))
        tell(tables[-1])

    costs: list[float] = []
    for rows in sizes.rows:
        tell(f"a run of {rows:,} log events")
        measures = measure_run(Workspace(folder / f"rows-{rows}"), rows, sizes)
        costs.append(measures[0].value)
        add(f"a run of {rows:,} log events", measures)
    if len(costs) > 1:
        times = costs[-1] / costs[-2]
        add("growth", [Measure("server time of the longest to the one before", times, "", 1.2)])
    for runs in (FEW_RUNS, MANY_RUNS):
        tell(f"{runs:,} finished runs")
        measures = measure_lists(Workspace(folder / f"runs-{runs}"), runs, sizes.watch_s)
        add(f"{runs:,} finished runs", measures)
    tell("a click")
    add("a click on Pause", measure_click(folder / "click"))
    return "\n\n".join(tables)


def measure_run(workspace: Workspace, rows: int, sizes: Sizes) -> list[Measure]:
    """One run's page: opened, watched by one and by many; and the same run in TensorBoard."""
    watched = make_watched(workspace, rows, FEW_RUNS)
    path = f"run?run={watched.paths.run_id}"
    with serving_app(workspace) as app, browsing() as browser, watched.going_on():
        url = f"{app.address}/{path}"
        idle_ms = measure_idle(app, sizes.watch_s)
        cold_s, warm_s = opens_s(browser, url, CHART)
        wait_for(lambda: is_read(app, watched))
        page = browser.new_page()
        inside_s = measure_link(page, app)
        server_ms, kilobytes = watch(app, [page], sizes.watch_s)
        crowd = [page, *(browser.new_page() for _ in range(sizes.browsers - 1))]
        for other in crowd[1:]:
            open_s(other, url, CHART)
        crowd_ms, _ = watch(app, crowd, sizes.watch_s)
        memory = read_memory(app.pid).rss
    return [
        Measure("server time of a second of watching", server_ms - idle_ms, "ms", 10),
        Measure("the same of a server that nobody watches", idle_ms, "ms"),
        Measure("received in a second of watching", kilobytes, "kB", 10),
        Measure("from a link in the app to the first chart", inside_s, "s", 1),
        Measure("from its address to the first chart", warm_s, "s", 1),
        Measure("the same, by a first visitor", cold_s, "s"),
        Measure("an empty page of Streamlit from its address", measure_empty(workspace), "s"),
        Measure(f"{sizes.browsers} browsers, share of a core", crowd_ms / 1000, "", 0.2),
        Measure("memory of the app", memory, "MB"),
        *measure_peer(workspace.root / "events", watched),
    ]


def is_read(app: Server, watched: WatchedRun) -> bool:
    """Whether the app has read all log events: of a million it reads some at a time."""
    url = f"{app.address}/api/runs/{watched.paths.run_id}/curves"
    with urllib.request.urlopen(url, timeout=60) as reply:
        return "read" not in json.load(reply)


def measure_link(page: Page, app: Server) -> float:
    """From the dashboard to the run's chart; the middle of some times."""
    times = []
    for _ in range(FOLLOWED):
        open_s(page, app.address, "[data-testid=stPageLink]")
        page.wait_for_timeout(SETTLED_S * 1000)
        times.append(follow_s(page, "watched", CHART))
    return median(times)


def measure_empty(workspace: Workspace) -> float:
    """What no page of Streamlit can be faster than."""
    with serving_app(workspace, EMPTY_PAGE) as app, browsing() as browser:
        return opens_s(browser, app.address, "h1")[1]


def measure_idle(app: Server, watch_s: float) -> float:
    """Milliseconds of the server in each second in which nobody looks."""
    before = cpu_s(app.pid)
    time.sleep(watch_s)
    return (cpu_s(app.pid) - before) / watch_s * 1000


def measure_peer(folder: Path, watched: WatchedRun) -> list[Measure]:
    """The same run in TensorBoard."""
    peer_board.write_events(folder, watched.paths.metrics)
    with peer_board.serving_board(folder) as board, browsing() as browser:
        cold_s, warm_s = opens_s(browser, board.address, peer_board.CHART)
        memory = peer_board.memory_mb(board.pid)
    return [
        Measure("TensorBoard: from its address to the first chart", warm_s, "s"),
        Measure("TensorBoard: the same, by a first visitor", cold_s, "s"),
        Measure("TensorBoard: memory of its server", memory, "MB"),
    ]


def measure_lists(workspace: Workspace, runs: int, watch_s: float) -> list[Measure]:
    """The pages that list runs."""
    watched = make_watched(workspace, 100, runs)
    with serving_app(workspace) as app, browsing() as browser, watched.going_on():
        cold_s, warm_s = opens_s(browser, f"{app.address}/runs", TABLE)
        idle_ms = measure_idle(app, watch_s)
        page = browser.new_page()
        open_s(page, app.address, "[data-testid=stMain] h1")
        server_ms, kilobytes = watch(app, [page], watch_s)
        inside_s = follow_s(page, "Runs", TABLE)
    return [
        Measure("server time of a second of the dashboard", server_ms - idle_ms, "ms", 10),
        Measure("received in a second of the dashboard", kilobytes, "kB", 10),
        Measure("from a link in the app to the table of all runs", inside_s, "s"),
        Measure("from its address to the table", warm_s, "s"),
        Measure("the same, by a first visitor", cold_s, "s"),
        *measure_listing(workspace),
    ]


def measure_listing(workspace: Workspace) -> list[Measure]:
    """From every record on the disk to the rows of the table, in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-P", "-m", "bench.listing"],
        env=os.environ | workspace.environment(),
        cwd=CODE_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    first, again = json.loads(told.stdout)
    return [
        Measure("server time of listing all runs", again, "ms", 300),
        Measure("the same, for the first time", first, "ms"),
    ]


def measure_click(folder: Path) -> list[Measure]:
    """From a click on Pause to what the page says of it."""
    workspace = make_workspace(folder)
    Store(workspace).submit("clicked", spec_text("clicked"))
    with (
        supervising(workspace, WITH_STAND_IN_THAT_STAYS),
        serving_app(workspace) as app,
        browsing() as browser,
    ):
        run = wait_for(lambda: find_running(workspace))
        page = browser.new_page()
        open_s(page, f"{app.address}/run?run={run.run_id}", ".run_head .badge")
        page.wait_for_timeout(SETTLED_S * 1000)
        seconds = click_s(page, "Pause", ".run_head .phase", "Paus")
    return [Measure("to the changed phase", seconds, "s", 1)]


def watch(app: Server, pages: Sequence[Page], watch_s: float) -> tuple[float, float]:
    """Milliseconds of the server, and kB to the first of the browsers, in each second."""
    page = pages[0]
    page.wait_for_timeout(SETTLED_S * 1000)
    traffic = Traffic(page)
    cpu_before = cpu_s(app.pid)
    page.wait_for_timeout(watch_s * 1000)
    return (cpu_s(app.pid) - cpu_before) / watch_s * 1000, traffic.received / watch_s / 1000


def find_running(workspace: Workspace) -> Run | None:
    """The run, once it trains."""
    return next(iter(Store(workspace).runs_in(Phase.RUNNING)), None)
