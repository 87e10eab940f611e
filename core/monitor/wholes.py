"""Wholes of a run that somebody looked at, kept for the next who looks at it in the same way."""

from collections import OrderedDict
from dataclasses import dataclass

from core.monitor.chart import MAX_NEWS, Look, Points, whole
from core.monitor.series import Series

MAX_LOOKS = 12


@dataclass(frozen=True)
class Whole:
    """Every curve, thinned, as it was when the series had so many rows."""

    generation: int
    rows: int
    curves: dict[str, Points]


class Wholes:
    """The wholes of one run by the way they are looked at. Threads may share it.

    To thin a million rows takes long, so a whole is good for as long as the news since it are few.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self._kept: OrderedDict[Look, Whole] = OrderedDict()

    def get(self, look: Look) -> Whole:
        """The whole; of those who ask at the same time one works, and all get the same."""
        with self.series.held():
            found = self._kept.pop(look, None)
            if found is None or not self._is_good(found):
                rows = len(self.series.places)
                found = Whole(self.series.generation, rows, whole(self.series, look))
            self._kept[look] = found
            if len(self._kept) > MAX_LOOKS:
                self._kept.popitem(last=False)
            return found

    def _is_good(self, found: Whole) -> bool:
        news = len(self.series.places) - found.rows
        return found.generation == self.series.generation and 0 <= news <= MAX_NEWS
