"""The runs that ended last."""

from collections.abc import Sequence

import streamlit as st

from core.run.status import RunStatus, elapsed_s
from streamlit_app.components import phase_badge, run_link
from streamlit_app.overview import Ended

NOTHING = "Runs that have ended are listed here, with their best loss."


def show(finished: Sequence[Ended]) -> None:
    """Each run with how it ended, its best loss, how long it took, and when."""
    if not finished:
        st.caption(NOTHING)
        return
    with st.container(border=True, gap="small"):
        for ended in finished:
            with st.container(gap=None):
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    phase_badge.show(ended.run.status.phase)
                    run_link.show(ended.run)
                st.caption(ended.facts)


def took_s(status: RunStatus) -> float | None:
    """The seconds it trained; None when it never started or has not ended."""
    return elapsed_s(status, status.ended_at) if status.ended_at else None
