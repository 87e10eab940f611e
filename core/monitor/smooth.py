"""A curve smoothed as TensorBoard does: a debiased exponential moving average."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORGOTTEN = 1e-12
"""What has less weight than this is left out."""

MAX_SMOOTHING = 0.999


def reach(smoothing: float) -> int:
    """How many values back still have a weight."""
    return math.ceil(math.log(FORGOTTEN) / math.log(smoothing)) if smoothing > 0 else 1


def average(values: NDArray[Any], smoothing: float) -> NDArray[np.float64]:
    """The moving average at each value, 0 <= `smoothing` < 1; not yet debiased.

    Each new value counts `1 - smoothing`, and all begins at 0.
    """
    y = np.asarray(values, dtype=np.float64)
    if smoothing <= 0 or len(y) == 0:
        return y
    block = reach(smoothing)
    grid = np.zeros((-(-len(y) // block), block))
    grid.ravel()[: len(y)] = y
    weights = smoothing ** np.arange(block)
    # Within a block the sum is exact; of the blocks before only the last one has a weight left.
    grid = np.cumsum(grid / weights, axis=1) * weights * (1 - smoothing)
    grid[1:] += np.outer(grid[:-1, -1].copy(), weights * smoothing)
    averages: NDArray[np.float64] = grid.ravel()[: len(y)]
    return averages


def debias(
    averages: NDArray[np.float64], smoothing: float, places: NDArray[Any]
) -> NDArray[np.float64]:
    """The averages as if there had been no beginning at 0; `places` counts values from 0."""
    debiased: NDArray[np.float64] = averages / (1 - smoothing ** (places + 1.0))
    return debiased
