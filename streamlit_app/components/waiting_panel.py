"""A spec that was dropped a moment ago: waits for the daemon, then opens the run."""

import streamlit as st

from core.run.submission import Submission, look
from streamlit_app import guard, session
from streamlit_app.code_words import marked
from streamlit_app.components.start_panel import WAITING
from streamlit_app.display import plain

POLL_S = 0.5


@st.fragment(run_every=POLL_S)
@guard.shown()
def show(submission: Submission) -> None:
    """Where the spec is; leads on by itself once there is something to lead to."""
    outcome = look(session.store(), submission)
    if outcome.run_id:
        st.session_state.pop(WAITING, None)
        session.open_run(outcome.run_id)
    if outcome.reason:
        _show_rejected(submission, outcome.reason)
        return
    with st.container(border=True):
        st.subheader(plain(submission.name), anchor=False)
        if session.daemon():
            st.markdown(":material/hourglass: Dropped into the queue. The daemon takes it now…")
        else:
            st.markdown(
                ":material/hourglass: It waits in the queue: the daemon is not running. It starts "
                "as soon as the daemon does; you can close this page."
            )
        st.caption(plain(f"runs/queue/{submission.file.name}"))
        st.button("Plan another run", key="new-another", on_click=_forget)


def _show_rejected(submission: Submission, reason: str) -> None:
    st.error(f"**{plain(submission.name)} was rejected:**  \n{marked(reason)}")
    st.button("Back to the form", key="new-back", icon=":material/arrow_back:", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(WAITING, None)
