"""The GPUs minute by minute: what stands in `runs/gpu/minutes/<day>.csv`.

A row per GPU and minute under a header with the names of the fields: `at` is the beginning of the
minute, a reading is its mean and `_max` its highest, empty where the card told none. `energy_j` are
the joules drawn since the reading before the minute; times without readings count nothing. A
minute in which the daemon was restarted has a row for each of its parts.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import NamedTuple

from core.clock import from_text, to_text
from core.gpu import THROTTLES
from core.monitor.gpu_point import MAX_GAP_S, NOT_TOLD, GpuPoint

MINUTE_S = 60


class GpuMinute(NamedTuple):
    """One GPU in one minute; NaN where the card told nothing."""

    at_s: float
    gpu: int
    samples: int
    memory_used_mib: float
    memory_used_mib_max: float
    memory_total_mib: float
    utilization_pct: float
    utilization_pct_max: float
    temperature_c: float
    temperature_c_max: float
    fan_pct: float
    fan_pct_max: float
    power_w: float
    power_w_max: float
    energy_j: float
    throttle: str


HEADER = ",".join(("at", *GpuMinute._fields[1:]))


def minute_of(at_s: float) -> int:
    """When the minute of the moment began, in unix seconds."""
    return int(at_s // MINUTE_S) * MINUTE_S


def fold(
    gpu: int,
    points: Sequence[GpuPoint],
    before: GpuPoint | None = None,
    throttle: Iterable[str] = (),
) -> GpuMinute:
    """One row for the points, all of one minute; `before` is the last point of the minute before.

    `throttle` are the reasons for which clocks were held down at any time.
    """
    columns = [
        [value for value in column if not math.isnan(value)] for column in zip(*points, strict=True)
    ]
    used, total, utilization, temperature, fan, power = columns[1:]
    return GpuMinute(
        minute_of(points[0].at_s),
        gpu,
        len(points),
        *_mean_and_max(used),
        _mean_and_max(total)[1],
        *_mean_and_max(utilization),
        *_mean_and_max(temperature),
        *_mean_and_max(fan),
        *_mean_and_max(power),
        _energy_j([before, *points] if before else points) if power else NOT_TOLD,
        "+".join(sorted({word for text in throttle for word in text.split("+") if word})),
    )


def fold_all(gpu: int, points: Sequence[GpuPoint], before: GpuPoint | None) -> list[GpuMinute]:
    """A row for every minute of the points, which are in the order of time."""
    rows = []
    for _, group in groupby(points, key=lambda point: minute_of(point.at_s)):
        of_minute = list(group)
        rows.append(fold(gpu, of_minute, before))
        before = of_minute[-1]
    return rows


def to_row(minute: GpuMinute) -> str:
    """The minute as one CSV line, without its newline."""
    at = to_text(datetime.fromtimestamp(minute.at_s, UTC))
    return ",".join([at, *map(_cell, minute[1:-1]), minute.throttle])


def parse_minutes(lines: Iterable[str]) -> list[GpuMinute]:
    """The minutes among the lines; headers, torn and foreign lines are left out."""
    return [minute for minute in map(_parse, lines) if minute is not None]


def _parse(line: str) -> GpuMinute | None:
    cells = line.split(",")
    if len(cells) != len(GpuMinute._fields):
        return None
    at, gpu, samples, *values, throttle = cells
    # The last column is the only one that a torn line can cut without losing a column.
    if throttle and not THROTTLES.issuperset(throttle.split("+")):
        return None
    try:
        numbers = [float(value) if value else NOT_TOLD for value in values]
        if any(map(math.isinf, numbers)):
            return None
        moment = from_text(at).timestamp()
        return GpuMinute._make([moment, int(gpu), int(samples), *numbers, throttle])
    except (ValueError, OverflowError):
        return None


def _energy_j(points: Sequence[GpuPoint]) -> float:
    told = [point for point in points if not math.isnan(point.power_w)]
    return sum(
        (first.power_w + second.power_w) / 2 * (second.at_s - first.at_s)
        for first, second in pairwise(told)
        if 0 < second.at_s - first.at_s <= MAX_GAP_S
    )


def _mean_and_max(values: Sequence[float]) -> tuple[float, float]:
    return (math.fsum(values) / len(values), max(values)) if values else (NOT_TOLD, NOT_TOLD)


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}".removesuffix(".00")
