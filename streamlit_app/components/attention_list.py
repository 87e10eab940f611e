"""What somebody should look at: runs that failed lately, and runs that a guard holds."""

from collections.abc import Sequence

import streamlit as st

from core.run.phase import Phase, Verb
from core.run.status import RunStatus
from streamlit_app.components import phase_badge, run_link, verb_button
from streamlit_app.display import plain, sentence
from streamlit_app.overview import Resting
from streamlit_app.status_words import failed_at_text, pause_text


def show(needing: Sequence[Resting]) -> None:
    """Each run with what happened, and the button that helps."""
    with st.container(border=True, gap="small"):
        for resting in needing:
            _show_one(resting)


def _show_one(resting: Resting) -> None:
    status = resting.run.status
    verb = Verb.RETRY if status.phase is Phase.FAILED else Verb.RESUME
    with st.container(gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            phase_badge.show(status.phase)
            run_link.show(resting.run)
            verb_button.show(status, verb, resting.asked, "tertiary")
        st.caption(plain(what_happened(status)))


def what_happened(status: RunStatus) -> str:
    """The sentence of the failure and how far it came; of a held run, what the guard said."""
    if status.phase is not Phase.FAILED:
        return pause_text(status)
    if status.failure is None:
        return sentence(status.reason)
    return f"{status.failure.sentence} {sentence(failed_at_text(status))}."
