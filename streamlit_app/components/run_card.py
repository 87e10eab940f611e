"""A run that is under way, as a card."""

from collections.abc import Collection, Sequence

import streamlit as st

from core.run.phase import PAUSABLE, Phase, Verb
from core.run.status import RunStatus
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import phase_badge, progress_bar, run_link, sparkline, verb_button
from streamlit_app.display import (
    UNKNOWN,
    duration_text,
    gpus_text,
    loss_text,
    model_text,
    plain,
    sentence,
)
from streamlit_app.spec_summary import Summary
from streamlit_app.status_words import with_attempt


def show(run: Run) -> None:
    """Name, phase and reason, how far it is, how long it still takes, and its loss."""
    status = run.status
    curves = session.curves(run)
    with st.container(border=True, gap="xsmall"):
        _show_head(run, session.store().requested(run.run_id))
        progress_bar.show(status)
        with st.grid(4, min_column_width=120, gap="small", vertical_alignment="center"):
            st.metric("Loss", loss_text(curves.last("loss")))
            losses = curves.newest("loss", sparkline.POINTS).tolist()
            sparkline.show(losses, alt_text(losses), key=f"sparkline {run.run_id}")
            st.metric("Validation loss", loss_text(curves.last("eval_loss")))
            st.metric("Time left", duration_text(status.progress.eta_s))


def alt_text(losses: Sequence[float]) -> str:
    """The tiny curve in words."""
    if not losses:
        return "No loss has been logged yet"
    ends = f"from {loss_text(losses[0])} to {loss_text(losses[-1])}"
    return f"Loss at the last {len(losses)} log events, {ends}"


def about(status: RunStatus, summary: Summary) -> str:
    """What it is, as long as nothing needs to be said about how it ends."""
    if status.phase in (Phase.PAUSING, Phase.CANCELLING):
        return sentence(status.reason)
    model, method = model_text(summary.base_model) or UNKNOWN, summary.method or UNKNOWN
    return with_attempt(f"{model} · {method} · on {gpus_text(status.gpus)}", status)


def _show_head(run: Run, asked: Collection[Verb]) -> None:
    status = run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        phase_badge.show(status.phase)
        run_link.show(run)
        st.caption(plain(about(status, session.index().summary(run))), width="content")
        # Also while it pauses: the card keeps its height.
        if status.phase in PAUSABLE | {Phase.PAUSING}:
            verb_button.show(status, Verb.PAUSE, asked, "tertiary")
