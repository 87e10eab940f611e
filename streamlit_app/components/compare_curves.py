"""The curves of the chosen runs on one axis."""

from collections.abc import Sequence

import streamlit as st

from core.csv_text import csv_bytes
from core.monitor.chart import Look
from streamlit_app import comparing, live_part
from streamlit_app.compare_chart import HEIGHT, Axis, Metric, summary
from streamlit_app.comparing import Chosen
from streamlit_app.components import live_plot
from streamlit_app.display import plain

NO_POINTS = "None of these runs has logged this yet. The curves appear with the first log event."


def show(chosen: Sequence[Chosen]) -> None:
    """What to draw, which line is which run, and the chart."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        metric = _choose_metric(chosen)
        axis = _choose_axis(chosen)
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            0.8,
            0.01,
            key="compare smoothing",
            help="How strongly each curve is smoothed; the values stay behind it, faint.",
            width=220,
            persist_state="session",
        )
        is_log = st.toggle("Log scale", key="compare log", persist_state="session")
    _show_legend(chosen)
    look = Look(axis.column, smoothing)
    figure = comparing.figure(chosen, metric, axis, look, is_log)
    # The height is kept, so that nothing below moves when the first point comes.
    with st.container(height=HEIGHT, border=False):
        if figure is None:
            st.caption(NO_POINTS)
            return
        live_plot.show(
            figure,
            # With another axis an old zoom means nothing: that is another chart.
            key=f"compare chart {metric.title} {axis.column} {is_log}",
            height=HEIGHT,
            alt=summary(comparing.lines(chosen, metric, look), metric, axis),
        )
    _show_missing(chosen, metric, look)
    _show_download(chosen, metric)


def _choose_metric(chosen: Sequence[Chosen]) -> Metric:
    told = comparing.told_metrics(chosen)
    titles = {metric.title: metric for metric in told}
    title = st.selectbox(
        "Curve", list(titles), key="compare metric", width=195, persist_state="session"
    )
    return titles.get(title or "", told[0])


def _choose_axis(chosen: Sequence[Chosen]) -> Axis:
    told = comparing.told_axes(chosen)
    titles = {axis.title: axis for axis in told}
    title = st.selectbox(
        "Over", list(titles), key="compare axis", width=145, persist_state="session"
    )
    return titles.get(title or "", told[0])


def _show_legend(chosen: Sequence[Chosen]) -> None:
    told = [{"id": one.run.run_id, "name": one.name, "slot": one.slot} for one in chosen]
    live_part.show("compare_legend", {"runs": told}, key="compare legend")


def _show_missing(chosen: Sequence[Chosen], metric: Metric, look: Look) -> None:
    """The runs that have no such curve, so that nobody looks for them."""
    drawn = {line.slot for line in comparing.lines(chosen, metric, look)}
    missing = [one.name for one in chosen if one.slot not in drawn]
    if missing:
        st.caption(f"No {metric.title.lower()} yet: {plain(', '.join(missing))}.")


def _show_download(chosen: Sequence[Chosen], metric: Metric) -> None:
    st.download_button(
        "Curves as CSV",
        lambda: csv_bytes(comparing.curve_table(chosen, metric)),
        f"curves-{metric.key}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="download curves",
        help=(
            "The values as they were logged, not smoothed, over every axis. Of a curve with more "
            f"than {comparing.MAX_EXPORTED:,} values those that show the whole."
        ),
    )
