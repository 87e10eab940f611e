"""The machine itself: what stands in `runs/machine/<day>.csv`, and how it is read back.

A row every five seconds under a header with the names of the fields: how busy all processor cores
together were since the row before, memory and swap as processes see them, and the disk with the
workspace. `cpu_pct` always has one digit after the point, so that a torn line is known as such.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from core import clock
from core.files import read_tail
from core.gpu import plain_days

INTERVAL_S = 5.0
LATEST_AGE_S = 15
TAIL_BYTES = 2048

_PERCENT = re.compile(r"\d{1,3}\.\d")


@dataclass(frozen=True)
class MachineSnapshot:
    """The machine at one moment; `memory_used_mib` is what programs could not have any more."""

    at: datetime
    cores: int
    memory_used_mib: int
    memory_total_mib: int
    swap_used_mib: int
    swap_total_mib: int
    disk_free_mib: int
    disk_total_mib: int
    cpu_pct: float


COLUMNS = tuple(field.name for field in fields(MachineSnapshot))
CSV_HEADER = ",".join(COLUMNS)


def to_row(snapshot: MachineSnapshot) -> str:
    """The snapshot as one CSV line, without its newline."""
    values = [getattr(snapshot, name) for name in COLUMNS[1:-1]]
    return ",".join(
        [clock.to_text(snapshot.at), *map(str, values), f"{min(snapshot.cpu_pct, 100):.1f}"]
    )


def parse_rows(lines: Iterable[str]) -> list[MachineSnapshot]:
    """The snapshots among the lines; headers, torn and foreign lines are left out."""
    return [row for row in map(_parse, lines) if row is not None]


def parse_points(lines: Iterable[str]) -> Iterator[tuple[float, float, float, float, float]]:
    """Unix seconds, CPU %, memory used, swap used and free disk (MiB) of each line that has them.

    As `parse_rows`, at a fifth of the cost: a week has more than a hundred thousand lines.
    """
    minutes: dict[str, float] = {}
    for line in lines:
        cells = line.split(",")
        if len(cells) != len(COLUMNS) or not _PERCENT.fullmatch(cells[-1]):
            continue
        minute = line[:16]
        try:
            if minute not in minutes:
                minutes[minute] = clock.from_text(f"{minute}:00Z").timestamp()
            at_s = minutes[minute] + float(cells[0][17:].removesuffix("Z"))
            yield at_s, float(cells[-1]), int(cells[2]), int(cells[4]), int(cells[6])
        except ValueError:
            continue


def last(folder: Path, now: datetime | None = None) -> MachineSnapshot | None:
    """The newest snapshot, however old; None when there is none."""
    # A clock that was set back leaves rows of the future.
    most = (now or clock.now()) + timedelta(seconds=LATEST_AGE_S)
    for path in plain_days(folder, most.date()):
        rows = parse_rows(read_tail(path, TAIL_BYTES).splitlines())
        rows = [row for row in rows if row.at <= most]
        if rows:
            return rows[-1]
    return None


def latest(folder: Path, now: datetime | None = None) -> MachineSnapshot | None:
    """The newest snapshot, only when at most 15 s old."""
    now = now or clock.now()
    found = last(folder, now)
    return found if found and now - found.at <= timedelta(seconds=LATEST_AGE_S) else None


def _parse(line: str) -> MachineSnapshot | None:
    cells = line.split(",")
    if len(cells) != len(COLUMNS) or not _PERCENT.fullmatch(cells[-1]):
        return None
    try:
        cores, used, total, swap_used, swap_total, free, disk = map(int, cells[1:-1])
        at, cpu_pct = clock.from_text(cells[0]), float(cells[-1])
        return MachineSnapshot(
            at, cores, used, total, swap_used, swap_total, free, disk, cpu_pct=cpu_pct
        )
    except ValueError:
        return None
