"""Fewer points for a chart, with every spike still in it."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MAX_POINTS = 1000


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], max_points: int = MAX_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `max_points` of the points: the ends, and the lowest and highest of each bucket."""
    if len(x) <= max_points:
        return x, y
    buckets = max(1, (max_points - 2) // 2)
    edges = np.linspace(0, len(x), buckets + 1).astype(np.int64)
    kept = {0, len(x) - 1}
    for start, end in pairwise(edges):
        kept.add(int(start + np.argmin(y[start:end])))
        kept.add(int(start + np.argmax(y[start:end])))
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]
