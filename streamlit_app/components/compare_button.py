"""From ticked runs to the page that compares them."""

from collections.abc import Mapping, Sequence

import streamlit as st

from streamlit_app import session
from streamlit_app.components import runs_table
from streamlit_app.display import plain, shorten
from streamlit_app.run_slots import MAX_RUNS

MAX_NAMED = 4


def show(chosen: Sequence[str], names: Mapping[str, str]) -> None:
    """The button, with the names of what is chosen beside it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            f"Compare {len(chosen)} runs" if len(chosen) > 1 else "Compare",
            key="compare chosen",
            type="primary" if 2 <= len(chosen) <= MAX_RUNS else "secondary",
            icon=":material/compare_arrows:",
            disabled=not 2 <= len(chosen) <= MAX_RUNS,
        )
        st.caption(_advice([names[run_id] for run_id in chosen]), width="content")
        if chosen:
            st.button(
                "Clear choice", on_click=runs_table.clear, type="tertiary", icon=":material/close:"
            )
    if pressed:
        session.open_compare(chosen)


def _advice(names: Sequence[str]) -> str:
    if not names:
        return "Tick two runs or more at the left to compare them; click a run to open it."
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    told = plain(", ".join(shorten(name, 24) for name in names[:MAX_NAMED])) + more
    if len(names) == 1:
        return f"{told}. Tick another one to compare it with."
    if len(names) > MAX_RUNS:
        return f"{told}. At most {MAX_RUNS} can be compared."
    return told
