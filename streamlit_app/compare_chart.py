"""The curves of several runs on one axis. Pure: values in, figures out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.monitor.chart import Points
from streamlit_app.display import UNKNOWN, shorten
from streamlit_app.run_slots import DASHES, MARKERS

HEIGHT = 420
FEW_POINTS = 60
NAME_LENGTH = 24
FEW_LINES, FAINT, FAINTER = 4, 0.22, 0.1
"""Many noisy curves would hide what is smoothed."""
MAX_EXPONENT = 80.0
"""A perplexity above e to the 80 is as bad as any."""


@dataclass(frozen=True)
class Metric:
    """A curve that can be compared: its key in the metrics, its unit, digits after the point.

    `is_exponent` makes a perplexity of a loss.
    """

    title: str
    key: str
    unit: str = ""
    format: str = ".4f"
    is_exponent: bool = False


METRICS = (
    Metric("Training loss", "loss"),
    Metric("Validation loss", "eval_loss"),
    Metric("Perplexity", "loss", format=".2f", is_exponent=True),
    Metric("Validation perplexity", "eval_loss", format=".2f", is_exponent=True),
    Metric("Learning rate", "learning_rate", format=".3e"),
    Metric("Gradient norm", "grad_norm"),
    Metric("Tokens per second", "tokens_per_second", "tokens/s", ",.0f"),
)


@dataclass(frozen=True)
class Axis:
    """What curves are drawn over: its name among the columns of a run, and how it is read."""

    title: str
    column: str
    format: str = ",d"
    divisor: float = 1.0


AXES = (
    Axis("Step", "step"),
    Axis("Tokens", "tokens", ",d"),
    Axis("Hours trained", "time", ".2f", 3600.0),
    Axis("Epoch", "epoch", ".2f"),
)


@dataclass(frozen=True)
class Line:
    """A run in the chart; `slot` decides its colour and its line, see `run_slots`."""

    name: str
    slot: int
    points: Points


def figure(lines: Sequence[Line], metric: Metric, axis: Axis, is_log: bool = False) -> go.Figure:
    """The curves overlaid: the values faint where they are smoothed, and strong in any case.

    The colour of a trace is told by its `meta`, for the page to choose from its theme.
    """
    chart = go.Figure()
    opacity = FAINT if len(lines) <= FEW_LINES else FAINTER
    for line in lines:
        _draw(chart, line, metric, axis, opacity)
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        showlegend=False,
        xaxis={
            "title": axis.title,
            "showgrid": False,
            "hoverformat": axis.format,
            "rangemode": "tozero",
        },
        yaxis={
            "title": metric.unit,
            "type": "log" if is_log else "linear",
            **({"exponentformat": "power"} if is_log or metric.key == "learning_rate" else {}),
        },
    )
    return chart


def summary(lines: Sequence[Line], metric: Metric, axis: Axis) -> str:
    """The chart in words: `Training loss over steps: poems 0.2500 last, emails 0.3100 last`."""
    newest = (
        f"{shorten(line.name, NAME_LENGTH)} {_last_text(line, metric)} last" for line in lines
    )
    return f"{metric.title}, over {axis.title.lower()}: {', '.join(newest)}"


def _draw(chart: go.Figure, line: Line, metric: Metric, axis: Axis, opacity: float) -> None:
    x, points = _x(line.points, axis), line.points
    look: dict[str, Any] = {"x": x, "meta": {"slot": line.slot}, "mode": "lines"}
    strong = points.y
    if points.smooth is not None and len(points.smooth) and not np.allclose(points.smooth, strong):
        strong = points.smooth
        faint = {"y": _y(points.y, metric), "opacity": opacity, "hoverinfo": "skip"}
        chart.add_scatter(**look, **faint, line={"width": 1})
    if len(x) < FEW_POINTS:
        look["mode"] = "lines+markers"
    chart.add_scatter(
        **look,
        y=_y(strong, metric),
        name=shorten(line.name, NAME_LENGTH),
        line={"width": 2, "dash": DASHES[line.slot % len(DASHES)]},
        marker={"size": 6, "symbol": MARKERS[line.slot % len(MARKERS)]},
        hovertemplate=f"%{{y:{metric.format}}} {metric.unit}".rstrip(),
    )


def _x(points: Points, axis: Axis) -> Any:
    return points.x if axis.divisor == 1 else np.round(points.x / axis.divisor, 5)


def _y(values: Any, metric: Metric) -> Any:
    if not metric.is_exponent:
        return values
    return np.exp(np.minimum(np.asarray(values, dtype=np.float64), MAX_EXPONENT))


def _last_text(line: Line, metric: Metric) -> str:
    if not len(line.points.y):
        return UNKNOWN
    return f"{float(_y(line.points.y[-1:], metric)[0]):{metric.format}} {metric.unit}".rstrip()
