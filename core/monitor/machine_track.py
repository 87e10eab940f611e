"""What the machine did over a time, as columns: every row of the last hours, by minutes before."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from core import clock
from core.monitor.day_file import days_between, read_from, read_since
from core.monitor.machine import parse_points
from core.paths import Workspace

FINE_S = 2 * 3600.0
MINUTE_S = 60
COLUMNS = ("times", "cpu_pct", "memory_used_mib", "swap_used_mib", "disk_free_mib")

Column = NDArray[np.float64]


@dataclass(frozen=True)
class MachineSeries:
    """Readings of the machine in the order of time; `times` are unix seconds."""

    times: Column
    cpu_pct: Column
    memory_used_mib: Column
    swap_used_mib: Column
    disk_free_mib: Column


class MachineTrack:
    """The machine from `begin` to now; a refresh reads what was added. May be shared by threads."""

    def __init__(
        self,
        workspace: Workspace,
        begin: datetime,
        fine_s: float = FINE_S,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.workspace = workspace
        self.begin = begin
        self._fine_s = fine_s
        self._now = now
        self._rows: Column = np.empty((0, len(COLUMNS)))
        self._place: tuple[date, int] | None = None
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take in the rows that were added since the last call."""
        with self._lock:
            now = self._now()
            first = self._place[0] if self._place else None
            for day in days_between(self.begin, now):
                if first is None or day >= first:
                    self._read(day)
            self._thin(now.timestamp() - self._fine_s)

    def series(self) -> MachineSeries:
        """The readings as of the last refresh."""
        with self._lock:
            return MachineSeries(*np.ascontiguousarray(self._rows.T))

    def _read(self, day: date) -> None:
        path = self.workspace.machine_day(day)
        if self._place is None:
            lines, offset = read_since(path, self.begin)
        else:
            lines, offset = read_from(path, self._place[1] if day == self._place[0] else 0)
        if offset:
            self._place = day, offset
        begin_s = self.begin.timestamp()
        # A clock that ran ahead left rows of a time that is still to come.
        until_s = self._now().timestamp() + MINUTE_S
        self._add([row for row in parse_points(lines) if begin_s <= row[0] <= until_s])

    def _add(self, rows: Sequence[Sequence[float]]) -> None:
        if not rows:
            return
        joined = np.concatenate([self._rows, np.array(rows, dtype=np.float64)])
        self._rows = joined[np.argsort(joined[:, 0], kind="stable")]

    def _thin(self, cut_s: float) -> None:
        """Make a mean of every whole minute before the cut; what is one already stays as it is."""
        old = int(np.searchsorted(self._rows[:, 0], cut_s // MINUTE_S * MINUTE_S))
        if old == 0:
            return
        minutes = self._rows[:old, 0] // MINUTE_S
        starts = np.flatnonzero(np.diff(minutes, prepend=-1.0))
        counts = np.diff(np.append(starts, old))
        if (counts > 1).any():
            means = np.add.reduceat(self._rows[:old], starts) / counts[:, np.newaxis]
            self._rows = np.concatenate([means, self._rows[old:]])
