"""What trains now, what waits, what ended, and how the machine is doing."""

import streamlit as st

from streamlit_app import guard, overview, session
from streamlit_app.components import (
    attention_list,
    disk_card,
    finished_list,
    first_steps,
    gpu_cards,
    paused_list,
    queue_list,
    rejected_list,
    run_card,
    standby_line,
    watch,
)
from streamlit_app.overview import Overview
from streamlit_app.routes.overview import PATH

LOOK_EVERY_S = 1
MACHINE_EVERY_S = 5


def show() -> None:
    """The page: what changes each second the browser draws, the rest is drawn when it moves."""
    seen = overview.look()
    watch.show("overview", PATH, seen.revision, LOOK_EVERY_S)
    work, machine = st.columns([2, 1], gap="large")
    with work:
        show_help(seen)
        show_living(seen)
        if not seen.is_empty:
            show_lists(seen)
    with machine:
        st.subheader("This machine", anchor=False)
        show_machine()
        if not seen.is_empty:
            st.subheader("Finished last", anchor=False)
            finished_list.show(seen.finished)


def show_help(seen: Overview) -> None:
    """What needs somebody comes first."""
    if seen.rejected:
        rejected_list.show(seen.rejected)
    if seen.needing:
        st.subheader("Needs a look", anchor=False)
        attention_list.show(seen.needing)


def show_living(seen: Overview) -> None:
    """The runs that train."""
    if seen.is_empty:
        first_steps.show()
        return
    st.subheader("Running now", anchor=False)
    for living in seen.live:
        run_card.show(living)
    if not seen.live:
        show_idle(bool(seen.queue))


def show_idle(is_waited: bool) -> None:
    """What to do when nothing trains."""
    with st.container(border=True, gap="xsmall"):
        st.markdown("Nothing is training at the moment.")
        if not is_waited:
            st.page_link(session.NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")


def show_lists(seen: Overview) -> None:
    """What waits, and what stands still."""
    st.subheader("Queue", anchor=False)
    queue_list.show(seen.queue, seen.dropped)
    if seen.paused:
        st.subheader("Paused", anchor=False)
        paused_list.show(seen.paused)


@st.fragment(run_every=MACHINE_EVERY_S)
@guard.shown()
def show_machine() -> None:
    """The GPUs or the processor, the disk, and whether a trainer stands by."""
    gpu_cards.show()
    disk_card.show()
    standby_line.show()


st.title("Dashboard", anchor=False)
show()
