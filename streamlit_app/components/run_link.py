"""A link to a run."""

import streamlit as st

from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import plain, shorten


def show(run: Run) -> None:
    """The run's name, leading to its page."""
    st.page_link(
        session.RUN_PAGE,
        label=f"**{plain(shorten(run.status.name))}**",
        width="stretch",
        query_params={"run": run.run_id},
    )
