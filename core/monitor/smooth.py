"""The smoothed course of a curve: a debiased exponential moving average, as TensorBoard draws it."""

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


def average(values: NDArray[Any], smoothing: float, first: int = 0) -> NDArray[np.float64]:
    """The moving average at each value, 0 <= `smoothing` < 1; not yet debiased.

    Each new value counts `1 - smoothing`. `first` values that came before are forgotten already.
    """
    y = np.asarray(values, dtype=np.float64)
    if smoothing <= 0 or len(y) == 0:
        return y
    block = reach(smoothing)
    count = -(-len(y) // block)
    grid = np.zeros((count, block))
    grid.ravel()[: len(y)] = y
    weights = smoothing ** np.arange(block)
    # Within a block the sum is exact; of the blocks before only the last one has a weight left.
    grid = np.cumsum(grid / weights, axis=1) * weights * (1 - smoothing)
    grid[1:] += np.outer(grid[:-1, -1], weights * smoothing)
    return grid.ravel()[: len(y)]


def debias(
    averages: NDArray[np.float64], smoothing: float, first: int = 0
) -> NDArray[np.float64]:
    """The averages as if there had been no beginning at 0; `first` is the place of the first."""
    if smoothing <= 0:
        return averages
    counts = np.arange(first + 1, first + 1 + len(averages))
    return averages / (1 - smoothing**counts)
