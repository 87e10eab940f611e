"""The runs that ended last."""

from collections.abc import Sequence

import streamlit as st

from core.clock import now
from core.run.status import RunStatus, elapsed_s
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components import phase_badge, run_link
from streamlit_app.display import ago_text, duration_text, loss_text


def show(runs: Sequence[Run]) -> None:
    """Each run with how it ended, its loss, how long it took, and when."""
    with st.container(border=True, gap="small"):
        for run in runs:
            name, facts = st.columns([2, 3], gap="small", vertical_alignment="center")
            with name:
                run_link.show(run)
            with facts.container(horizontal=True, vertical_alignment="center", gap="small"):
                phase_badge.show(run.status.phase)
                st.caption(_facts(run))


def took_s(status: RunStatus) -> float | None:
    """The seconds it trained; None when it never started or has not ended."""
    return elapsed_s(status, status.ended_at) if status.ended_at else None


def _facts(run: Run) -> str:
    status = run.status
    loss, seconds = session.index().losses(run).loss, took_s(status)
    facts = [f"loss {loss_text(loss)}"] if loss is not None else []
    if seconds is not None:
        facts.append(duration_text(seconds))
    return " · ".join([*facts, ago_text(status.ended_at or status.since, now())])
