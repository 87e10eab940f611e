"""The sampler: rows per tick, day files, errors it outlives, and a thread that stops."""

import gzip
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.gpu import CSV_HEADER, GpuSnapshot, parse_rows, to_row
from core.monitor.gpu_minute import HEADER, GpuMinute, parse_minutes
from core.paths import CODE_ROOT, Workspace
from daemon.nvml import GpuReading
from daemon.sampler import Sampler, next_due
from daemon.tidying import tidy
from tests.fake_gpu import UUIDS, build_broken_driver, build_fake_nvml, steer
from tests.waiting import wait_until

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = NOON.date()
CARD = GpuSnapshot(
    NOON, 0, "GPU-0", "NVIDIA GeForce RTX 3060", 1024, 12288, 37, 55, 40, 90.5, 170.0, 1807, ""
)

SAMPLE = """
import sys
from pathlib import Path
from core import clock
from core.paths import CODE_ROOT, Workspace
from daemon.nvml import Nvml
from daemon.sampler import Sampler

nvml = Nvml(now=lambda: clock.from_text("2026-11-22T12:00:00Z"))
sampler = Sampler(Workspace(Path(sys.argv[1])), nvml)
for _ in range(int(sys.argv[2])):
    sampler.sample_once()
"""


class FakeNvml:
    """Two cards at `at`, or the error to raise."""

    def __init__(self) -> None:
        self.at = NOON
        self.cards = 2
        self.error: Exception | None = None
        self.reads = 0

    def read(self) -> list[GpuReading]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        cards = [replace(CARD, at=self.at, index=index) for index in range(self.cards)]
        return [GpuReading(card, ()) for card in cards]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def nvml() -> FakeNvml:
    return FakeNvml()


@pytest.fixture
def sampler(workspace: Workspace, nvml: FakeNvml) -> Sampler:
    return Sampler(workspace, nvml)


def sample_in_a_process(root: Path, environment: dict[str, str], times: int) -> None:
    command = [sys.executable, "-W", "error", "-c", SAMPLE, str(root), str(times)]
    subprocess.run(command, cwd=CODE_ROOT, env=os.environ | environment, check=True, timeout=60)


def test_two_cards_are_two_rows_per_tick_with_exact_values(tmp_path: Path) -> None:
    environment = build_fake_nvml(tmp_path)
    workspace = Workspace(tmp_path / "workspace")
    steer(environment, "1.fan=error:3", "0.throttle=4", "0.memory_used=9120")
    sample_in_a_process(workspace.root, environment, times=2)

    at, name = "2026-11-22T12:00:00.000Z", "NVIDIA GeForce RTX 3060"
    tick = [
        f"{at},0,{UUIDS[0]},{name},9120,12288,37,55,40,90.5,170.0,1807,power",
        f"{at},1,{UUIDS[1]},{name},512,12288,5,44,,15.2,170.0,210,",
    ]
    assert workspace.gpu_day(DAY).read_text().splitlines() == [CSV_HEADER, *tick, *tick]


def test_without_a_driver_no_file_and_no_folder_is_made(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    sample_in_a_process(root, build_broken_driver(tmp_path), times=3)
    assert list(root.rglob("*")) == []


def test_a_machine_without_a_gpu_writes_nothing(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler
) -> None:
    nvml.cards = 0
    sampler.tick()
    assert sampler.latest == []
    assert list(workspace.root.iterdir()) == []


def test_latest_is_what_was_just_read(sampler: Sampler) -> None:
    sampler.sample_once()
    assert [reading.snapshot.index for reading in sampler.latest] == [0, 1]


def test_a_row_goes_to_the_file_of_its_own_utc_day(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler
) -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    for at in (midnight - timedelta(milliseconds=1), midnight):
        nvml.at = at
        sampler.tick()
    times = {DAY: "2026-11-22T23:59:59.999Z", midnight.date(): "2026-11-23T00:00:00.000Z"}
    for day, text in times.items():
        header, *rows = workspace.gpu_day(day).read_text().splitlines()
        assert header == CSV_HEADER
        assert [row.split(",")[:2] for row in rows] == [[text, "0"], [text, "1"]]


def test_a_torn_last_line_is_ended_so_that_it_spoils_no_row(
    workspace: Workspace, sampler: Sampler
) -> None:
    path = workspace.gpu_day(DAY)
    path.parent.mkdir(parents=True)
    path.write_text(f"{CSV_HEADER}\n{to_row(CARD)}\n{to_row(CARD)[:40]}")
    sampler.sample_once()
    assert len(parse_rows(path.read_text().splitlines())) == 3


def minutes_of(workspace: Workspace) -> list[GpuMinute]:
    return parse_minutes(workspace.gpu_minutes_day(DAY).read_text().splitlines())


def sample(nvml: FakeNvml, sampler: Sampler, seconds: int) -> None:
    for _ in range(seconds):
        sampler.tick()
        nvml.at += timedelta(seconds=1)


def test_a_minute_that_has_ended_is_a_row_per_gpu(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler
) -> None:
    sample(nvml, sampler, 60)
    assert not workspace.gpu_minutes_day(DAY).exists()
    sample(nvml, sampler, 61)
    assert workspace.gpu_minutes_day(DAY).read_text().splitlines()[:3] == [
        HEADER,
        "2026-11-22T12:00:00.000Z,0,60,1024,1024,12288,37,37,55,55,40,40,90.50,90.50,5339.50,",
        "2026-11-22T12:00:00.000Z,1,60,1024,1024,12288,37,37,55,55,40,40,90.50,90.50,5339.50,",
    ]
    # The second minute counts the step from the first one too.
    assert [minute.energy_j for minute in minutes_of(workspace)] == [5339.5, 5339.5, 5430, 5430]


def test_the_present_minute_is_written_when_the_daemon_ends(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler
) -> None:
    sampler.start()
    wait_until(lambda: nvml.reads >= 1)
    sampler.stop()
    assert [minute.samples for minute in minutes_of(workspace)] == [nvml.reads] * 2


def test_minutes_are_tidied_like_seconds(workspace: Workspace, sampler: Sampler) -> None:
    folder = workspace.gpu_minutes_day(DAY).parent
    folder.mkdir(parents=True)
    for ago in (1, 2, 31):
        workspace.gpu_minutes_day(DAY - timedelta(days=ago)).write_text(HEADER)
    sampler.tick()
    assert sorted(path.name for path in folder.iterdir()) == [
        "2026-11-20.csv.gz",
        "2026-11-21.csv",
    ]


def test_what_else_is_sampled_may_fail_without_harm(workspace: Workspace, nvml: FakeNvml) -> None:
    class Failing:
        def tick(self) -> None:
            raise OSError("no /proc")

    Sampler(workspace, nvml, also=[Failing()]).tick()
    assert workspace.gpu_day(DAY).exists()


def make_days(workspace: Workspace, *days_ago: int) -> None:
    workspace.gpu.mkdir(parents=True, exist_ok=True)
    for ago in days_ago:
        day = DAY - timedelta(days=ago)
        workspace.gpu_day(day).write_text(f"{CSV_HEADER}\n{to_row(CARD)}\n")


def test_each_new_day_compresses_older_days_and_drops_the_oldest(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler
) -> None:
    make_days(workspace, 0, 1, 2, 29, 30)
    (workspace.gpu / "2026-10-20.csv.gz").write_bytes(b"")
    (workspace.gpu / "notes.txt").write_text("mine")
    sampler.tick()
    assert sorted(path.name for path in workspace.gpu.iterdir()) == [
        "2026-10-23.csv.gz",
        "2026-10-24.csv.gz",
        "2026-11-20.csv.gz",
        "2026-11-21.csv",
        "2026-11-22.csv",
        "notes.txt",
    ]

    nvml.at = NOON + timedelta(days=1)
    sampler.tick()
    assert sorted(path.name for path in workspace.gpu.iterdir() if path.is_file()) == [
        "2026-10-24.csv.gz",
        "2026-11-20.csv.gz",
        "2026-11-21.csv.gz",
        "2026-11-22.csv",
        "2026-11-23.csv",
        "notes.txt",
    ]


def test_a_compressed_day_holds_every_byte(workspace: Workspace) -> None:
    make_days(workspace, 5)
    path = workspace.gpu_day(DAY - timedelta(days=5))
    text = path.read_bytes()
    tidy(workspace.gpu, DAY)
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == text


def test_a_compression_that_was_cut_short_is_done_again(workspace: Workspace) -> None:
    make_days(workspace, 5)
    path = workspace.gpu_day(DAY - timedelta(days=5))
    text = path.read_bytes()
    (workspace.gpu / f".{path.name}.gz.tmp").write_bytes(b"half")
    (workspace.gpu / f"{path.name}.gz").write_bytes(b"whole, but the plain file was not yet gone")
    tidy(workspace.gpu, DAY)
    assert [file.name for file in workspace.gpu.iterdir()] == [f"{path.name}.gz"]
    assert gzip.decompress((workspace.gpu / f"{path.name}.gz").read_bytes()) == text


def test_keep_days_is_obeyed(workspace: Workspace, nvml: FakeNvml) -> None:
    make_days(workspace, 2, 3)
    Sampler(workspace, nvml, keep_days=2).tick()
    names = sorted(path.name for path in workspace.gpu.iterdir())
    assert names == ["2026-11-20.csv.gz", "2026-11-22.csv"]


def test_a_full_disk_is_logged_once_and_the_latest_readings_stay_fresh(
    workspace: Workspace, nvml: FakeNvml, sampler: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.gpu.mkdir(parents=True)
    workspace.gpu_day(DAY).symlink_to("/dev/full")
    for second in range(5):
        nvml.at = NOON + timedelta(seconds=second)
        sampler.tick()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert ["No space left" in record.getMessage() for record in errors] == [True]
    assert sampler.latest[0].snapshot.at == nvml.at

    workspace.gpu_day(DAY).unlink()
    sampler.tick()
    assert len(parse_rows(workspace.gpu_day(DAY).read_text().splitlines())) == 2


def test_each_kind_of_error_is_logged_once_and_no_stale_reading_is_kept(
    nvml: FakeNvml, sampler: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    sampler.tick()
    for error in (ValueError("one"), ValueError("two"), OSError(5, "three"), OSError(6, "four")):
        nvml.error = error
        sampler.tick()
        assert sampler.latest == []
    assert [record.getMessage().split()[-1] for record in caplog.records] == [
        "one",
        "three",
        "four",
    ]


def test_the_thread_samples_and_outlives_errors(
    workspace: Workspace, nvml: FakeNvml, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = Sampler(workspace, nvml, interval_s=0.01)
    nvml.error = RuntimeError("driver")
    sampler.start()
    wait_until(lambda: nvml.reads >= 3)
    nvml.error = None
    wait_until(lambda: workspace.gpu_day(DAY).exists())
    sampler.stop()
    assert len(caplog.records) == 1


def test_the_thread_stops_promptly_and_can_start_again(
    workspace: Workspace, nvml: FakeNvml
) -> None:
    sampler = Sampler(workspace, nvml, interval_s=3600)
    for _ in range(2):
        nvml.reads = 0
        sampler.start()
        sampler.start()
        wait_until(lambda: nvml.reads == 1)
        sampler.stop()
        assert not [t for t in threading.enumerate() if t.name == "gpu-sampler"]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (10.001, 11.0),
        (10.9, 11.0),
        (11.0, 12.0),
        (11.2, 12.0),
        (70.5, 71.0),
        (9.5, 11.0),
    ],
)
def test_beats_keep_to_the_grid_and_a_stall_is_skipped(now: float, due: float) -> None:
    assert next_due(10.0, now, 1.0) == due
