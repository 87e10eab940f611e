"""One run: how it is doing, what it learned, and its files. Which one is in `?run=<run id>`."""

import streamlit as st

from core.run.phase import FINISHED
from core.run.store import Run
from streamlit_app import run_offer, session
from streamlit_app.components import (
    preview_panel,
    run_buttons,
    run_details,
    run_head,
    run_notes,
    run_panel,
)
from streamlit_app.display import plain

RUNS_PAGE = "views/runs.py"


def show_missing() -> None:
    """What to do about an address that names no run."""
    st.title("Run", anchor=False)
    run_id = st.query_params.get("run", "")
    st.markdown(f"There is no run {plain(run_id)}." if run_id else "No run is chosen.")
    st.page_link(RUNS_PAGE, label="All runs", icon=":material/list_alt:")


def show_run(run: Run) -> None:
    """The page of a run: what changes each second draws itself, the rest is drawn when it moves."""
    st.title(plain(run.status.name), anchor=False)
    run_buttons.show(run, run_offer.find_offer(run))
    run_head.show(run)
    run_panel.show(run)
    run_notes.show(run)
    if run.status.phase in FINISHED:
        preview_panel.show(run)
    run_details.show(run)


chosen = session.selected_run()
if chosen is None:
    show_missing()
else:
    show_run(chosen)
