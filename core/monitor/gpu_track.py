"""What some GPUs did over a time, as columns: finely for the last hours, by minutes before.

The fine readings come from the day files with a row per second, the others from those with a row
per minute; a time that only the former tell of is read there and folded into minutes. So a week
costs as little memory as a day, and a look costs what was added since the last one.
"""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core import clock
from core.monitor.day_file import days_between, read_between, read_from, read_since
from core.monitor.gpu_minute import MINUTE_S, GpuMinute, fold_all, minute_of, parse_minutes
from core.monitor.gpu_point import MAX_GAP_S, GpuPoint, parse_points
from core.paths import Workspace

FINE_S = 2 * 3600.0
"""So far back there is a point per second."""

SPARE_S = 600.0
"""Fine points are folded in batches as long as this."""

MISSING_S = 300.0
"""Minutes that are missing for so long are looked for among the seconds."""

Column = NDArray[np.float64]

FINE = GpuPoint._fields
COARSE = GpuMinute._fields[:-1]
POWER = FINE.index("power_w")
ENERGY = COARSE.index("energy_j")


@dataclass(frozen=True)
class GpuSeries:
    """Readings of one GPU in the order of time; NaN where the card told nothing.

    `times` are unix seconds. Before the fine part a point stands for a minute, at its middle.
    """

    times: Column
    memory_used_mib: Column
    memory_total_mib: Column
    utilization_pct: Column
    temperature_c: Column
    fan_pct: Column
    power_w: Column


@dataclass(frozen=True)
class GpuEnergy:
    """What the energy of one GPU is made of: joules by minute, then watts by second.

    `minutes` are the beginnings of minutes, `times` moments, both in unix seconds.
    """

    minutes: Column
    joules: Column
    times: Column
    watts: Column


@dataclass
class _Card:
    """One GPU: its minutes, then its points. The first point may be counted in a minute already."""

    index: int
    minutes: Column = field(default_factory=lambda: np.empty((0, len(COARSE))))
    points: Column = field(default_factory=lambda: np.empty((0, len(FINE))))
    carried: int = 0

    def add_minutes(self, rows: Iterable[GpuMinute]) -> None:
        self.minutes = _joined(self.minutes, [row[:-1] for row in rows])

    def add_points(self, points: Sequence[GpuPoint]) -> None:
        self.points = _joined(self.points, points)

    def carry(self, cut_s: float) -> None:
        """Keep of the points before `cut_s` the last, from which energy is counted on."""
        before = int(np.searchsorted(self.points[:, 0], cut_s))
        self.points = self.points[max(0, before - 1) :]
        self.carried = min(1, before)

    def fold(self, cut_s: float) -> None:
        """Make minutes of the points before `cut_s`, which begins a minute."""
        before = int(np.searchsorted(self.points[:, 0], cut_s))
        points = [GpuPoint(*row) for row in self.points[:before].tolist()]
        old, new = points[: self.carried], points[self.carried :]
        self.add_minutes(fold_all(self.index, new, old[0] if old else None))
        self.carry(cut_s)


class GpuTrack:
    """The readings of the GPUs from `begin` to `end`, or to now; may be shared by threads."""

    def __init__(
        self,
        workspace: Workspace,
        gpus: Sequence[int],
        begin: datetime,
        end: datetime | None = None,
        fine_s: float = FINE_S,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.workspace = workspace
        self.gpus = tuple(gpus)
        self.begin = begin
        self.end = end
        self.version = 0
        self._fine_s = fine_s
        self._now = now
        self._cards = {index: _Card(index) for index in self.gpus}
        self._place: tuple[date, int] | None = None
        self._is_whole = not self.gpus
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take in what was added since the last call; `version` grows when there was something."""
        with self._lock:
            if self._is_whole:
                return
            now = self._now()
            # A clock that ran ahead left rows of a time that is still to come.
            last = now if self.end is None else min(now, self.end)
            self._is_whole = self.end is not None and now > self.end + timedelta(seconds=MAX_GAP_S)
            added = self._load(last) if self._place is None else self._follow(last)
            self._fold(last)
            self.version += added

    def gpu(self, index: int) -> GpuSeries:
        """The readings of one of the GPUs as of the last refresh."""
        with self._lock:
            card = self._cards[index]
            coarse = card.minutes[:, [COARSE.index(name) for name in FINE]]
            if len(coarse):
                coarse[:, 0] += MINUTE_S / 2
                coarse[:, 0] = np.maximum(coarse[:, 0], self.begin.timestamp())
            rows = np.concatenate([coarse, card.points[card.carried :]])
        end_s = self.end.timestamp() if self.end else math.inf
        inside = (rows[:, 0] >= self.begin.timestamp()) & (rows[:, 0] <= end_s)
        return GpuSeries(*np.ascontiguousarray(rows[inside].T))

    def energy(self, index: int) -> GpuEnergy:
        """What the energy of one of the GPUs is made of, as of the last refresh."""
        with self._lock:
            card = self._cards[index]
            return GpuEnergy(
                card.minutes[:, 0],
                card.minutes[:, ENERGY],
                card.points[:, 0],
                card.points[:, POWER],
            )

    def _load(self, last: datetime) -> bool:
        """Read all that is there: minutes up to the fine part, then points."""
        cut = max(self.begin, _minute_before(last - timedelta(seconds=self._fine_s)))
        if cut > self.begin:
            self._load_minutes(cut)
        lines: list[str] = []
        since, until = cut - timedelta(seconds=MAX_GAP_S), last + timedelta(seconds=MAX_GAP_S)
        for day in days_between(since, until):
            if self._is_whole:
                found, offset = read_between(self.workspace.gpu_day(day), since, until), 0
            else:
                found, offset = read_since(self.workspace.gpu_day(day), since)
            lines += found
            # A day that has not begun has no place yet.
            if found or self._place is None:
                self._place = day, offset
        added = self._add(lines, since, until)
        for card in self._cards.values():
            card.carry(cut.timestamp())
        return added

    def _load_minutes(self, cut: datetime) -> None:
        for day in days_between(self.begin, cut):
            begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
            since, until = max(self.begin, begins), min(cut, begins + timedelta(days=1))
            path = self.workspace.gpu_minutes_day(day)
            since_s, until_s = minute_of(since.timestamp()), until.timestamp()
            rows = [
                row
                for row in parse_minutes(read_between(path, _minute_before(since), until))
                if since_s <= row.at_s < until_s and row.gpu in self._cards
            ]
            first_s = min((row.at_s for row in rows), default=until_s)
            if first_s - since_s >= min(MISSING_S, until_s - since_s):
                self._load_seconds(day, since, datetime.fromtimestamp(first_s, UTC))
            for index, card in self._cards.items():
                card.add_minutes(row for row in rows if row.gpu == index)

    def _load_seconds(self, day: date, since: datetime, until: datetime) -> None:
        """Fold the seconds of a time that no minutes tell of: they were not kept always."""
        points = self._points(read_between(self.workspace.gpu_day(day), since, until), since, until)
        for index, found in points.items():
            found = [point for point in found if point.at_s < until.timestamp()]
            self._cards[index].add_minutes(fold_all(index, sorted(found), None))

    def _follow(self, last: datetime) -> bool:
        """Read what was added, in this day's file and in those of days that have begun since."""
        assert self._place is not None
        until = last + timedelta(seconds=MAX_GAP_S)
        first, offset = self._place
        added = False
        begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
        for day in days_between(begins, until):
            lines, end = read_from(self.workspace.gpu_day(day), offset if day == first else 0)
            if lines or day == first:
                self._place = day, end
            added = self._add(lines, self.begin - timedelta(seconds=MAX_GAP_S), until) or added
        return added

    def _add(self, lines: list[str], since: datetime, until: datetime) -> bool:
        points = self._points(lines, since, until)
        for index, found in points.items():
            self._cards[index].add_points(found)
        return any(points.values())

    def _points(
        self, lines: list[str], since: datetime, until: datetime
    ) -> dict[int, list[GpuPoint]]:
        found: dict[int, list[GpuPoint]] = {index: [] for index in self._cards}
        since_s, until_s = since.timestamp(), until.timestamp()
        for index, point in parse_points(lines):
            if index in found and since_s <= point.at_s <= until_s:
                found[index].append(point)
        return found

    def _fold(self, last: datetime) -> None:
        cut_s = minute_of(last.timestamp() - self._fine_s)
        for card in self._cards.values():
            if len(card.points) and card.points[0, 0] < cut_s - SPARE_S:
                card.fold(cut_s)


def _minute_before(at: datetime) -> datetime:
    return datetime.fromtimestamp(minute_of(at.timestamp()), UTC)


def _joined(rows: Column, more: Sequence[Sequence[float]]) -> Column:
    """The rows and more of them, in the order of time even if a clock was set back."""
    if not more:
        return rows
    joined: Column = np.concatenate([rows, np.array(more, dtype=np.float64)])
    steps = np.diff(joined[max(0, len(rows) - 1) :, 0])
    if (steps < 0).any():
        joined = joined[np.argsort(joined[:, 0], kind="stable")]
    return joined
