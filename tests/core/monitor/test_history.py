"""Few points for long times, and the machine's columns."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.monitor.history import make_line
from core.monitor.machine import CSV_HEADER, MachineSnapshot, to_row
from core.monitor.machine_track import MachineTrack
from core.paths import Workspace

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SNAPSHOT = MachineSnapshot(NOON, 8, 9000, 32000, 12, 4096, 500_000, 1_000_000, 50.0)


def test_a_spike_of_one_second_stays_among_few_points() -> None:
    times, values = np.arange(100_000.0), np.ones(100_000)
    values[77_777] = 99
    line = make_line("GPU 0", times, values, 0, 100_000, points=300)
    assert len(line.times) <= 300
    assert line.times[line.values.argmax()] == 77_777


def test_a_time_without_readings_breaks_the_line() -> None:
    times = np.concatenate([np.arange(0.0, 100), np.arange(1000.0, 1100)])
    line = make_line("x", times, np.ones(200), 0, 2000, points=20)
    assert np.isnan(line.values).sum() == 1
    assert line.times[np.isnan(line.values)] == 100
    assert (np.diff(line.times) > 0).all()


def test_only_the_asked_time_and_only_what_was_told_is_drawn() -> None:
    values = np.array([1, np.nan, 3, 4, 5.0])
    assert make_line("x", np.arange(5.0), values, 1, 3).values.tolist() == [3, 4]
    assert len(make_line("x", np.arange(5.0), values * np.nan, 0, 9).times) == 0


def write(workspace: Workspace, begin: datetime, count: int) -> None:
    """Rows every five seconds, busy 0, 10, 0, 10 ..."""
    for number in range(count):
        at = begin + timedelta(seconds=5 * number)
        path = workspace.machine_day(at.date())
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{CSV_HEADER}\n")
        with path.open("a") as file:
            file.write(to_row(replace(SNAPSHOT, at=at, cpu_pct=10.0 * (number % 2))) + "\n")


def test_the_machines_old_rows_are_means_of_minutes(tmp_path: Path) -> None:
    workspace, now = Workspace(tmp_path), [NOON + timedelta(minutes=10)]
    write(workspace, NOON, 120)
    track = MachineTrack(workspace, NOON, fine_s=120, now=lambda: now[0])
    track.refresh()
    series = track.series()
    assert series.cpu_pct[:8].tolist() == [5.0] * 8
    assert series.cpu_pct[8:].tolist() == [0, 10] * 12

    write(workspace, now[0], 12)
    now[0] += timedelta(minutes=1)
    track.refresh()
    assert track.series().cpu_pct[:9].tolist() == [5.0] * 9
    assert len(track.series().times) == 9 + 24


def test_the_machines_track_goes_on_over_midnight_and_over_days_without_rows(
    tmp_path: Path,
) -> None:
    workspace, now = Workspace(tmp_path), [NOON.replace(hour=23, minute=59, second=30)]
    begin = NOON - timedelta(days=5)
    write(workspace, now[0], 3)
    track = MachineTrack(workspace, begin, now=lambda: now[0])
    track.refresh()
    write(workspace, now[0] + timedelta(seconds=15), 6)
    now[0] += timedelta(seconds=50)
    track.refresh()
    track.refresh()
    assert len(track.series().times) == 9
