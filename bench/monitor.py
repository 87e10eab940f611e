"""What it takes to watch runs: of the app's processor, of the network, and of one's patience."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from bench import peer_board
from bench.app_process import Server, serving_app
from bench.browser import Traffic, browsing, click_s, new_page, open_s
from bench.daemon_process import WITH_STAND_IN_THAT_STAYS, supervising
from bench.furnished import make_workspace, spec_text
from bench.measure import Measure, table
from bench.process_use import cpu_s, read_memory
from bench.progress import tell
from bench.waiting import wait_for
from bench.watched_run import WatchedRun, make_watched
from core.paths import Workspace
from core.run.phase import Phase
from core.run.store import Run, Store

CHART = ".run_charts canvas"
FEW_RUNS, MANY_RUNS = 10, 1000
SETTLED_S = 4


@dataclass(frozen=True)
class Sizes:
    """Log events of the watched runs, seconds of watching, browsers at once."""

    rows: Sequence[int]
    watch_s: float
    browsers: int


def measure_monitor(folder: Path, sizes: Sizes) -> str:
    """All measurements of the pages, as tables. None of them needs Axolotl."""
    tables = []
    costs: list[float] = []
    for rows in sizes.rows:
        tell(f"a run of {rows:,} log events")
        measures = measure_run(Workspace(folder / f"rows-{rows}"), rows, sizes)
        costs.append(measures[0].value)
        tables.append(table(f"a run of {rows:,} log events", measures))
    growth = Measure("server time of the longest to the one before", costs[-1] / costs[-2], "", 1.2)
    tables.append(table("growth", [growth]))
    for runs in (FEW_RUNS, MANY_RUNS):
        tell(f"{runs:,} finished runs")
        measures = measure_lists(Workspace(folder / f"runs-{runs}"), runs, sizes.watch_s)
        tables.append(table(f"{runs:,} finished runs", measures))
    tell("a click")
    tables.append(table("a click on Pause", measure_click(folder / "click")))
    return "\n\n".join(tables)


def measure_run(workspace: Workspace, rows: int, sizes: Sizes) -> list[Measure]:
    """One run's page: opened, watched by one and by many; and the same run in TensorBoard."""
    watched = make_watched(workspace, rows, FEW_RUNS)
    path = f"run?run={watched.paths.run_id}"
    with serving_app(workspace) as app, browsing() as browser, watched.going_on():
        url = f"{app.address}/{path}"
        idle_ms = measure_idle(app, sizes.watch_s)
        first, page = new_page(browser), new_page(browser)
        cold_s = open_s(first, url, CHART)
        first.close()
        warm_s = open_s(page, url, CHART)
        server_ms, kilobytes = watch(app, [page], sizes.watch_s)
        crowd = [page, *(new_page(browser) for _ in range(sizes.browsers - 1))]
        for other in crowd[1:]:
            open_s(other, url, CHART)
        crowd_ms, _ = watch(app, crowd, sizes.watch_s)
        memory = read_memory(app.pid).rss
    return [
        Measure("server time of a second of watching", server_ms - idle_ms, "ms", 10),
        Measure("received in a second of watching", kilobytes, "kB", 10),
        Measure("page open to first chart", warm_s, "s", 1),
        Measure("the same, by the first visitor", cold_s, "s"),
        Measure(f"{sizes.browsers} browsers, share of a core", crowd_ms / 1000, "", 0.2),
        Measure("memory of the app", memory, "MB"),
        *measure_peer(workspace.root / "events", watched, rows),
    ]


def measure_idle(app: Server, watch_s: float) -> float:
    """Milliseconds of the server in each second in which nobody looks."""
    before = cpu_s(app.pid)
    time.sleep(watch_s)
    return (cpu_s(app.pid) - before) / watch_s * 1000


def measure_peer(folder: Path, watched: WatchedRun, rows: int) -> list[Measure]:
    """The same run in TensorBoard."""
    peer_board.write_events(folder, watched.paths.metrics)
    with peer_board.serving_board(folder) as board, browsing() as browser:
        page = new_page(browser)
        open_s(page, board.address, peer_board.CHART)
        warm_s = open_s(page, board.address, peer_board.CHART)
        memory = peer_board.memory_mb(board.pid)
    return [
        Measure("TensorBoard: page open to first chart", warm_s, "s"),
        Measure("TensorBoard: memory of its server", memory, "MB"),
    ]


def measure_lists(workspace: Workspace, runs: int, watch_s: float) -> list[Measure]:
    """The pages that list runs."""
    watched = make_watched(workspace, 100, runs)
    with serving_app(workspace) as app, browsing() as browser, watched.going_on():
        page = new_page(browser)
        cold_s = open_s(page, f"{app.address}/runs", "[data-testid=stDataFrame] canvas")
        warm_s = open_s(page, f"{app.address}/runs", "[data-testid=stDataFrame] canvas")
        idle_ms = measure_idle(app, watch_s)
        open_s(page, app.address, "[data-testid=stMain] h1")
        server_ms, kilobytes = watch(app, [page], watch_s)
    return [
        Measure("server time of a second of the dashboard", server_ms - idle_ms, "ms", 10),
        Measure("received in a second of the dashboard", kilobytes, "kB", 10),
        Measure("page open to the table of all runs", warm_s, "s"),
        Measure("the same, by the first visitor", cold_s, "s"),
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
        page = new_page(browser)
        open_s(page, f"{app.address}/run?run={run.run_id}", ".run_head .badge")
        page.wait_for_timeout(SETTLED_S * 1000)
        seconds = click_s(page, "Pause", ".run_head .phase", "Pausing")
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
