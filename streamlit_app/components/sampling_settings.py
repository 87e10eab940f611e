"""How the model chooses its words."""

import streamlit as st

from core.run.preview import has_dialogues
from core.run.store import Run
from core.sandbox.question import DEFAULT_NEW_TOKENS, MAX_NEW_TOKENS
from streamlit_app import session
from streamlit_app.asking import Sampling
from streamlit_app.run_config import load_config


def show(run: Run) -> Sampling:
    """The settings, in a popover."""
    with st.popover("Settings", icon=":material/tune:"):
        remembers = st.toggle(
            "Remember the conversation",
            has_dialogues(load_config(run), session.workspace()),
            key=f"sandbox remembers {run.run_id}",
            help="Off: every question is asked by itself. Best for a model that was trained on "
            "single questions.",
        )
        return Sampling(
            remembers=remembers,
            max_new_tokens=st.slider(
                "Longest answer, in tokens",
                16,
                MAX_NEW_TOKENS,
                DEFAULT_NEW_TOKENS,
                step=16,
                key="sandbox max tokens",
                persist_state="session",
            ),
            temperature=st.slider(
                "Temperature",
                0.0,
                2.0,
                0.0,
                step=0.05,
                key="sandbox temperature",
                persist_state="session",
                help="0 always takes the likeliest word; more makes answers more varied.",
            ),
            top_p=st.slider(
                "Top-p",
                0.05,
                1.0,
                1.0,
                step=0.05,
                key="sandbox top p",
                persist_state="session",
                help="Only words among the likeliest that add up to this share are taken.",
            ),
        )
