"""Fewer points for a chart, with every spike still in it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

MAX_POINTS = 1000

_DOWNSAMPLER: Any = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]


def thin(y: NDArray[Any], max_points: int = MAX_POINTS) -> NDArray[np.int64]:
    """The places of at most `max_points` values that show the whole: MinMaxLTTB.

    The first, the last, the lowest and the highest are always among them. The values must be
    finite, and `max_points` 5 at least.
    """
    if len(y) <= max_points:
        return np.arange(len(y))
    values = np.ascontiguousarray(y)
    places = _DOWNSAMPLER.downsample(values, n_out=max_points - 2).astype(np.int64)
    # Of two spikes that are close together the algorithm keeps one.
    return np.unique(np.append(places, [np.argmin(values), np.argmax(values)]))
