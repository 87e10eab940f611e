"""What a page asks for: the workspace, its runs, and which run is chosen."""

import os
from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core import gpu
from core.clock import now
from core.errors import SettingsError
from core.files import Stamp, stamp
from core.heartbeat import Heartbeat, find_daemon, read_heartbeat
from core.monitor.series import LOOK_S, Series
from core.monitor.shelf import SHELF
from core.paths import WORKSPACE_VARIABLE, RunPaths, Workspace, find_workspace
from core.run.phase import Verb
from core.run.store import Run, Store
from core.settings import Settings, load_settings
from streamlit_app.run_index import RunIndex
from streamlit_app.run_news import RunNews
from streamlit_app.start import Start
from streamlit_app.start_reader import StartReader

RUN_PAGE = "views/run.py"
RUNS_PAGE = "views/runs.py"
COMPARE_PAGE = "views/compare.py"
SANDBOX_PAGE = "views/sandbox.py"
NEW_RUN_PAGE = "views/new_run.py"
DATASETS_PAGE = "views/datasets.py"


def workspace() -> Workspace:
    """The workspace this app shows."""
    return _found(os.environ.get(WORKSPACE_VARIABLE))


def store() -> Store:
    """The door to the workspace's records."""
    return index().store


def settings() -> Settings:
    """How this machine is set up; read again when the file changes."""
    path = workspace().settings
    return _settings(path, stamp(path))


def usual_settings() -> Settings:
    """The settings; those that come with the code where there is a mistake in the file."""
    try:
        return settings()
    except SettingsError:
        return Settings()


def index() -> RunIndex:
    """Every run, each read again only when its record changed. Shared by all sessions."""
    return _index(workspace())


def runs() -> list[Run]:
    """Every readable run, the newest first."""
    return index().runs()


def run_news() -> RunNews:
    """What became of runs since the app began. Shared by all sessions."""
    return _run_news(workspace())


def heartbeat() -> Heartbeat | None:
    """The daemon's last heartbeat; None when there never was one."""
    return read_heartbeat(workspace().heartbeat)


def daemon() -> Heartbeat | None:
    """The heartbeat of the daemon that runs now; None when it is down."""
    return find_daemon(workspace().heartbeat)


def has_gpus() -> bool:
    """Whether this machine has a GPU, or had one in the days that are kept."""
    seen = heartbeat()
    return bool((seen and seen.gpus) or gpu.last(workspace().gpu))


def curves(run: Run) -> Series:
    """The run's metrics as of now. Shared by all sessions; reads only what was added.

    A file that is very long is read by and by, a little at every call.
    """
    series = SHELF.get(run.paths).series
    series.refresh(LOOK_S)
    return series


def start(run: Run) -> Start | None:
    """How the run's last attempt came to its first step; None before its first attempt."""
    attempt = run.status.attempt
    return _start_reader(run.paths, attempt).look(now()) if attempt else None


def ask(run_id: str, verb: Verb, to: int | None = None) -> None:
    """Ask the daemon to do something to a run; `to` is the place, from 1, of a move."""
    store().request(run_id, verb, to=to)
    index().expect(run_id)


def selected_run() -> Run | None:
    """The run named in the address, `?run=<run id>`; None when there is none such."""
    return store().find_run(st.query_params.get("run", ""))


def open_run(run_id: str) -> NoReturn:
    """Go to the run's page."""
    st.switch_page(RUN_PAGE, query_params={"run": run_id})


def open_compare(run_ids: Sequence[str]) -> NoReturn:
    """Go to the page that shows these runs side by side."""
    st.switch_page(COMPARE_PAGE, query_params={"runs": ",".join(run_ids)})


def zone() -> tzinfo:
    """The time zone of the browser; UTC when it does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ValueError, ZoneInfoNotFoundError):
        return UTC


@lru_cache(maxsize=8)
def _found(named: str | None) -> Workspace:
    """The workspace, looked for once: pages ask for it often."""
    return find_workspace()


# A page asks for it often: Streamlit's caches would work out a hash at every call.
@lru_cache(maxsize=8)
def _index(workspace: Workspace) -> RunIndex:
    return RunIndex(Store(workspace))


@lru_cache(maxsize=8)
def _run_news(workspace: Workspace) -> RunNews:
    return RunNews(_index(workspace))


@lru_cache(maxsize=64)
def _start_reader(paths: RunPaths, attempt: int) -> StartReader:
    return StartReader(paths, attempt)


@lru_cache(maxsize=8)
def _settings(path: Path, changed: Stamp) -> Settings:
    return load_settings(path)
