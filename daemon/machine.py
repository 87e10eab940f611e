"""Reads what the processor, the memory and the disk do, and writes it down every five seconds."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from core import clock
from core.files import append_lines
from core.monitor.machine import CSV_HEADER, INTERVAL_S, MachineSnapshot, to_row
from core.paths import Workspace
from daemon import memory
from daemon.tidying import KEEP_DAYS, tidy

STAT = Path("/proc/stat")
MIB = 1024 * 1024

Ticks = tuple[int, int]
"""Busy and all clock ticks of all cores since the start of the machine."""


class MachineReader(Protocol):
    """What is needed of `Machine`."""

    def read(self) -> MachineSnapshot | None: ...


class Machine:
    """The machine this process runs on, as the kernel tells of it in /proc."""

    def __init__(self, root: Path, stat: Path = STAT, meminfo: Path = memory.MEMINFO) -> None:
        self._root = root
        self._stat = stat
        self._meminfo = meminfo
        self._before = parse_ticks(stat.read_text()) if stat.exists() else None

    def read(self) -> MachineSnapshot | None:
        """A snapshot; None when no time has passed since the last one, or nothing can be read."""
        try:
            ticks = parse_ticks(self._stat.read_text())
        except OSError:
            return None
        busy_pct = _busy_pct(self._before, ticks)
        self._before = ticks
        if busy_pct is None:
            return None
        total_mib = memory.total_mib(self._meminfo)
        disk = shutil.disk_usage(self._root)
        swap_total, swap_free = memory.swap_mib(self._meminfo)
        return MachineSnapshot(
            at=clock.now(),
            cores=os.cpu_count() or 1,
            memory_used_mib=max(0, total_mib - memory.available_mib(self._meminfo)),
            memory_total_mib=total_mib,
            swap_used_mib=swap_total - swap_free,
            swap_total_mib=swap_total,
            disk_free_mib=disk.free // MIB,
            disk_total_mib=disk.total // MIB,
            cpu_pct=busy_pct,
        )


class MachineSampler:
    """Keeps a snapshot of the machine every five seconds, and tidies the older days."""

    def __init__(
        self,
        workspace: Workspace,
        machine: MachineReader,
        keep_days: int = KEEP_DAYS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._machine = machine
        self._keep_days = keep_days
        self._monotonic = monotonic
        self._due = monotonic()
        self._tidied: date | None = None

    def tick(self) -> None:
        """One turn: a row, when it is time for one."""
        if self._monotonic() < self._due:
            return
        self._due = self._monotonic() + INTERVAL_S
        snapshot = self._machine.read()
        if snapshot is not None:
            self._keep(snapshot, snapshot.at)

    def _keep(self, snapshot: MachineSnapshot, at: datetime) -> None:
        path = self._workspace.machine_day(at.date())
        path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(path, [to_row(snapshot)], CSV_HEADER)
        if self._tidied != at.date():
            self._tidied = at.date()
            tidy(path.parent, at.date(), self._keep_days)


def parse_ticks(stat: str) -> Ticks | None:
    """The ticks in the text of /proc/stat; None when its first line is another one."""
    words = stat.split("\n", 1)[0].split()
    if len(words) < 6 or words[0] != "cpu":
        return None
    # Guests, which come after these, are counted in user time already.
    ticks = [int(word) for word in words[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _busy_pct(before: Ticks | None, now: Ticks | None) -> float | None:
    if before is None or now is None or now[1] <= before[1]:
        return None
    return min(100.0, max(0.0, 100 * (now[0] - before[0]) / (now[1] - before[1])))
