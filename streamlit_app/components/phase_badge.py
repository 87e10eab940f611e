"""Where a run is, as a coloured word."""

import streamlit as st

from core.run.phase import Phase
from streamlit_app.display import PHASE_COLORS, PHASE_ICONS, phase_text


def show(phase: Phase) -> None:
    """The phase."""
    st.badge(phase_text(phase), icon=PHASE_ICONS[phase], color=PHASE_COLORS[phase])
