"""What the GPUs of a run did, over the same axis as its curves."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.monitor.columns import copied
from core.monitor.energy import Span
from core.monitor.gpu_track import GpuSeries, GpuTrack
from core.monitor.history import make_line
from core.monitor.series import Series

Column = NDArray[np.float64]

CLOCK = "clock"
POINTS = 300
MIB_PER_GIB = 1024
MAX_NEWS_S = 600.0
"""Of so long a time and more the whole is thinned anew: it has fewer points."""

KINDS = {
    "memory": ("memory_used_mib", MIB_PER_GIB),
    "utilization": ("utilization_pct", 1),
    "temperature": ("temperature_c", 1),
    "fan": ("fan_pct", 1),
    "power": ("power_w", 1),
}
"""Readings by the name that a chart has for them: the column, and by what it is divided.

Memory in GiB, utilisation and fan in %, temperature in °C, power in W.
"""

DECIMALS = {"step": 2, "tokens": 0, "time": 1, "clock": 1, "epoch": 5}


@dataclass(frozen=True)
class Reading:
    """One kind of reading of one GPU in the order of x; NaN breaks the line."""

    kind: str
    gpu: int
    x: Column
    y: Column


@dataclass(frozen=True)
class Clock:
    """Where moments lie on an axis: the newest x at some moments, in the order of time.

    `idle` are the times, in Unix seconds, in which the run did not train.
    """

    moments: Column
    x: Column
    idle: tuple[tuple[float, float], ...] = ()

    def place(self, times: Column) -> Column:
        """Where the moments lie; those before the first or after the last at the ends."""
        return np.interp(times, self.moments, self.x) if len(self.x) else np.full(len(times), 0.0)

    def is_told(self, times: Column) -> NDArray[np.bool_]:
        """Whether each moment lies within the training."""
        if not len(self.moments):
            return np.zeros(len(times), dtype=bool)
        told: NDArray[np.bool_] = (times >= self.moments[0]) & (times <= self.moments[-1])
        for begin, end in self.idle:
            told &= (times <= begin) | (times >= end)
        return told


def clock_of(series: Series, axis: str, since_s: float = -math.inf) -> Clock:
    """How the clock runs along another axis of the run, from the row before a moment on."""
    with series.held():
        places = series.places
        first = max(0, places.span(CLOCK, since_s, math.inf)[0] - 1)
        moments = copied(places.clock, first, len(places))
        x = copied(places.axis(axis), first, len(places)).astype(np.float64)
        began = sorted(series.resumes.began_s.values())
    if first:
        began = [at_s for at_s in began if at_s > moments[0]]
    told = moments > 0
    return with_beginnings(moments[told], x[told], began)


def with_beginnings(moments: Column, x: Column, began: Sequence[float]) -> Clock:
    """The clock with the moments at which attempts began to train.

    There the axis stands where the attempt before has left it, at 0 for the first one.
    """
    if not len(moments):
        return Clock(moments, x)
    rows, at, idle = [], [], []
    for moment in began:
        row = int(np.searchsorted(moments, moment))
        if row == len(moments):
            continue
        rows.append(row)
        at.append(moment)
        if row:
            idle.append((float(moments[row - 1]), moment))
    left = [float(x[row - 1]) if row else 0.0 for row in rows]
    return Clock(np.insert(moments, rows, at), np.insert(x, rows, left), tuple(idle))


def within(times: Column, spans: Sequence[Span], gpu: int) -> NDArray[np.bool_]:
    """Whether the run had the GPU at each moment; between its attempts others may have it."""
    had = np.zeros(len(times), dtype=bool)
    for span in spans:
        if gpu in span.gpus:
            end_s = span.end.timestamp() if span.end else math.inf
            had |= (times >= span.begin.timestamp()) & (times <= end_s)
    return had


def whole(
    track: GpuTrack,
    spans: Sequence[Span],
    series: Series,
    axis: str,
    begin: float = -math.inf,
    end: float = math.inf,
) -> tuple[list[Reading], float]:
    """The readings between two places on the axis, thinned; and the moment of the newest."""
    found, newest_s = [], 0.0
    for gpu, seen, told, place in _seen(track, spans, series, axis, -math.inf):
        x = place(seen.times)
        told = told & (x >= begin) & (x <= end)
        times = seen.times[told]
        newest_s = max([newest_s, *times[-1:].tolist()])
        for kind, (column, scale) in KINDS.items():
            values = getattr(seen, column)[told] / scale
            line = make_line(kind, times, values, -math.inf, math.inf, POINTS)
            if len(line.times):
                found.append(_reading(kind, gpu, place(line.times), line.values, axis))
    return found, newest_s


def news(
    track: GpuTrack, spans: Sequence[Span], series: Series, axis: str, since_s: float
) -> tuple[list[Reading], float] | None:
    """All readings after a moment, and the moment of the newest; None when they are too many."""
    found, newest_s = [], since_s
    for gpu, seen, told, place in _seen(track, spans, series, axis, since_s):
        told = told & (seen.times > since_s)
        times = seen.times[told]
        if not len(times):
            continue
        if times[-1] - since_s > MAX_NEWS_S:
            return None
        newest_s = max(newest_s, float(times[-1]))
        for kind, (column, scale) in KINDS.items():
            values = getattr(seen, column)[told] / scale
            if not np.isnan(values).all():
                found.append(_reading(kind, gpu, place(times), values, axis))
    return found, newest_s


def _seen(
    track: GpuTrack, spans: Sequence[Span], series: Series, axis: str, since_s: float
) -> Iterator[tuple[int, GpuSeries, NDArray[np.bool_], Callable[[Column], Column]]]:
    """Each GPU, its readings, which of them are of the run's training, and where a moment lies."""
    cards = {gpu: track.gpu(gpu) for gpu in track.gpus}
    had = {gpu: within(seen.times, spans, gpu) for gpu, seen in cards.items()}
    firsts = [seen.times[had[gpu] & (seen.times > since_s)][:1] for gpu, seen in cards.items()]
    first_s = min((float(first[0]) for first in firsts if len(first)), default=None)
    if first_s is None:
        return
    if axis == CLOCK:
        for gpu, seen in cards.items():
            yield gpu, seen, had[gpu], lambda times: times
        return
    # Only the rows since the first of these readings matter; the others cost time.
    clock = clock_of(series, axis, first_s)
    for gpu, seen in cards.items():
        yield gpu, seen, had[gpu] & clock.is_told(seen.times), clock.place


def _reading(kind: str, gpu: int, x: Column, y: Column, axis: str) -> Reading:
    return Reading(kind, gpu, np.round(x, DECIMALS[axis]), np.round(y, 2))
