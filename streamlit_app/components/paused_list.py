"""What stands still, why, and how it goes on."""

from collections.abc import Sequence

import streamlit as st

from core.run.phase import Verb
from streamlit_app.components import progress_bar, run_link, verb_button
from streamlit_app.display import plain
from streamlit_app.overview import Resting
from streamlit_app.status_words import pause_text


def show(paused: Sequence[Resting]) -> None:
    """Each run with its reason, how far it is, and a button that lets it go on."""
    with st.container(border=True, gap="medium"):
        for resting in paused:
            _show_one(resting)


def _show_one(resting: Resting) -> None:
    status = resting.run.status
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            run_link.show(resting.run)
            verb_button.show(status, Verb.RESUME, resting.asked)
        st.caption(plain(pause_text(status)))
        if status.progress.total_steps:
            progress_bar.show(status)
