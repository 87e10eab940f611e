"""What waits, in order."""

from collections.abc import Collection, Sequence
from pathlib import Path

import streamlit as st

from core.run.phase import Verb
from core.run.status import RunStatus
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import run_link, verb_button
from streamlit_app.display import VERB_ICONS, model_text, plain
from streamlit_app.status_words import queue_text


def show(waiting: Sequence[Run], dropped: Sequence[Path]) -> None:
    """The waiting runs with their places, then the specs not taken yet."""
    with st.container(border=True, gap="small"):
        for place, run in enumerate(waiting, 1):
            _show_run(run, run.status.position or place)
        for path in dropped:
            st.caption(f":material/draft: {plain(path.name)} · just dropped, not taken yet")


def _show_run(run: Run, place: int) -> None:
    summary = session.index().summary(run)
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(f"Place {place}", color="gray")
            run_link.show(run)
            with st.container(horizontal=True, gap="small", width="content"):
                _show_buttons(run.status, place, session.store().requested(run.run_id))
        facts = (model_text(summary.base_model), summary.method, queue_text(run.status))
        st.caption(plain(" · ".join(fact for fact in facts if fact)))


def _show_buttons(status: RunStatus, place: int, asked: Collection[Verb]) -> None:
    if place > 1:
        _show_move(status, "Up", VERB_ICONS[Verb.MOVE], place - 1, asked)
    if place > 2:
        _show_move(status, "To front", ":material/vertical_align_top:", 1, asked)
    verb_button.show(status, Verb.PAUSE, asked, "tertiary")


def _show_move(status: RunStatus, label: str, icon: str, to: int, asked: Collection[Verb]) -> None:
    st.button(
        label,
        key=f"{label} {status.run_id}",
        icon=icon,
        type="tertiary",
        disabled=Verb.MOVE in asked,
        on_click=session.ask,
        args=(status.run_id, Verb.MOVE, to),
    )
