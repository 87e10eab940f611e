"""The GPUs now and over the last hour, day or week; without any, the processor instead."""

import streamlit as st

from core import gpu
from core.run.phase import LIVE
from core.run.store import Run
from streamlit_app import guard, session
from streamlit_app.components import gpu_cards, gpu_panel, history, machine_card, run_link


@st.fragment(run_every=1)
@guard.shown()
def show_now() -> None:
    """The cards, drawn anew each second."""
    snapshots = gpu.last(session.workspace().gpu)
    heartbeat, runs = session.daemon(), session.runs()
    if snapshots:
        with st.grid(2, min_column_width=330, gap="medium"):
            for snapshot in snapshots:
                gpu_panel.show(snapshot, heartbeat, runs)
        st.subheader("Processor, memory and disk", anchor=False)
        machine_card.show()
        return
    st.caption(gpu_cards.none_text())
    machine_card.show()
    show_trainings(runs)


def show_trainings(runs: list[Run]) -> None:
    """What trains on the processor now."""
    live = [run for run in runs if run.status.phase in LIVE]
    st.markdown("**On it now**")
    for run in live:
        run_link.show(run)
    if not live:
        st.caption("Nothing is training at the moment.")


@st.fragment(run_every=20)
@guard.shown()
def show_history() -> None:
    """The charts; they move on once a minute."""
    window = history.choose_window()
    snapshots = gpu.last(session.workspace().gpu)
    if snapshots:
        history.show_gpus(snapshots, window)
    history.show_machine(window)


st.title("GPUs" if session.has_gpus() else "Machine", anchor=False)
show_now()
st.subheader("Over time", anchor=False)
show_history()
