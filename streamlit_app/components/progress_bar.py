"""How far a run is."""

import streamlit as st

from core.run.status import RunStatus
from streamlit_app.display import plain
from streamlit_app.status_words import progress_text


def show(status: RunStatus) -> None:
    """The bar, with what is being done and how many steps of how many."""
    st.progress(status.progress.fraction, text=progress_text(status, plain))
