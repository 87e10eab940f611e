"""Writes down the GPUs minute by minute, for whoever looks at days and weeks."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from core.files import append_lines
from core.gpu import GpuSnapshot
from core.monitor.gpu_minute import HEADER, fold, minute_of, to_row
from core.monitor.gpu_point import GpuPoint, point_of
from core.paths import Workspace


class Minutes:
    """Keeps the readings of the present minute; a minute that has ended becomes rows."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._minute_s = 0
        self._points: dict[int, list[GpuPoint]] = {}
        self._throttle: dict[int, set[str]] = {}
        self._before: dict[int, GpuPoint] = {}

    def take(self, snapshots: Sequence[GpuSnapshot]) -> None:
        """Take in readings of one moment; the first of a new minute writes the one before."""
        if not snapshots:
            return
        minute_s = minute_of(snapshots[0].at.timestamp())
        if minute_s != self._minute_s:
            # Forgotten before it is written: one that cannot be is not tried every second.
            self.close()
            self._minute_s = minute_s
        for snapshot in snapshots:
            self._points.setdefault(snapshot.index, []).append(point_of(snapshot))
            self._throttle.setdefault(snapshot.index, set()).add(snapshot.throttle)

    def close(self) -> None:
        """Write what there is of the present minute, and begin anew."""
        points, throttle = self._points, self._throttle
        self._points, self._throttle = {}, {}
        rows = [
            to_row(fold(gpu, points[gpu], self._before.get(gpu), throttle[gpu]))
            for gpu in sorted(points)
        ]
        self._before |= {gpu: of_minute[-1] for gpu, of_minute in points.items()}
        if rows:
            path = self._workspace.gpu_minutes_day(_day(self._minute_s))
            path.parent.mkdir(parents=True, exist_ok=True)
            append_lines(path, rows, HEADER)


def _day(at_s: int) -> date:
    return datetime.fromtimestamp(at_s, UTC).date()
