"""How a run is doing: phase, progress, numbers and curves."""

import streamlit as st

from core.run.phase import FINISHED, Phase
from core.run.status import RunStatus
from core.run.store import Run
from streamlit_app.components import (
    loss_chart,
    phase_badge,
    progress_bar,
    run_details,
    run_numbers,
    run_summary,
    stage_list,
)
from streamlit_app.display import gpus_text, sentence


def show(run: Run) -> None:
    """Everything above the details."""
    status = run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        phase_badge.show(status.phase)
        st.text(_reason(status), width="stretch")
    if status.phase not in FINISHED and status.phase is not Phase.QUEUED:
        progress_bar.show(status)
    if status.started_at:
        run_numbers.show(run)
    curves, about = st.columns([2, 1], gap="medium")
    with curves:
        if status.phase is Phase.STARTING:
            stage_list.show(run_details.stage_times(run))
        else:
            loss_chart.show(run)
    with about:
        run_summary.show(run)


def _reason(status: RunStatus) -> str:
    """Why it is in its phase; of a running one the bar tells more, so only where it runs."""
    if status.phase is Phase.RUNNING:
        return f"On {gpus_text(status.gpus)}"
    if status.phase is Phase.QUEUED and status.position:
        return f"Number {status.position} in the queue"
    return sentence(status.reason)
