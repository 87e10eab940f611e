"""Snapshots as rows: written, read back, torn, across midnight, and from a huge file."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.gpu import CSV_HEADER, GpuSnapshot, day_of, latest, parse_rows, read_recent, to_row

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SNAPSHOT = GpuSnapshot(
    at=NOON,
    index=0,
    uuid="GPU-0",
    name="NVIDIA GeForce RTX 3060",
    memory_used_mib=9120,
    memory_total_mib=12288,
    utilization_pct=97,
    temperature_c=71,
    fan_pct=64,
    power_w=168.4,
    power_limit_w=170.0,
    sm_clock_mhz=1807,
    throttle="power+thermal",
)
ROW = (
    "2026-11-22T12:00:00.000Z,0,GPU-0,NVIDIA GeForce RTX 3060,"
    "9120,12288,97,71,64,168.4,170.0,1807,power+thermal"
)


def snapshots(first: datetime, count: int) -> list[GpuSnapshot]:
    """A snapshot of two GPUs each second."""
    moments = [first + timedelta(seconds=second) for second in range(count)]
    return [replace(SNAPSHOT, at=at, index=index) for at in moments for index in (0, 1)]


def write(path: Path, rows: list[GpuSnapshot], end: str = "") -> Path:
    path.write_text("\n".join([CSV_HEADER, *map(to_row, rows)]) + "\n" + end)
    return path


def bytes_read() -> int:
    """How many bytes this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_the_header_is_the_one_of_the_contract() -> None:
    assert CSV_HEADER == (
        "at,index,uuid,name,memory_used_mib,memory_total_mib,utilization_pct,temperature_c,"
        "fan_pct,power_w,power_limit_w,sm_clock_mhz,throttle"
    )


def test_a_snapshot_comes_back_from_its_row() -> None:
    assert to_row(SNAPSHOT) == ROW
    assert parse_rows([ROW]) == [SNAPSHOT]


def test_a_missing_reading_is_an_empty_cell_and_comes_back_as_none() -> None:
    passive = replace(
        SNAPSHOT,
        memory_used_mib=None,
        memory_total_mib=None,
        utilization_pct=None,
        temperature_c=None,
        fan_pct=None,
        power_w=None,
        power_limit_w=None,
        sm_clock_mhz=None,
        throttle="",
    )
    row = to_row(passive)
    assert row == "2026-11-22T12:00:00.000Z,0,GPU-0,NVIDIA GeForce RTX 3060,,,,,,,,,"
    assert parse_rows([row]) == [passive]


def test_a_name_with_a_comma_and_quotes_survives() -> None:
    odd = replace(SNAPSHOT, name='Card, "the" one')
    assert parse_rows([to_row(odd)]) == [odd]


@pytest.mark.parametrize("length", range(len(ROW) - len("+thermal")))
def test_a_line_torn_at_any_place_gives_no_false_row(length: int) -> None:
    torn = parse_rows([ROW[:length], ROW])
    whole_but_for_the_throttle = replace(SNAPSHOT, throttle="")
    assert torn in ([SNAPSHOT], [whole_but_for_the_throttle, SNAPSHOT])


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "\n",
        "hello",
        CSV_HEADER,
        "\0" * 300,
        ROW + ROW,
        ROW.replace("NVIDIA", '"NVIDIA'),
        ROW.replace("2026-11-22", "yesterday"),
        ROW.replace("168.4", "nan"),
        ROW.replace("9120", "much"),
        "a\rb",
    ],
)
def test_a_foreign_line_is_left_out_and_hides_no_other(foreign: str) -> None:
    assert parse_rows([CSV_HEADER, foreign, ROW, foreign, ROW + "\n"]) == [SNAPSHOT, SNAPSHOT]


def test_a_folder_that_is_missing_or_empty_has_no_snapshots(tmp_path: Path) -> None:
    assert read_recent(tmp_path / "gpu", NOON) == []
    assert latest(tmp_path, NOON) == []


def test_read_recent_gives_the_snapshots_since_the_moment_and_no_older(tmp_path: Path) -> None:
    rows = snapshots(NOON, 100)
    write(tmp_path / "2026-11-22.csv", rows)
    assert read_recent(tmp_path, NOON + timedelta(seconds=90)) == rows[180:]
    assert read_recent(tmp_path, NOON - timedelta(hours=1)) == rows
    assert read_recent(tmp_path, NOON + timedelta(seconds=100)) == []


def test_a_line_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    write(tmp_path / "2026-11-22.csv", [SNAPSHOT], end=ROW)
    assert read_recent(tmp_path, NOON) == [SNAPSHOT]


def test_read_recent_reads_across_midnight(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    before, after = snapshots(midnight - timedelta(seconds=60), 60), snapshots(midnight, 30)
    write(tmp_path / "2026-11-22.csv", before)
    write(tmp_path / "2026-11-23.csv", after)
    assert read_recent(tmp_path, midnight - timedelta(seconds=10)) == before[-20:] + after
    assert read_recent(tmp_path, midnight) == after


def test_read_recent_reads_compressed_days_and_skips_a_damaged_one(tmp_path: Path) -> None:
    plain = write(tmp_path / "2026-11-20.csv", snapshots(NOON - timedelta(days=2), 3))
    (tmp_path / "2026-11-20.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (tmp_path / "2026-11-21.csv.gz").write_bytes(gzip.compress(ROW.encode())[:-4])
    write(tmp_path / "2026-11-22.csv", [SNAPSHOT])
    found = read_recent(tmp_path, NOON - timedelta(days=2))
    assert found == [*snapshots(NOON - timedelta(days=2), 3), SNAPSHOT]


def test_a_plain_day_is_preferred_to_the_copy_that_compression_left(tmp_path: Path) -> None:
    plain = write(tmp_path / "2026-11-22.csv", [SNAPSHOT])
    (tmp_path / "2026-11-22.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert read_recent(tmp_path, NOON) == [SNAPSHOT]


def test_the_last_minute_of_a_whole_day_of_two_gpus_costs_few_bytes(tmp_path: Path) -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    minute = snapshots(start + timedelta(seconds=86_340), 60)
    older = "\n".join(map(to_row, snapshots(start, 60))) + "\n"
    path = tmp_path / "2026-11-22.csv"
    path.write_text(f"{CSV_HEADER}\n{older * 1439}" + "\n".join(map(to_row, minute)) + "\n")
    assert path.stat().st_size > 15_000_000

    before = bytes_read()
    found = read_recent(tmp_path, minute[0].at)
    cost_bytes = bytes_read() - before

    assert found == minute
    assert cost_bytes < 100_000


def test_a_window_larger_than_one_block_is_read_whole(tmp_path: Path) -> None:
    rows = snapshots(NOON, 3000)
    write(tmp_path / "2026-11-22.csv", rows)
    assert read_recent(tmp_path, NOON + timedelta(seconds=700)) == rows[1400:]


def test_torn_lines_do_not_stop_the_way_back(tmp_path: Path) -> None:
    rows = snapshots(NOON, 2000)
    torn = "\n".join(f"{to_row(row)}\n2026-11" for row in rows)
    (tmp_path / "2026-11-22.csv").write_text(f"{CSV_HEADER}\n{torn}\n")
    assert read_recent(tmp_path, NOON) == rows


def test_latest_is_the_newest_row_of_each_gpu(tmp_path: Path) -> None:
    rows = snapshots(NOON, 5)
    write(tmp_path / "2026-11-22.csv", rows)
    assert latest(tmp_path, NOON + timedelta(seconds=6)) == rows[-2:]


def test_latest_is_empty_when_the_rows_are_older_than_ten_seconds(tmp_path: Path) -> None:
    write(tmp_path / "2026-11-22.csv", [SNAPSHOT])
    assert latest(tmp_path, NOON + timedelta(seconds=10)) == [SNAPSHOT]
    assert latest(tmp_path, NOON + timedelta(seconds=10, milliseconds=1)) == []


def test_latest_leaves_out_a_gpu_that_no_longer_answers(tmp_path: Path) -> None:
    gone = replace(SNAPSHOT, at=NOON - timedelta(seconds=30), index=1)
    write(tmp_path / "2026-11-22.csv", [gone, SNAPSHOT])
    assert latest(tmp_path, NOON) == [SNAPSHOT]


def test_rows_of_a_clock_that_ran_ahead_are_not_the_latest(tmp_path: Path) -> None:
    write(tmp_path / "2027-01-01.csv", [replace(SNAPSHOT, at=NOON + timedelta(days=40))])
    write(tmp_path / "2026-11-22.csv", [SNAPSHOT])
    assert latest(tmp_path, NOON) == [SNAPSHOT]


@pytest.mark.parametrize(
    ("name", "is_day"),
    [
        ("2026-11-22.csv", True),
        ("2026-11-22.csv.gz", True),
        (".2026-11-22.csv.gz.tmp", False),
        ("2026-11-22.csv.bak", False),
        ("20261122.csv", False),
        ("notes.csv", False),
    ],
)
def test_only_day_files_are_days(name: str, is_day: bool) -> None:
    assert (day_of(Path(name)) == NOON.date()) is is_day
