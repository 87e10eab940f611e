"""How far a run is."""

import streamlit as st

from core.run.phase import Phase
from core.run.status import RunStatus
from streamlit_app.display import plain, sentence, stage_text, steps_text


def show(status: RunStatus) -> None:
    """The bar, with what is being done and how many steps of how many."""
    is_at_work = status.phase in (Phase.STARTING, Phase.RUNNING, Phase.PAUSING)
    parts = [plain(stage_text(status.stage))] if is_at_work and status.stage else []
    parts.append(
        sentence(steps_text(status.progress)) if not parts else steps_text(status.progress)
    )
    if status.progress.total_steps:
        parts.append(f"{status.progress.fraction:.0%}")
    st.progress(status.progress.fraction, text=" · ".join(parts))
