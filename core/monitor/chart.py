"""The curves of a run as a chart needs them: few points of a whole, or only the new ones."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.monitor.columns import AXES, Curve, copied
from core.monitor.marks import Mark
from core.monitor.series import Series
from core.monitor.smooth import MAX_SMOOTHING, average, debias, reach
from core.thin import MAX_POINTS, thin

STEP = AXES[0]
LARGE = ("loss", "eval_loss")
SMALL_POINTS = 300
"""The small charts are about as many pixels wide."""

PLAIN = ("learning_rate", "gpu_memory_gib")
"""Curves without noise."""

MAX_NEWS = 500
"""Of so many new rows and more the whole is thinned anew: it has fewer points."""


@dataclass(frozen=True)
class Look:
    """How curves are looked at: over which axis, and how much smoothed (0 to 0.999)."""

    axis: str = STEP
    smoothing: float = 0.0

    def smoothing_of(self, key: str) -> float | None:
        """How much this curve is smoothed; None for one that never is."""
        if key in PLAIN or key.startswith("eval_"):
            return None
        return min(MAX_SMOOTHING, max(0.0, self.smoothing))


@dataclass(frozen=True)
class Points:
    """Points of a curve, in the order of x.

    `smooth` are the smoothed values at the same places. `state` is the moving average after the
    last value, not debiased, and of how many values it is: whoever has both can go on.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    smooth: NDArray[Any] | None = None
    state: tuple[float, int] | None = None


def axes(series: Series) -> list[str]:
    """The axes that the run tells enough for."""
    newest = {axis: series.places.axis(axis)[-1:] for axis in AXES}
    return [axis for axis in AXES if axis == STEP or (newest[axis] and newest[axis][0] > 0)]


def whole(series: Series, look: Look) -> dict[str, Points]:
    """Every curve from its first to its last point, thinned."""
    return window(series, look, -math.inf, math.inf)


def window(series: Series, look: Look, begin: float, end: float) -> dict[str, Points]:
    """The curves between two places on the axis, thinned anew, with a point more on each side."""
    with series.held():
        first, last = series.places.span(look.axis, begin, end)
        found = {}
        for key, curve in series.curves.items():
            low, high = curve.span(first, last)
            low, high = max(0, low - 1), min(len(curve), high + 1)
            if high > low:
                max_points = MAX_POINTS if key in LARGE else SMALL_POINTS
                found[key] = _thinned(series, look, key, low, high, max_points)
        return found


def one(series: Series, look: Look, key: str, max_points: int = MAX_POINTS) -> Points | None:
    """A single curve from its first to its last point, thinned; None when it has none."""
    with series.held():
        count = len(series.curves.get(key, ()))
        return _thinned(series, look, key, 0, count, max_points) if count else None


def news(series: Series, look: Look, rows: int) -> dict[str, Points] | None:
    """The points in the rows from `rows` on, all of them; None when they are too many."""
    with series.held():
        count = len(series.places)
        if not 0 <= count - rows <= MAX_NEWS:
            return None
        found = {}
        for key, curve in series.curves.items():
            low, high = curve.span(rows, count)
            if high > low:
                x = _x(series, look, curve, np.arange(low, high))
                found[key] = Points(x, copied(curve.values, low, high))
        return found


def place_of(series: Series, axis: str, mark: Mark) -> float:
    """Where a mark lies on the axis, as far as the rows tell."""
    if axis == "clock" and mark.at_s:
        return mark.at_s
    with series.held():
        place = series.places.at_step(mark.step, axis)
    return place if place is not None else mark.step if axis == STEP else 0.0


def _thinned(series: Series, look: Look, key: str, low: int, high: int, max_points: int) -> Points:
    curve = series.curves[key]
    values = copied(curve.values, low, high)
    places = thin(values, max_points)
    x, y = _x(series, look, curve, places + low), values[places]
    smoothing = look.smoothing_of(key)
    if smoothing is None:
        return Points(x, y)
    # What is before the window counts as well, as far back as it has a weight.
    start = max(0, low - reach(smoothing))
    averages = average(copied(curve.values, start, high), smoothing)[low - start :]
    smooth = debias(averages[places], smoothing, places + low)
    return Points(x, y, smooth.astype(np.float32), (float(averages[-1]), high))


def _x(series: Series, look: Look, curve: Curve, places: NDArray[Any]) -> NDArray[Any]:
    """Where some of the values of a curve lie on the axis."""
    rows = np.frombuffer(curve.rows, dtype=np.uint32)[places]
    column = series.places.axis(look.axis)
    x: NDArray[Any] = np.frombuffer(column, dtype=np.dtype(column.typecode))[rows]
    if look.axis in ("step", "tokens") and np.all(x == np.floor(x)):
        return x.astype(np.int64)
    return np.round(x, 3) if look.axis == "clock" else x
