"""What stands still, why, and how it goes on."""

from collections.abc import Sequence

import streamlit as st

from core.run.phase import Verb
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import progress_bar, run_link, verb_button
from streamlit_app.display import plain
from streamlit_app.status_words import pause_text


def show(runs: Sequence[Run]) -> None:
    """Each run with its reason, how far it is, and a button that lets it go on."""
    with st.container(border=True, gap="medium"):
        for run in runs:
            _show_one(run)


def _show_one(run: Run) -> None:
    asked = session.store().requested(run.run_id)
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            run_link.show(run)
            verb_button.show(run.status, Verb.RESUME, asked)
        st.caption(plain(pause_text(run.status)))
        if run.status.progress.total_steps:
            progress_bar.show(run.status)
