"""The runs that are compared, each read only as far as it changed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core.clock import now
from core.csv_text import Cell
from core.monitor import chart
from core.monitor.chart import Look, Points
from core.monitor.outcome import Outcome, outcome
from core.monitor.series import LOOK_S, Series
from core.monitor.shelf import SHELF
from core.paths import RunPaths
from core.run.phase import LIVE
from core.run.status import elapsed_s
from core.run.store import Run
from core.spec.differences import flatten
from streamlit_app import compare_chart, gpu_tracks, session
from streamlit_app.compare_chart import AXES, METRICS, Axis, Line, Metric
from streamlit_app.compare_facts import Compared
from streamlit_app.display import phase_text
from streamlit_app.run_config import started_config

Version = tuple[int, int, bool]
"""How far the metrics of a run have been read; equal versions, equal curves."""

HELD = "compare series"

READ_S = 0.4
"""How long a look goes on reading long metrics, beyond what every run gets."""

MAX_EXPORTED = 20_000
"""Points of a run in the table of curves: longer curves are thinned, with every spike."""


@dataclass(frozen=True)
class Chosen:
    """A run that is compared, with its metrics as of one look; `slot` decides its colour."""

    run: Run
    slot: int
    series: Series

    @property
    def name(self) -> str:
        return self.run.status.name


def look_at(runs: Sequence[tuple[Run, int]]) -> list[Chosen]:
    """The runs as of now, each with its slot; of long metrics a little more at every look."""
    store = session.store()
    fresh = [(store.find_run(run.run_id) or run, slot) for run, slot in runs]
    # Held as long as they are compared: all together they may be more than the shelf keeps.
    held: dict[RunPaths, Series] = st.session_state.get(HELD, {})
    series = {run.paths: held.get(run.paths) or SHELF.get(run.paths).series for run, _ in fresh}
    st.session_state[HELD] = series
    _refresh(list(series.values()))
    return [Chosen(run, slot, series[run.paths]) for run, slot in fresh]


def let_go() -> None:
    """Hold no metrics any more."""
    st.session_state.pop(HELD, None)


def is_live(chosen: Sequence[Chosen]) -> bool:
    """Whether any of the runs trains."""
    return any(one.run.status.phase in LIVE for one in chosen)


def read_fraction(chosen: Sequence[Chosen]) -> float:
    """How much of the metrics has been read, 0 to 1."""
    parts = [one.series.read_fraction for one in chosen]
    return sum(parts) / len(parts) if parts else 1.0


def compared(chosen: Chosen) -> Compared:
    """What is known of a run."""
    run, series = chosen.run, chosen.series
    status, kwh = run.status, gpu_tracks.kwh_of(run)
    price = session.usual_settings().price_per_kwh
    return Compared(
        run_id=run.run_id,
        name=status.name,
        phase=phase_text(status.phase),
        slot=chosen.slot,
        steps=status.progress.step,
        tokens=status.progress.tokens,
        trained_s=elapsed_s(status, _until(run)),
        kwh=kwh,
        cost=None if kwh is None or price is None else kwh * price,
        outcome=_outcome(run.paths.metrics, version(series), series),
        parameters=flatten(started_config(run)),
    )


def lines(chosen: Sequence[Chosen], metric: Metric, look: Look) -> list[Line]:
    """The curves of the runs that have any point."""
    found = []
    for one in chosen:
        seen = one.run.paths.metrics, version(one.series)
        points = _points(*seen, metric.key, look, one.series)
        if points is not None:
            found.append(Line(one.name, one.slot, points))
    return found


def figure(
    chosen: Sequence[Chosen], metric: Metric, axis: Axis, look: Look, is_log: bool
) -> go.Figure | None:
    """The chart, the same object as long as nothing has changed; None without any point."""
    seen = tuple((one.run.paths.metrics, one.name, one.slot, version(one.series)) for one in chosen)
    return _figure(seen, metric, axis, look, is_log, lines(chosen, metric, look))


def told_axes(chosen: Sequence[Chosen]) -> list[Axis]:
    """The axes that any of the runs tells enough for."""
    told = {column for one in chosen for column in chart.axes(one.series)}
    return [axis for axis in AXES if axis.column in told]


def told_metrics(chosen: Sequence[Chosen]) -> list[Metric]:
    """The metrics that any of the runs has logged; the first one in any case."""
    told = {key for one in chosen for key, curve in list(one.series.curves.items()) if curve}
    return [metric for metric in METRICS if metric is METRICS[0] or metric.key in told]


def curve_table(chosen: Sequence[Chosen], metric: Metric) -> Iterator[list[Cell]]:
    """Every value of the curves with its place on each axis, a line each, for a spreadsheet.

    A curve of more than `MAX_EXPORTED` values is thinned.
    """
    yield ["run_id", "name", "step", "tokens", "hours_trained", "epoch", metric.key]
    for one in chosen:
        for places in _values(one.series, metric):
            yield [one.run.run_id, one.name, *map(_cell, places)]


def _values(series: Series, metric: Metric) -> Iterator[tuple[Any, ...]]:
    """The places of each value on all axes, and the value."""
    with series.held():
        found = [chart.one(series, Look(axis.column), metric.key, MAX_EXPORTED) for axis in AXES]
    columns = [
        points.x if axis.divisor == 1 else (points.x / axis.divisor).round(6)
        for axis, points in zip(AXES, found, strict=True)
        if points
    ]
    return zip(*columns, found[0].y if found[0] else (), strict=bool(found[0]))


def _refresh(all_series: Sequence[Series]) -> None:
    for series in all_series:
        series.refresh(LOOK_S)
    until = time.monotonic() + READ_S
    for series in all_series:
        if not series.is_complete and (left := until - time.monotonic()) > 0:
            series.refresh(left)


def version(series: Series) -> Version:
    """How far the metrics have been read."""
    return series.generation, len(series.places), series.is_complete


def _cell(value: Any) -> Cell:
    """A number by its shortest digits, whole ones without a point."""
    return str(value).removesuffix(".0")


def _until(run: Run) -> datetime:
    status = run.status
    return status.ended_at or (now() if status.phase in LIVE else status.since)


@st.cache_resource(max_entries=256, show_spinner=False)
def _points(path: Path, version: Version, key: str, look: Look, _series: Series) -> Points | None:
    return chart.one(_series, look, key)


@st.cache_resource(max_entries=256, show_spinner=False)
def _outcome(path: Path, version: Version, _series: Series) -> Outcome:
    return outcome(_series)


@st.cache_resource(max_entries=32, show_spinner=False)
def _figure(
    seen: tuple, metric: Metric, axis: Axis, look: Look, is_log: bool, _lines: list[Line]
) -> go.Figure | None:
    """The same figure for the same numbers: what did not change is not sent again."""
    return compare_chart.figure(_lines, metric, axis, is_log) if _lines else None
