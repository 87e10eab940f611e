"""A run that is under way, as a card."""

import streamlit as st

from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import phase_badge, progress_bar, run_link
from streamlit_app.display import UNKNOWN, duration_text, gpus_text, loss_text, model_text, plain


def show(run: Run) -> None:
    """Name, phase and reason, how far it is, how long it still takes, and its loss."""
    status = run.status
    curves = session.curves(run)
    summary = session.index().summary(run)
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            run_link.show(run)
            phase_badge.show(status.phase)
        st.caption(
            " · ".join(
                plain(part)
                for part in (
                    model_text(summary.base_model) or UNKNOWN,
                    summary.method or UNKNOWN,
                    f"on {gpus_text(status.gpus)}",
                )
            )
        )
        progress_bar.show(status)
        with st.grid(3, min_column_width=120, gap="small"):
            st.metric("Loss", loss_text(curves.last("loss")))
            st.metric("Validation loss", loss_text(curves.last("eval_loss")))
            st.metric("Time left", duration_text(status.progress.eta_s))
