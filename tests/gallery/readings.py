"""What two cards and their machine read, second by second and minute by minute."""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.clock import now
from core.files import append_lines
from core.gpu import CSV_HEADER, GpuSnapshot, to_row
from core.monitor import gpu_minute, machine
from core.monitor.gpu_point import point_of
from core.paths import Workspace

NAME = "NVIDIA GeForce RTX 3060"
LIMITS = {"slowdown_c": 93, "shutdown_c": 98, "power_max_w": 170.0, "sm_clock_max_mhz": 2100}
TOTAL_MIB = 12288
INDEXES = (0, 1)

Busy = Callable[[int, datetime], bool]
"""Whether something computes on the GPU at that moment."""


def reading(index: int, at: datetime, busy: bool) -> GpuSnapshot:
    """A card under full load, or one that idles."""
    seconds = at.timestamp()
    wave = math.sin(seconds / 97 + index) + 0.5 * math.sin(seconds / 7.3)
    watts = 158 + 6 * wave if busy else 14.5 + wave
    return GpuSnapshot(
        at,
        index,
        f"GPU-{index}",
        NAME,
        9630 + index * 512 if busy else 180,
        TOTAL_MIB,
        round(min(100, 96 + 2 * wave)) if busy else 0,
        round(69 + 2 * wave + 3 * index) if busy else round(38 + wave),
        round(62 + 3 * wave) if busy else 0,
        round(watts, 1),
        170.0,
        round(1807 + 12 * wave) if busy else 210,
        "power" if busy and wave > 1.2 else "",
    )


def machine_reading(at: datetime) -> machine.MachineSnapshot:
    """Eight cores of which a training takes some."""
    wave = math.sin(at.timestamp() / 131)
    used = round(11_400 + 600 * wave)
    cpu_pct = 34 + 9 * wave
    return machine.MachineSnapshot(at, 8, used, 32_000, 180, 8192, 412_000, 944_000, cpu_pct)


def write_seconds(workspace: Workspace, begin: datetime, end: datetime, busy: Busy) -> None:
    """A row per card and two seconds: half of what the sampler writes, in half the time."""
    rows: dict[Path, list[str]] = defaultdict(list)
    while begin < end:
        path = workspace.gpu_day(begin.date())
        rows[path] += [to_row(reading(index, begin, busy(index, begin))) for index in INDEXES]
        begin += timedelta(seconds=2)
    _append(rows, CSV_HEADER)


def write_minutes(workspace: Workspace, begin: datetime, end: datetime, busy: Busy) -> None:
    """A row per card and minute."""
    rows: dict[Path, list[str]] = defaultdict(list)
    while begin < end:
        path = workspace.gpu_minutes_day(begin.date())
        for index in INDEXES:
            point = point_of(reading(index, begin, busy(index, begin)))
            minute = gpu_minute.fold(index, [point])
            energy_j = point.power_w * gpu_minute.MINUTE_S
            rows[path].append(gpu_minute.to_row(minute._replace(energy_j=energy_j)))
        begin += timedelta(minutes=1)
    _append(rows, gpu_minute.HEADER)


def write_machine(workspace: Workspace, begin: datetime, end: datetime, step_s: float) -> None:
    """A row of the machine each `step_s` seconds."""
    rows: dict[Path, list[str]] = defaultdict(list)
    while begin < end:
        path = workspace.machine_day(begin.date())
        rows[path].append(machine.to_row(machine_reading(begin)))
        begin += timedelta(seconds=step_s)
    _append(rows, machine.CSV_HEADER)


def seen(index: int, *processes: dict[str, Any]) -> dict[str, Any]:
    """The card in the daemon's heartbeat."""
    snapshot = reading(index, now(), bool(processes))
    return {
        "index": index,
        "name": NAME,
        "memory_used_mib": snapshot.memory_used_mib,
        "memory_total_mib": TOTAL_MIB,
        "processes": list(processes),
        "limits": LIMITS,
    }


def _append(rows: dict[Path, list[str]], header: str) -> None:
    for path, lines in rows.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(path, lines, header)
