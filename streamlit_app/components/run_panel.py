"""What went wrong with a run, its curves, and what it was asked to do."""

import streamlit as st

from core.run.phase import FINISHED, Phase
from core.run.store import Run
from streamlit_app import guard, session
from streamlit_app.components import failure_panel, run_charts, run_summary, start_timeline


def show(run: Run) -> None:
    """Everything between the head and the details."""
    status = run.status
    if status.phase is Phase.FAILED and status.failure:
        failure_panel.show(status, status.failure)
    curves, about = st.columns([2, 1], gap="medium")
    with curves:
        show_curves(run)
    with about:
        run_summary.show(run)


def show_curves(run: Run) -> None:
    """The curves; as long as they have no point, how the run came or comes to its first step."""
    has_start = not session.curves(run).has_points and session.start(run) is not None
    if has_start:
        is_starting = run.status.phase not in FINISHED
        st.fragment(run_every=1 if is_starting else None)(show_start)(run)
    if not has_start or run.status.phase in FINISHED:
        run_charts.show(run)


@guard.shown()
def show_start(run: Run) -> None:
    """How the attempt comes to its first step."""
    start = session.start(run)
    if start:
        start_timeline.show(start)
