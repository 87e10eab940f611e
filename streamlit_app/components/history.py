"""What the GPUs, or the machine, did in the last hour, day or week."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from core.clock import now
from core.gpu import GpuSnapshot
from core.monitor import machine
from core.paths import Workspace
from streamlit_app import gpu_tracks, session
from streamlit_app.components import live_plot
from streamlit_app.history_chart import (
    HEIGHT,
    Reading,
    figure,
    gpu_readings,
    machine_readings,
    summary,
)

WINDOWS = {
    "Hour": timedelta(hours=1),
    "Day": timedelta(days=1),
    "Week": timedelta(days=7),
}
EMPTY = (
    "Nothing was read in this time. The daemon reads as long as it runs; the first points appear "
    "here within a minute."
)
STEP_S = 60
"""The charts move on once a minute."""


def choose_window() -> timedelta:
    """How far back people want to look."""
    chosen = st.segmented_control(
        "Time",
        list(WINDOWS),
        default="Hour",
        key="history window",
        label_visibility="collapsed",
        persist_state="session",
    )
    return WINDOWS[chosen or "Hour"]


def show_gpus(snapshots: Sequence[GpuSnapshot], window: timedelta) -> None:
    """A chart for each reading, with a line for each GPU."""
    gpus = tuple(snapshot.index for snapshot in snapshots)
    limits = [snapshot.power_limit_w or 0 for snapshot in snapshots]
    readings = _gpus(session.workspace(), gpus, window, _minute(), max(limits, default=0) or None)
    _show(readings, window, "gpus")


def show_machine(window: timedelta) -> None:
    """A chart for each reading of the machine."""
    _show(_machine(session.workspace(), window, _minute()), window, "machine")


def begin_of(window: timedelta, at: datetime) -> datetime:
    """From when on readings are kept for a window: the same moment for a while.

    So the hour is read again every hour, the day and the week once a day.
    """
    if window <= WINDOWS["Hour"]:
        return at.replace(minute=0, second=0, microsecond=0) - window
    return at.replace(hour=0, minute=0, second=0, microsecond=0) - window


def _show(readings: Sequence[Reading], window: timedelta, key: str) -> None:
    if not readings:
        st.caption(EMPTY)
        return
    end_s = float(_minute())
    # As of the end: before a change of the clocks the hours of a week are those after it.
    offset = datetime.fromtimestamp(end_s, session.zone()).utcoffset()
    shift_s = offset.total_seconds() if offset else 0.0
    with st.grid(2, min_column_width=300, gap="medium"):
        for reading in readings:
            with st.container(gap="small"):
                st.markdown(f"**{reading.title}**")
                live_plot.show(
                    figure(reading, end_s - window.total_seconds(), end_s, shift_s),
                    key=f"history {key} {reading.title}",
                    height=HEIGHT,
                    alt=f"{reading.title}: {summary(reading)}",
                )


def _minute() -> int:
    """The end of the charts, in unix seconds: it moves on once a minute."""
    return int(now().timestamp() // STEP_S + 1) * STEP_S


@st.cache_resource(max_entries=8, show_spinner=False)
def _gpus(
    workspace: Workspace,
    gpus: tuple[int, ...],
    window: timedelta,
    end_s: int,
    power_limit_w: float | None,
) -> list[Reading]:
    track = gpu_tracks.since(begin_of(window, now()), gpus)
    series = {index: track.gpu(index) for index in gpus}
    return gpu_readings(
        series, {"power_w": power_limit_w}, end_s - window.total_seconds(), float(end_s)
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _machine(workspace: Workspace, window: timedelta, end_s: int) -> list[Reading]:
    track = gpu_tracks.machine_since(begin_of(window, now()))
    newest = machine.last(workspace.machine)
    tops = {
        "memory_mib": newest.memory_total_mib if newest else None,
        "swap_mib": newest.swap_total_mib if newest else None,
    }
    return machine_readings(track.series(), tops, end_s - window.total_seconds(), float(end_s))
