"""Snapshots of the GPUs: what stands in `runs/gpu/<day>.csv` and how it is read back."""

import csv
import gzip
import io
import math
import os
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from core import clock
from core.files import read_tail

LATEST_AGE_S = 10
BLOCK_BYTES = 4 * 1024
"""The first look from the end of a day: about 10 s of two GPUs, all that a page shows."""
THROTTLES = frozenset({"power", "thermal", "hardware", "sync"})


@dataclass(frozen=True)
class GpuSnapshot:
    """One GPU at one moment; a reading the card does not offer is None."""

    at: datetime
    index: int
    uuid: str
    name: str
    memory_used_mib: int | None
    memory_total_mib: int | None
    utilization_pct: int | None
    temperature_c: int | None
    fan_pct: int | None
    power_w: float | None
    power_limit_w: float | None
    sm_clock_mhz: int | None
    throttle: str


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU; its memory is None where the driver does not tell."""

    pid: int
    memory_mib: int | None


@dataclass(frozen=True)
class GpuLimits:
    """What a card may come to, as its maker says; None where it does not tell."""

    slowdown_c: int | None = None
    shutdown_c: int | None = None
    power_max_w: float | None = None
    sm_clock_max_mhz: int | None = None


NO_LIMITS = GpuLimits()
COLUMNS = tuple(field.name for field in fields(GpuSnapshot))
CSV_HEADER = ",".join(COLUMNS)


def to_row(snapshot: GpuSnapshot) -> str:
    """The snapshot as one CSV line, without its newline."""
    _, *values = astuple(snapshot)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([clock.to_text(snapshot.at), *values])
    return line.getvalue()


def parse_rows(lines: Iterable[str]) -> list[GpuSnapshot]:
    """The snapshots among the lines; headers, torn and foreign lines are left out."""
    return [row for row in map(_parse_row, lines) if row is not None]


def read_recent(folder: Path, since: datetime) -> list[GpuSnapshot]:
    """The snapshots taken at or after `since`, oldest first; reads little more than those."""
    first = since.astimezone(UTC).date()
    lines: list[str] = []
    for day in sorted({day for path in _list(folder) if (day := day_of(path)) is not None}):
        if day >= first:
            lines += _day_lines(folder / f"{day}.csv", since)
    # The newest first: a row costs more to understand than to read.
    rows = (row for row in map(_parse_row, reversed(lines)) if row is not None)
    return list(takewhile(lambda row: row.at >= since, rows))[::-1]


def latest(folder: Path, now: datetime | None = None) -> list[GpuSnapshot]:
    """The newest snapshot of each GPU by index, only when at most 10 s old."""
    now = now or clock.now()
    age = timedelta(seconds=LATEST_AGE_S)
    # A clock that was set back leaves rows of the future, which must not pass for fresh ones.
    rows = [row for row in read_recent(folder, now - age) if row.at <= now + age]
    by_index = {row.index: row for row in rows}
    return [by_index[index] for index in sorted(by_index)]


def last(folder: Path, now: datetime | None = None) -> list[GpuSnapshot]:
    """The newest snapshots by index, however old: those of the last moment that was kept."""
    # A clock that was set back leaves rows of the future.
    most = (now or clock.now()) + timedelta(seconds=LATEST_AGE_S)
    for path in plain_days(folder, most.date()):
        rows = parse_rows(read_tail(path, BLOCK_BYTES).splitlines())
        rows = [row for row in rows if row.at <= most]
        if rows:
            of_moment = {row.index: row for row in rows if row.at == rows[-1].at}
            return [of_moment[index] for index in sorted(of_moment)]
    return []


def plain_days(folder: Path, until: date) -> list[Path]:
    """The `<day>.csv` of the folder up to the day, the newest first."""
    days = [(day, path) for path in _list(folder) if (day := day_of(path)) is not None]
    return [
        path for day, path in sorted(days, reverse=True) if day <= until and path.suffix == ".csv"
    ]


def day_of(path: Path) -> date | None:
    """The UTC day that a `<day>.csv` or `<day>.csv.gz` holds, or None for any other file."""
    try:
        day = date.fromisoformat(path.name.split(".")[0])
    except ValueError:
        return None
    return day if path.name in (f"{day}.csv", f"{day}.csv.gz") else None


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _day_lines(path: Path, since: datetime) -> list[str]:
    """The lines of a day that may reach back to `since`, from its CSV or else its `.gz`."""
    try:
        return _tail_lines(path, since)
    except FileNotFoundError:
        return _compressed_lines(path.with_name(f"{path.name}.gz"))


def _tail_lines(path: Path, since: datetime) -> list[str]:
    """The whole lines at the end of the file, back to one that is older than `since`."""
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        data = b""
        while start > 0 and not _reaches_back(data, since):
            size = min(start, max(BLOCK_BYTES, len(data)))
            start -= size
            file.seek(start)
            data = file.read(size) + data
    begin = data.find(b"\n") + 1 if start > 0 else 0
    return _text_lines(data[begin : data.rfind(b"\n") + 1])


def _reaches_back(data: bytes, since: datetime) -> bool:
    """Whether the first row that can be read in `data` is older than `since`."""
    # The first line may be cut by the block; a few more may be headers or torn.
    first_lines = [line.decode("utf-8", "replace") for line in data.split(b"\n", 9)[1:9]]
    return any(row.at < since for row in parse_rows(first_lines)[:1])


def _compressed_lines(path: Path) -> list[str]:
    try:
        with gzip.open(path) as file:
            return _text_lines(file.read())
    except (OSError, EOFError, zlib.error):
        # History is worth showing in part: a day that is gone or damaged hides no other.
        return []


def _text_lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines()


def _parse_row(line: str) -> GpuSnapshot | None:
    try:
        # Line by line, so that a torn quote cannot swallow the lines after it.
        cells = next(csv.reader([line]), [])
        return _from_cells(cells) if len(cells) == len(COLUMNS) else None
    except (csv.Error, ValueError):
        return None


def _from_cells(cells: list[str]) -> GpuSnapshot:
    return GpuSnapshot(
        at=clock.from_text(cells[0]),
        index=int(cells[1]),
        uuid=cells[2],
        name=cells[3],
        memory_used_mib=_whole(cells[4]),
        memory_total_mib=_whole(cells[5]),
        utilization_pct=_whole(cells[6]),
        temperature_c=_whole(cells[7]),
        fan_pct=_whole(cells[8]),
        power_w=_number(cells[9]),
        power_limit_w=_number(cells[10]),
        sm_clock_mhz=_whole(cells[11]),
        throttle=_throttle(cells[12]),
    )


def _whole(cell: str) -> int | None:
    return int(cell) if cell else None


def _number(cell: str) -> float | None:
    if not cell:
        return None
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is no reading")
    return value


def _throttle(cell: str) -> str:
    # The last column is the only one that a torn line can cut without losing a column.
    if cell and not THROTTLES.issuperset(cell.split("+")):
        raise ValueError(f"{cell} is no throttle reason")
    return cell
