"""How far a run is."""

import streamlit as st

from core.run.phase import Phase
from core.run.status import RunStatus
from streamlit_app.display import plain, sentence, stage_text, steps_text


def show(status: RunStatus) -> None:
    """The bar, with what is being done and how many steps of how many."""
    parts = [doing(status), steps_text(status.progress)]
    if status.progress.total_steps:
        parts.append(f"{status.progress.fraction:.0%}")
    st.progress(status.progress.fraction, text=" · ".join(parts))


def doing(status: RunStatus) -> str:
    """What the run is doing now, in words fit for Markdown."""
    is_told = status.phase in (Phase.STARTING, Phase.RUNNING) and status.stage
    return plain(stage_text(status.stage) if is_told else sentence(status.reason))
