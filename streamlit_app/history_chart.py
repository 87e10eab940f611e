"""Readings over hours and days as charts. Pure: values in, figures out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.monitor.gpu_track import GpuSeries
from core.monitor.history import Line, make_line
from core.monitor.machine_track import MachineSeries

HEIGHT = 190
MIB_PER_GIB = 1024
MIB_PER_GB = 1e9 / (1024 * 1024)


@dataclass(frozen=True)
class Reading:
    """A reading over time: a line for each GPU; `top` is the highest there can be, if known."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    top: float | None = None
    digits: int = 0


def gpu_readings(
    series: Mapping[int, GpuSeries], tops: Mapping[str, float | None], begin_s: float, end_s: float
) -> list[Reading]:
    """The readings of the GPUs that any card tells; `tops` are limits by the name of a column."""
    wanted = (
        ("GPU memory used", "GiB", "memory_used_mib", MIB_PER_GIB, _most_memory(series), 1),
        ("GPU busy", "%", "utilization_pct", 1, 100.0, 0),
        ("GPU temperature", "°C", "temperature_c", 1, tops.get("temperature_c"), 0),
        ("GPU fan", "%", "fan_pct", 1, 100.0, 0),
        ("GPU power", "W", "power_w", 1, tops.get("power_w"), 0),
    )
    found = []
    for title, unit, column, scale, top, digits in wanted:
        lines = [
            make_line(f"GPU {index}", one.times, getattr(one, column) / scale, begin_s, end_s)
            for index, one in series.items()
        ]
        found.append(Reading(title, unit, tuple(lines), top, digits))
    return [reading for reading in found if any(len(line.times) for line in reading.lines)]


def machine_readings(
    series: MachineSeries, tops: Mapping[str, float | None], begin_s: float, end_s: float
) -> list[Reading]:
    """Processor, memory, swap where there is some, and free disk."""
    memory, swap = tops.get("memory_mib"), tops.get("swap_mib")
    wanted = [
        ("Processor", "%", series.cpu_pct, 100.0, 0),
        ("Memory used", "GiB", series.memory_used_mib / MIB_PER_GIB, _gib(memory), 1),
        ("Swap used", "GiB", series.swap_used_mib / MIB_PER_GIB, _gib(swap), 1),
        ("Free disk", "GB", series.disk_free_mib / MIB_PER_GB, None, 0),
    ]
    return [
        Reading(title, unit, (line,), top, digits)
        for title, unit, values, top, digits in wanted
        if (title != "Swap used" or swap)
        and len((line := make_line(title, series.times, values, begin_s, end_s)).times)
    ]


def figure(reading: Reading, begin_s: float, end_s: float, shift_s: float = 0) -> go.Figure:
    """The lines on an axis of time; `shift_s` is how far the reader's clock is ahead of UTC."""
    chart = go.Figure()
    for line in reading.lines:
        chart.add_scatter(
            x=_moments(line.times + shift_s),
            y=np.round(line.values, reading.digits + 1),
            name=line.name,
            mode="lines",
            line={"width": 1.5},
            hovertemplate=f"%{{y:.{reading.digits}f}} {reading.unit}",
        )
    axis = {"rangemode": "tozero", "nticks": 5, "title": "", "ticksuffix": f" {reading.unit}"}
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        hovermode="x unified",
        showlegend=len(reading.lines) > 1,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        xaxis={
            "type": "date",
            "range": list(_moments(np.array([begin_s, end_s]) + shift_s)),
            "nticks": 6,
            "showgrid": False,
            "title": "",
        },
        yaxis=axis | ({"range": [0, reading.top * 1.04]} if reading.top else {}),
    )
    return chart


def summary(reading: Reading) -> str:
    """The newest and the highest value in words: `71 °C now, at most 78 °C`."""
    texts = [_summary(line, reading) for line in reading.lines if len(line.times)]
    return "; ".join(texts)


def _summary(line: Line, reading: Reading) -> str:
    told = line.values[~np.isnan(line.values)]
    extreme = told.min() if reading.title == "Free disk" else told.max()
    word = "at least" if reading.title == "Free disk" else "at most"
    text = f"{_value(told[-1], reading)} last, {word} {_value(extreme, reading)}"
    return f"{line.name}: {text}" if len(reading.lines) > 1 else text


def _value(value: float, reading: Reading) -> str:
    return f"{value:,.{reading.digits}f} {reading.unit}"


def _moments(times_s: np.ndarray) -> np.ndarray:
    return np.datetime_as_string((times_s * 1000).astype("datetime64[ms]"), unit="s")


def _most_memory(series: Mapping[int, GpuSeries]) -> float | None:
    totals = [one.memory_total_mib[~np.isnan(one.memory_total_mib)] for one in series.values()]
    return max((float(total.max()) / MIB_PER_GIB for total in totals if len(total)), default=None)


def _gib(mib: float | None) -> float | None:
    return mib / MIB_PER_GIB if mib else None
