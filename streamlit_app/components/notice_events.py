"""Which events people are told of, saved at each click."""

import streamlit as st

from core.settings import NOTIFIABLE, Settings
from streamlit_app import notice_state
from streamlit_app.code_words import marked
from streamlit_app.notice_words import EVENT_WORDS

PART = "notify_on"


def show(settings: Settings) -> None:
    """A box for each event."""
    st.markdown("**What to tell**")
    with st.container(gap="xsmall"):
        for kind in NOTIFIABLE:
            label, meaning = EVENT_WORDS[kind]
            # The file decides, which another page may have changed.
            st.session_state[_key(kind)] = kind in settings.notify_on
            st.checkbox(f"{label} :gray[— {meaning}]", key=_key(kind), on_change=_save)
    if settings.notify and not settings.notify_on:
        st.caption(":orange[:material/warning: Nothing is chosen, so nothing is sent.]")
    if refusal := notice_state.take_refusal(PART):
        st.error(marked(refusal))


def _key(kind: str) -> str:
    return f"told of {kind}"


def _save() -> None:
    chosen = [kind for kind in NOTIFIABLE if st.session_state.get(_key(kind))]
    notice_state.save(PART, {"notify_on": chosen})
