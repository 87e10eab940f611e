"""Whether a noisy curve still falls."""

from statistics import fmean
from typing import Any

from numpy.typing import NDArray

WINDOW = 50
"""So many of the newest values are held against as many before them."""

FEWEST = 5


def change(values: NDArray[Any]) -> tuple[float, int] | None:
    """How the mean of the newest values stands to that of as many before: -0.03 is 3 % less.

    With how many these are. None where there are too few, or where the mean before is not positive.
    """
    count = min(WINDOW, len(values) // 2)
    if count < FEWEST:
        return None
    before, newest = fmean(values[-2 * count : -count]), fmean(values[-count:])
    return (newest / before - 1, count) if before > 0 else None
