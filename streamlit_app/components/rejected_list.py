"""Specs that could not run, and why."""

from collections.abc import Sequence

import streamlit as st

from core.run.store import Rejected
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.display import plain


def show(rejected: Sequence[Rejected]) -> None:
    """Each spec with its reason, and a button that puts it out of sight."""
    count = len(rejected)
    label = "1 spec was rejected" if count == 1 else f"{count} specs were rejected"
    with st.expander(label, icon=":material/report:", expanded=True, key="rejected"):
        for spec in rejected:
            _show_one(spec)


def _show_one(spec: Rejected) -> None:
    st.markdown(f"**{plain(spec.name)}**")
    st.markdown(marked(spec.reason.strip()) or "No reason was left.")
    st.button(
        "Dismiss",
        key=f"dismiss {spec.name}",
        icon=":material/close:",
        help="Moves it to runs/rejected/.dismissed",
        on_click=session.store().dismiss,
        args=(spec,),
    )
