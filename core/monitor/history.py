"""Readings over hours and days as few points: spikes stay, times without readings are gaps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

POINTS = 360
GAP_S = 150.0
"""Readings come at least once a minute; where none came for so long, the line is broken."""

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One reading over time; `times` are unix seconds, a value is NaN where the line is broken."""

    name: str
    times: Column
    values: Column


def make_line(
    name: str, times: Column, values: Column, begin_s: float, end_s: float, points: int = POINTS
) -> Line:
    """The readings from `begin_s` to `end_s`, at most `points` of them and the gaps between."""
    told = (times >= begin_s) & (times <= end_s) & ~np.isnan(values)
    times, values = times[told], values[told]
    gaps = times[:-1][np.diff(times) > GAP_S] + 1
    if len(times) > points:
        kept = _thin(times, values, points)
        times, values = times[kept], values[kept]
    places = np.searchsorted(times, gaps)
    return Line(name, np.insert(times, places, gaps), np.insert(values, places, np.nan))


def _thin(times: Column, values: Column, points: int) -> NDArray[np.uint64]:
    thinner = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
    # It may name a point twice.
    return np.unique(thinner.downsample(times, values, n_out=points))
