"""What the processor and the memory of this machine do now."""

import streamlit as st

from core.clock import now
from core.monitor import machine
from streamlit_app import session
from streamlit_app.display import duration_text
from streamlit_app.gpu_words import machine_bars

WAITING = "The daemon has not told of the processor and the memory yet."
OLD_AFTER_S = 12.0
"""A reading comes every five seconds."""


def show(disk: bool = True) -> None:
    """Bars of the newest reading; says how old it is when that is more than some seconds."""
    snapshot = machine.last(session.workspace().machine)
    if snapshot is None:
        st.caption(WAITING)
        return
    with st.container(border=True, gap="small"):
        for fraction, text in machine_bars(snapshot, disk):
            st.progress(fraction, text=text)
        age_s = (now() - snapshot.at).total_seconds()
        if age_s > OLD_AFTER_S:
            st.caption(f":orange[:material/schedule: Read {duration_text(age_s)} ago]")
