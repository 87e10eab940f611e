"""What trains now, what waits, what ended, and how the machine is doing."""

import streamlit as st

from core.run.phase import FINISHED, LIVE, Phase
from streamlit_app import guard, session
from streamlit_app.components import (
    disk_card,
    finished_list,
    first_steps,
    gpu_cards,
    paused_list,
    queue_list,
    rejected_list,
    run_card,
    standby_line,
)

LAST_FINISHED = 5


@st.fragment(run_every=1)
@guard.shown()
def show() -> None:
    """The page, drawn anew each second."""
    work, machine = st.columns([2, 1], gap="large")
    with work:
        show_runs()
    with machine:
        st.subheader("This machine", anchor=False)
        gpu_cards.show()
        disk_card.show()
        standby_line.show()


def show_runs() -> None:
    """Rejected specs first, since they need somebody; then live, waiting, paused and ended runs."""
    runs, store = session.runs(), session.store()
    live = [run for run in runs if run.status.phase in LIVE]
    waiting = [run for run in runs if run.status.phase is Phase.QUEUED]
    waiting.sort(key=lambda run: (run.status.position or 10**6, run.run_id))
    paused = [run for run in runs if run.status.phase is Phase.PAUSED]
    finished = [run for run in runs if run.status.phase in FINISHED]
    finished.sort(key=lambda run: run.status.ended_at or run.status.since, reverse=True)
    dropped, rejected = store.dropped(), store.rejected()
    if rejected:
        rejected_list.show(rejected)
    if not runs and not dropped:
        first_steps.show()
        return
    st.subheader("Running now", anchor=False)
    for run in live:
        run_card.show(run)
    if not live:
        st.caption("Nothing is training at the moment.")
    if waiting or dropped:
        st.subheader("Queue", anchor=False)
        queue_list.show(waiting, dropped)
    if paused:
        st.subheader("Paused", anchor=False)
        paused_list.show(paused)
    if finished:
        st.subheader("Finished last", anchor=False)
        finished_list.show(finished[:LAST_FINISHED])


st.title("Dashboard", anchor=False)
show()
