"""A run that is under way, as a card."""

import streamlit as st

from core.run.phase import PAUSABLE, Phase, Verb
from streamlit_app import card_words, live_part
from streamlit_app.components import phase_badge, run_link, verb_button
from streamlit_app.display import plain
from streamlit_app.overview import Living
from streamlit_app.routes import card


def show(living: Living) -> None:
    """Name, phase and what it is; how far it is, which the browser keeps up to date by itself."""
    run = living.run
    with st.container(border=True, gap="xsmall"):
        _show_head(living)
        live_part.show(
            "run_card",
            {"address": card.PATH.format(run_id=run.run_id), "now": card_words.tell(run)},
            key=f"card {run.run_id}",
        )


def _show_head(living: Living) -> None:
    status = living.run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        phase_badge.show(status.phase)
        run_link.show(living.run)
        st.caption(plain(living.about), width="content")
        # Also while it pauses: the card keeps its height.
        if status.phase in PAUSABLE | {Phase.PAUSING}:
            verb_button.show(status, Verb.PAUSE, living.asked, "tertiary")
