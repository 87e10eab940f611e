"""What waits, in order."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.run.phase import Phase
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import run_link
from streamlit_app.display import model_text, plain


def show(waiting: Sequence[Run], dropped: Sequence[Path]) -> None:
    """The waiting runs with their positions, then the specs not taken yet."""
    with st.container(border=True, gap="small"):
        for place, run in enumerate(waiting, 1):
            _show_run(run.status.position or place, run)
        for path in dropped:
            st.caption(f":material/draft: {plain(path.name)} · just dropped, not taken yet")


def _show_run(position: int, run: Run) -> None:
    summary = session.index().summary(run)
    name, facts = st.columns([2, 3], gap="small", vertical_alignment="center")
    with name:
        run_link.show(run)
    with facts.container(horizontal=True, vertical_alignment="center", gap="small"):
        is_paused = run.status.phase is Phase.PAUSED
        st.badge("Paused" if is_paused else f"Place {position}", color="gray")
        st.caption(f"{plain(model_text(summary.base_model))} · {plain(summary.method)}")
