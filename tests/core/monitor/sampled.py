"""A workspace with readings, as the daemon's sampler leaves them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.gpu import CSV_HEADER, GpuSnapshot, to_row
from core.monitor import gpu_minute
from core.monitor.gpu_point import point_of
from core.monitor.gpu_track import GpuTrack
from core.paths import Workspace

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
CARD = GpuSnapshot(NOON, 0, "GPU-0", "RTX 3060", 9000, 12288, 97, 71, 64, 150.0, 170.0, 1807, "")


class Place:
    """A workspace whose daemon samples; `at` is the present."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def sample(
        self,
        seconds: int,
        power_w: Callable[[float], float | None] = lambda at_s: 150.0,
        gpus: tuple[int, ...] = (0, 1),
    ) -> None:
        """The seconds that follow, as the sampler writes them."""
        rows: dict[object, list[str]] = {}
        for _ in range(seconds):
            for index in gpus:
                told = power_w((self.at - NOON).total_seconds())
                row = replace(CARD, at=self.at, index=index, power_w=told)
                rows.setdefault(self.at.date(), []).append(to_row(row))
            self.at += timedelta(seconds=1)
        for day, texts in rows.items():
            path = self.workspace.gpu_day(day)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write("\n".join([CSV_HEADER, *texts]) + "\n")

    def minutes(self, begin: datetime, count: int, power_w: float = 100.0) -> None:
        """Minutes of GPU 0, as the sampler writes them."""
        for number in range(count):
            at = begin + timedelta(minutes=number)
            points = [
                point_of(replace(CARD, at=at + timedelta(seconds=second), power_w=power_w))
                for second in (0, 59)
            ]
            row = gpu_minute.fold(0, points)._replace(energy_j=power_w * 60)
            path = self.workspace.gpu_minutes_day(at.date())
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(gpu_minute.to_row(row) + "\n")

    def track(
        self, begin: datetime = NOON, end: datetime | None = None, fine_s: float = 7200
    ) -> GpuTrack:
        track = GpuTrack(self.workspace, (0, 1), begin, end, fine_s, self.now)
        track.refresh()
        return track
