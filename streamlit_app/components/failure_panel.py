"""Why a run failed, what to try, and the lines of its log that tell."""

import streamlit as st

from core.log_text import clean_log
from core.run.failure import Failure
from core.run.status import RunStatus
from streamlit_app.code_words import marked
from streamlit_app.display import plain
from streamlit_app.status_words import attempts_text


def show(status: RunStatus, failure: Failure) -> None:
    """What happened comes first, what to do next, the proof last."""
    with st.container(border=True, gap="small", key="failure"):
        st.markdown(f":red[:material/error:] **{marked(failure.sentence)}**")
        if failure.advice:
            st.markdown(marked(failure.advice))
        if failure.lines:
            st.caption("From its log")
            st.code(clean_log("\n".join(failure.lines)), language=None, wrap_lines=True)
        if attempts := attempts_text(status):
            st.caption(plain(attempts))
