"""A GPU at one moment, as numbers alone: what curves and energy are made of."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from core.clock import from_text
from core.gpu import COLUMNS, GpuSnapshot, parse_rows

MAX_GAP_S = 10.0
"""Readings further apart tell nothing of the time between them."""

NOT_TOLD = math.nan


class GpuPoint(NamedTuple):
    """Readings of one GPU; NaN where the card tells nothing. `at_s` are unix seconds."""

    at_s: float
    memory_used_mib: float
    memory_total_mib: float
    utilization_pct: float
    temperature_c: float
    fan_pct: float
    power_w: float


def point_of(snapshot: GpuSnapshot) -> GpuPoint:
    """The numbers of a snapshot."""
    return GpuPoint(
        snapshot.at.timestamp(),
        _number(snapshot.memory_used_mib),
        _number(snapshot.memory_total_mib),
        _number(snapshot.utilization_pct),
        _number(snapshot.temperature_c),
        _number(snapshot.fan_pct),
        _number(snapshot.power_w),
    )


def parse_points(lines: Iterable[str]) -> Iterable[tuple[int, GpuPoint]]:
    """The GPU and the readings of every line that holds some; others are left out."""
    for line in lines:
        found = _parse_plain(line) if '"' not in line else _parse_quoted(line)
        if found is not None:
            yield found


def _parse_plain(line: str) -> tuple[int, GpuPoint] | None:
    """As `core.gpu` reads it, but at a tenth of the cost: an hour has thousands of lines."""
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        return None
    try:
        return int(cells[1]), GpuPoint(
            from_text(cells[0]).timestamp(),
            _told(cells[4]),
            _told(cells[5]),
            _told(cells[6]),
            _told(cells[7]),
            _told(cells[8]),
            _told(cells[9]),
        )
    except (ValueError, OverflowError):
        return None


def _parse_quoted(line: str) -> tuple[int, GpuPoint] | None:
    rows = parse_rows([line])
    return (rows[0].index, point_of(rows[0])) if rows else None


def _told(cell: str) -> float:
    if not cell:
        return NOT_TOLD
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is no reading")
    return value


def _number(value: float | None) -> float:
    return NOT_TOLD if value is None else float(value)
