"""How a run is doing: phase, progress, numbers and curves."""

import streamlit as st

from core.run.phase import FINISHED, LIVE, Phase
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import (
    failure_panel,
    phase_badge,
    progress_bar,
    run_charts,
    run_numbers,
    run_summary,
    start_timeline,
)
from streamlit_app.status_words import why_text


def show(run: Run) -> None:
    """Everything above the details."""
    status = run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        phase_badge.show(status.phase)
        st.text(why_text(status), width="stretch")
    if status.phase is Phase.FAILED and status.failure:
        failure_panel.show(status, status.failure)
    # One that waits again shows how far it had come.
    if status.phase in LIVE or (status.phase not in FINISHED and status.progress.total_steps):
        progress_bar.show(status)
    if status.started_at:
        run_numbers.show(run)
    curves, about = st.columns([2, 1], gap="medium")
    with curves:
        show_curves(run)
    with about:
        run_summary.show(run)


def show_curves(run: Run) -> None:
    """The curves; as long as they have no point, how the run came or comes to its first step."""
    start = None if session.curves(run).has_points else session.start(run)
    if start:
        start_timeline.show(start)
    if start is None or run.status.phase in FINISHED:
        run_charts.show(run)
