"""What waits, in order, and how to change the order."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.run.phase import Verb
from streamlit_app import session
from streamlit_app.components import run_link, verb_button
from streamlit_app.display import VERB_ICONS, VERB_WORDS, model_text, plain
from streamlit_app.overview import Place
from streamlit_app.status_words import queue_text

NOTHING = (
    "Nothing waits. A new run starts as soon as a GPU is free, or the processor where there is no "
    "GPU; until then it waits here, where you can change the order."
)
TO_FRONT = ":material/vertical_align_top:"
DOWN = ":material/arrow_downward:"


def show(queue: Sequence[Place], dropped: Sequence[Path]) -> None:
    """The waiting runs with their places, then the specs not taken yet."""
    if not queue and not dropped:
        st.caption(NOTHING)
        return
    with st.container(border=True, gap="small"):
        for place in queue:
            _show_place(place, len(queue))
        for path in dropped:
            st.caption(f":material/draft: {plain(path.name)} · just dropped, not taken yet")


def _show_place(place: Place, count: int) -> None:
    with st.container(gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(f"{place.number}", color="gray", help=f"Place {place.number} in the queue")
            run_link.show(place.run)
            with st.container(horizontal=True, gap="small", width="content"):
                if count > 1:
                    _show_moves(place, count)
                verb_button.show(place.run.status, Verb.PAUSE, place.asked, "tertiary")
        st.caption(facts_text(place))


def facts_text(place: Place) -> str:
    """When it starts, why it waits, and what it is."""
    summary = session.index().summary(place.run)
    moving = f"{VERB_WORDS[Verb.MOVE]}…" if Verb.MOVE in place.asked else ""
    facts = (queue_text(place.run.status), model_text(summary.base_model), summary.method)
    told = plain(" · ".join(fact for fact in (*facts, moving) if fact))
    return f"**{plain(place.starts)}** · {told}" if place.starts else told


def _show_moves(place: Place, count: int) -> None:
    """The same three everywhere, so that none slides under a second click."""
    is_first, is_last = place.number <= 1, place.number >= count
    _show_move(place, "Up", VERB_ICONS[Verb.MOVE], place.number - 1, is_first)
    _show_move(place, "Down", DOWN, place.number + 1, is_last)
    _show_move(place, "To front", TO_FRONT, 1, is_first)


def _show_move(place: Place, label: str, icon: str, to: int, is_off: bool) -> None:
    # Not switched off while it moves: the keyboard would lose its place.
    st.button(
        label,
        key=f"{label} {place.run.run_id}",
        icon=icon,
        type="tertiary",
        disabled=is_off,
        on_click=session.ask,
        args=(place.run.run_id, Verb.MOVE, to),
    )
