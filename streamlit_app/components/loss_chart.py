"""Loss and validation loss over the steps."""

from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from core.monitor.series import Series
from core.run.phase import FINISHED
from core.run.store import Run
from core.thin import thin
from streamlit_app import session
from streamlit_app.components import live_plot

HEIGHT = 320
FEW_POINTS = 60
FEW_STEPS = 8
MARK_COLOR = "#8a93a5"
NO_EVENT = "The run ended before its first log event: there is no loss curve."
NO_LOSS = "No logged loss was a finite number: there is no loss curve."
NAMES = {"loss": "Loss", "eval_loss": "Validation loss"}


def show(run: Run) -> None:
    """The curves, at a fixed height whether or not there is a point yet."""
    curves = session.curves(run)
    if not curves.has_points and run.status.phase in FINISHED:
        st.caption(NO_LOSS if curves.has_rows else NO_EVENT)
        return
    with st.container(height=HEIGHT, border=False):
        if not curves.has_points:
            st.caption("The loss curve appears here with the first log event of the training.")
            return
        live_plot.show(
            _figure(run.paths.metrics, (curves.generation, len(curves.places)), curves),
            key="loss chart",
            height=HEIGHT,
            alt="Loss and validation loss over the steps of training",
        )


@st.cache_resource(max_entries=32, show_spinner=False)
def _figure(path: Path, version: tuple[int, int], _curves: Series) -> go.Figure:
    """The same figure for the same numbers: what did not change is not sent again."""
    return figure(_curves)


def figure(curves: Series) -> go.Figure:
    """The two curves, thinned so that every spike stays."""
    chart = go.Figure()
    last_step = 0.0
    for key, name in NAMES.items():
        steps, values = curves.points(key)
        if len(steps) == 0:
            continue
        places = thin(values)
        steps, values = steps[places], values[places]
        last_step = max(last_step, steps[-1])
        mode = "lines+markers" if len(steps) < FEW_POINTS else "lines"
        chart.add_scatter(
            x=steps,
            y=values,
            name=name,
            mode=mode,
            hovertemplate="step %{x:,}: %{y:.4f}",
        )
    mark_resumes(chart, curves.resumes.resumed())
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        showlegend=True,
        xaxis={"title": "Step", "tickformat": ",d", "rangemode": "tozero", "showgrid": False}
        # Between two steps there is none.
        | ({"dtick": 1} if last_step <= FEW_STEPS else {}),
        yaxis={"title": ""},
    )
    return chart


def mark_resumes(chart: go.Figure, steps: Mapping[int, int]) -> None:
    """A line where each further attempt went on: after a pause, or after it was ended."""
    for attempt, step in steps.items():
        chart.add_vline(
            x=step,
            line={"dash": "dot", "width": 1, "color": MARK_COLOR},
            label={
                "text": f"attempt {attempt}",
                "textposition": "end",
                "textangle": -90,
                "font": {"size": 11, "color": MARK_COLOR},
            },
        )
