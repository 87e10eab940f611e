"""The files of a run, one tab each; only the open one is read."""

from pathlib import Path

import pandas as pd
import streamlit as st

from core.files import Stamp, stamp
from core.run.store import Run
from streamlit_app import session, timeline
from streamlit_app.components import run_log, start_timeline
from streamlit_app.components.phase_badge import show as show_phase
from streamlit_app.display import bytes_text, moment_text, phase_of, sentence

MAX_CONFIG_BYTES = 256 * 1024
TABS = (
    ":material/article: Log",
    ":material/timer: Start",
    ":material/tune: Config",
    ":material/history: Events",
    ":material/save: Checkpoints",
)


def show(run: Run) -> None:
    """Log, start, config, events and checkpoints."""
    tabs = st.tabs(TABS, key="details", on_change="rerun")
    for tab, show_one in zip(
        tabs, (run_log.show, show_start, show_config, show_events, show_checkpoints), strict=True
    ):
        if tab.open:
            with tab:
                show_one(run)


def show_start(run: Run) -> None:
    """How the last attempt came to its first step."""
    start = session.start(run)
    if start is None and run.imported_from:
        st.caption("It was trained elsewhere, so how it started is not known here.")
        return
    if start is None:
        st.caption("It has not been started yet.")
        return
    if run.status.attempt > 1:
        st.markdown(f"**Attempt {run.status.attempt}**")
    start_timeline.show(start)


def show_config(run: Run) -> None:
    """What was asked for, what the daemon changed, and what Axolotl was started with."""
    # Each attempt makes most of them again.
    changes = list(dict.fromkeys(change for event in _events(run) for change in event.changes))
    if changes:
        st.markdown("**What the daemon added or changed**")
        st.text("\n".join(f"• {change}" for change in changes))
    for title, path in (
        ("As submitted: spec.yaml", run.paths.spec),
        ("As started: axolotl.yaml", run.paths.axolotl_config),
    ):
        if path.is_file():
            st.markdown(f"**{title}**")
            st.code(_text(path, stamp(path)), language="yaml")


def show_events(run: Run) -> None:
    """Every change of phase."""
    for event in _events(run):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(moment_text(event.at, session.zone()), width="content")
            phase = phase_of(event.phase)
            show_phase(phase) if phase else st.text(event.phase)
            st.text(sentence(event.reason), width="stretch")


def show_checkpoints(run: Run) -> None:
    """What was saved on the way."""
    steps = run.checkpoints()
    if not steps:
        st.caption("No checkpoint is complete yet. `save_steps` in the spec says how often one is.")
        return
    times = timeline.saved_at(_journal(run))
    rows = [
        {
            "Step": step,
            "Size": bytes_text(_folder_bytes(folder, stamp(folder))),
            "Saved": moment_text(times.get(step), session.zone()),
        }
        for step in reversed(steps)
        if (folder := run.paths.checkpoint(step))
    ]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, width="content", alt="Checkpoints of this run"
    )


def _events(run: Run) -> list[timeline.Event]:
    return timeline.events(_records(run.paths.events, stamp(run.paths.events)))


def _journal(run: Run) -> list[dict]:
    return _records(run.paths.journal, stamp(run.paths.journal))


@st.cache_data(max_entries=64, show_spinner=False)
def _records(path: Path, changed: Stamp) -> list[dict]:
    return timeline.read_records(path)


@st.cache_data(max_entries=32, show_spinner=False)
def _text(path: Path, changed: Stamp) -> str:
    with path.open("rb") as file:
        return file.read(MAX_CONFIG_BYTES).decode("utf-8", errors="replace")


@st.cache_data(max_entries=256, show_spinner=False)
def _folder_bytes(path: Path, changed: Stamp) -> int:
    return timeline.folder_bytes(path)
