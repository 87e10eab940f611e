"""One run: how it is doing, what it learned, and its files. Which one is in `?run=<run id>`."""

import streamlit as st

from core.run.phase import FINISHED, MOVES
from core.run.store import Run
from streamlit_app import guard, session
from streamlit_app.components import preview_panel, run_buttons, run_details, run_panel
from streamlit_app.components.run_buttons import Offer
from streamlit_app.display import plain

RUNS_PAGE = "views/runs.py"


def show_missing() -> None:
    """What to do about an address that names no run."""
    st.title("Run", anchor=False)
    run_id = st.query_params.get("run", "")
    st.markdown(f"There is no run {plain(run_id)}." if run_id else "No run is chosen.")
    st.page_link(RUNS_PAGE, label="All runs", icon=":material/list_alt:")


def show_run(run: Run) -> None:
    """The page of a run; one that has not ended draws itself anew each second."""
    st.title(plain(run.status.name), anchor=False)
    offer = run_buttons.find_offer(run)
    run_buttons.show(run, offer)
    if run.status.phase not in FINISHED:
        st.fragment(run_every=1)(show_live)(run, offer)
        return
    run_panel.show(run)
    preview_panel.show(run)
    run_details.show(run)
    if MOVES[run.status.phase]:
        st.fragment(run_every=1)(guard.shown()(watch))(run, offer)


@guard.shown()
def show_live(before: Run, offer: Offer) -> None:
    """The parts that change."""
    run = watch(before, offer)
    run_panel.show(run)
    run_details.show(run)


def watch(before: Run, offer: Offer) -> Run:
    """The run as of now; where its buttons are others, the whole page is drawn anew."""
    run = session.store().find_run(before.run_id) or before
    if run_buttons.find_offer(run) != offer:
        st.rerun()
    return run


chosen = session.selected_run()
if chosen is None:
    show_missing()
else:
    show_run(chosen)
