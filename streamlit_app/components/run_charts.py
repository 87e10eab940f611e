"""The curves of a run, which the browser draws by itself and keeps up to date."""

import streamlit as st

from core.run.phase import FINISHED, LIVE
from core.run.store import Run
from streamlit_app import live_part, session
from streamlit_app.routes import curves

NO_EVENT = "The run ended before its first log event: there is no loss curve."
NO_LOSS = "No logged loss was a finite number: there is no loss curve."
NOT_YET = "The loss curve appears here with the first log event of the training."


def show(run: Run) -> None:
    """The charts; a run that ended without any number says so instead."""
    series = session.curves(run)
    is_finished = run.status.phase in FINISHED
    if is_finished and not series.curves and series.read_fraction == 1:
        st.caption(NO_LOSS if series.has_rows else NO_EVENT)
        return
    live_part.show(
        "run_charts",
        {
            "address": curves.PATH.format(run_id=run.run_id),
            "live": run.status.phase in LIVE,
            "gpus": bool(run.status.gpus),
            "empty": NO_LOSS if is_finished else NOT_YET,
        },
        key=f"curves {run.run_id}",
    )
