"""The runs that are being looked at: one reader of each, shared by all pages and all browsers."""

import secrets
import threading
from collections import OrderedDict

from core.monitor.marks import Marks
from core.monitor.series import LOOK_S, Series
from core.monitor.wholes import Wholes
from core.paths import RunPaths

MAX_RUNS = 64
MAX_ROWS = 4_000_000
"""About 400 MB; the run looked at last is kept however long it is."""


class Watched:
    """What is read of one run as it is watched. Threads may share it."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.series = Series(paths)
        self.marks = Marks(paths)
        self.wholes = Wholes(self.series)
        self._name = secrets.token_hex(4)
        self._reading = threading.Lock()

    @property
    def generation(self) -> str:
        """Another one whenever numbers or marks that were there are not any more."""
        return f"{self._name}.{self.series.generation}.{self.marks.generation}"

    def refresh(self) -> None:
        """Take in what was added, for a moment at most; of those who ask at once only one reads."""
        if not self._reading.acquire(blocking=False):
            with self._reading:
                return
        try:
            self.series.refresh(LOOK_S)
            self.marks.refresh()
        finally:
            self._reading.release()


class Shelf:
    """The runs looked at last, no more than fit. Threads may share it."""

    def __init__(self, max_runs: int = MAX_RUNS, max_rows: int = MAX_ROWS) -> None:
        self.max_runs = max_runs
        self.max_rows = max_rows
        self._watched: OrderedDict[RunPaths, Watched] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, paths: RunPaths) -> Watched:
        """What is known of the run so far; `refresh` of its parts brings it up to date."""
        with self._lock:
            watched = self._watched.pop(paths, None) or Watched(paths)
            self._watched[paths] = watched
            while len(self._watched) > 1 and self._is_full():
                self._watched.popitem(last=False)
            return watched

    def _is_full(self) -> bool:
        rows = sum(len(watched.series.places) for watched in self._watched.values())
        return len(self._watched) > self.max_runs or rows > self.max_rows


SHELF = Shelf()
"""The one of this process."""
