"""Waiting for an audit, without holding up the page."""

from typing import Any

import streamlit as st

from streamlit_app import audit_asking, guard, session

POLL_S = 0.5
WORKING = ":material/hourglass: Finding out what would be learned, with the model's own tokenizer…"


@st.fragment(run_every=POLL_S)
@guard.shown()
def show(config: dict[str, Any], down: str) -> None:
    """That it is worked on; with no daemon, `down`. Draws the page anew once it is there."""
    if audit_asking.ask(config) is not None:
        st.rerun()
    st.caption(WORKING if session.daemon() else f":material/hourglass: {down}")
