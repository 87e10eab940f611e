"""Reading the machine from /proc, and a row every five seconds."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.monitor.machine import CSV_HEADER, MachineSnapshot, parse_rows
from core.paths import Workspace
from daemon.machine import Machine, MachineSampler, parse_ticks

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SNAPSHOT = MachineSnapshot(NOON, 8, 9000, 32000, 12, 4096, 500_000, 1_000_000, 37.4)
MEMINFO = "MemTotal: 8388608 kB\nMemAvailable: 2097152 kB\nSwapTotal: 1048576 kB\nSwapFree: 0 kB\n"


class FakeMachine:
    def __init__(self) -> None:
        self.snapshot: MachineSnapshot | None = SNAPSHOT

    def read(self) -> MachineSnapshot | None:
        return self.snapshot


def test_busy_is_what_is_neither_idle_nor_waits_for_the_disk() -> None:
    assert parse_ticks("cpu  100 1 50 800 40 4 3 2 90 0\ncpu0 1 1") == (160, 1000)


@pytest.mark.parametrize("text", ["", "intr 1", "cpu 1 2"])
def test_another_text_has_no_ticks(text: str) -> None:
    assert parse_ticks(text) is None


def test_a_snapshot_tells_of_the_time_since_the_last_one(tmp_path: Path) -> None:
    stat, meminfo = tmp_path / "stat", tmp_path / "meminfo"
    stat.write_text("cpu 100 0 0 900 0 0 0 0 0 0\n")
    meminfo.write_text(MEMINFO)
    machine = Machine(tmp_path, stat, meminfo)
    assert machine.read() is None
    stat.write_text("cpu 175 0 0 925 0 0 0 0 0 0\n")
    snapshot = machine.read()
    assert snapshot is not None
    assert snapshot.cpu_pct == 75
    assert snapshot.memory_used_mib <= snapshot.memory_total_mib <= 8192
    assert (snapshot.swap_used_mib, snapshot.swap_total_mib) == (1024, 1024)
    assert 0 < snapshot.disk_free_mib <= snapshot.disk_total_mib


def test_the_real_machine_can_be_read(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    snapshot = None
    while snapshot is None:
        snapshot = machine.read()
    assert 0 <= snapshot.cpu_pct <= 100
    assert 0 < snapshot.memory_used_mib < snapshot.memory_total_mib


def test_without_proc_there_is_no_snapshot(tmp_path: Path) -> None:
    assert Machine(tmp_path, tmp_path / "none", tmp_path / "none").read() is None


def test_a_row_comes_every_five_seconds(tmp_path: Path) -> None:
    workspace, time_s = Workspace(tmp_path), [0.0]
    sampler = MachineSampler(workspace, FakeMachine(), monotonic=lambda: time_s[0])
    for second in range(11):
        time_s[0] = float(second)
        sampler.tick()
    lines = workspace.machine_day(NOON.date()).read_text().splitlines()
    assert lines[0] == CSV_HEADER
    assert parse_rows(lines) == [SNAPSHOT] * 3


def test_old_days_are_tidied(tmp_path: Path) -> None:
    workspace, machine = Workspace(tmp_path), FakeMachine()
    machine.snapshot = replace(SNAPSHOT, at=NOON.replace(day=1))
    MachineSampler(workspace, machine).tick()
    machine.snapshot = SNAPSHOT
    MachineSampler(workspace, machine, keep_days=25).tick()
    assert sorted(path.name for path in workspace.machine.iterdir()) == [
        "2026-11-01.csv.gz",
        "2026-11-22.csv",
    ]
