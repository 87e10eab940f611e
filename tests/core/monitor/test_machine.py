"""The machine's rows: written, torn, old, and from files of hostile content."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.monitor.machine import (
    CSV_HEADER,
    MachineSnapshot,
    last,
    latest,
    parse_points,
    parse_rows,
    to_row,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SNAPSHOT = MachineSnapshot(NOON, 8, 9000, 32000, 12, 4096, 500_000, 1_000_000, 37.4)
POINT = (NOON.timestamp(), 37.4, 9000, 12, 500_000)
ROW = "2026-11-22T12:00:00.000Z,8,9000,32000,12,4096,500000,1000000,37.4"


def test_a_snapshot_comes_back_from_its_row() -> None:
    assert to_row(SNAPSHOT) == ROW
    assert parse_rows([CSV_HEADER, ROW]) == [SNAPSHOT]
    assert parse_rows([to_row(replace(SNAPSHOT, cpu_pct=100))])[0].cpu_pct == 100


@pytest.mark.parametrize("length", range(len(ROW)))
def test_a_line_torn_at_any_place_gives_no_row(length: int) -> None:
    assert parse_rows([ROW[:length], ROW]) == [SNAPSHOT]
    assert list(parse_points([ROW[:length], ROW])) == [POINT]


@pytest.mark.parametrize("foreign", ["", "hello", "\0" * 90, ROW + ROW, ROW.replace("9000", "x")])
def test_a_foreign_line_is_left_out(foreign: str) -> None:
    assert parse_rows([foreign, ROW]) == [SNAPSHOT]
    assert list(parse_points([foreign, ROW])) == [POINT]


def test_the_latest_is_none_when_it_is_old(tmp_path: Path) -> None:
    assert latest(tmp_path, NOON) is None
    assert last(tmp_path) is None
    (tmp_path / "2026-11-22.csv").write_text(f"{CSV_HEADER}\n{ROW}\n{ROW[:20]}")
    assert latest(tmp_path, NOON + timedelta(seconds=15)) == SNAPSHOT
    assert latest(tmp_path, NOON + timedelta(seconds=16)) is None
    assert last(tmp_path, NOON) == SNAPSHOT
    assert last(tmp_path, NOON - timedelta(seconds=16)) is None


def test_just_after_midnight_the_latest_is_yesterdays(tmp_path: Path) -> None:
    late = replace(SNAPSHOT, at=datetime(2026, 11, 22, 23, 59, 58, tzinfo=UTC))
    (tmp_path / "2026-11-22.csv").write_text(f"{to_row(late)}\n")
    assert latest(tmp_path, late.at + timedelta(seconds=4)) == late
