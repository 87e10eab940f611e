from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.files import save_json
from core.gpu import GpuLimits
from core.heartbeat import SeenGpu, SeenProcess, read_heartbeat

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
RECORD = {
    "pid": 42,
    "version": "0.1.0",
    "started_at": "2026-11-22T11:00:00.000Z",
    "beat_at": "2026-11-22T12:00:00.000Z",
    "gpus": [
        {
            "index": 0,
            "uuid": "GPU-0",
            "name": "NVIDIA GeForce RTX 3060",
            "memory_used_mib": 9120,
            "memory_total_mib": 12288,
            "processes": [{"pid": 7, "memory_mib": None}],
        }
    ],
    "free_gpus": [0],
    "troubles": ["the disk is full"],
}


def test_a_heartbeat_tells_what_the_daemon_sees(tmp_path: Path) -> None:
    save_json(tmp_path / "daemon.json", RECORD)
    heartbeat = read_heartbeat(tmp_path / "daemon.json")
    assert heartbeat is not None
    (gpu,) = heartbeat.gpus
    assert gpu == SeenGpu(0, "NVIDIA GeForce RTX 3060", 9120, 12288, (SeenProcess(7),))
    assert (heartbeat.free_gpus, heartbeat.troubles) == ((0,), ("the disk is full",))


@pytest.mark.parametrize(
    ("age_s", "fresh"), [(0, True), (4.9, True), (5.1, False), (-3, True), (-60, False)]
)
def test_a_heartbeat_is_fresh_for_five_seconds(tmp_path: Path, age_s: float, fresh: bool) -> None:
    save_json(tmp_path / "daemon.json", RECORD)
    heartbeat = read_heartbeat(tmp_path / "daemon.json")
    assert heartbeat is not None
    assert heartbeat.is_fresh(NOON + timedelta(seconds=age_s)) is fresh


def test_the_first_heartbeat_of_an_older_version_is_enough(tmp_path: Path) -> None:
    save_json(tmp_path / "daemon.json", {"beat_at": RECORD["beat_at"], "gpus": None})
    heartbeat = read_heartbeat(tmp_path / "daemon.json")
    assert heartbeat is not None
    assert heartbeat.gpus == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"beat_at": 5}', '{"beat_at": "soon"}', '{"beat_at": null}']
)
def test_an_unreadable_heartbeat_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.json").write_text(text)
    assert read_heartbeat(tmp_path / "daemon.json") is None
    assert read_heartbeat(tmp_path / "missing.json") is None


def test_processes_and_limits_are_told_as_far_as_they_are_known(tmp_path: Path) -> None:
    ours = {"pid": 8, "memory_mib": 3072, "run_id": "20261122-120000-mine", "name": "trainer.run"}
    limits = {"slowdown_c": 95, "shutdown_c": None, "power_max_w": "much", "newer": 1}
    gpu = {"index": 0, "processes": [ours, {"name": "no pid"}], "limits": limits}
    save_json(tmp_path / "daemon.json", {**RECORD, "gpus": [gpu]})
    heartbeat = read_heartbeat(tmp_path / "daemon.json")
    assert heartbeat is not None
    assert heartbeat.gpus[0].processes == (
        SeenProcess(8, 3072, "20261122-120000-mine", "trainer.run", ""),
    )
    assert heartbeat.gpus[0].limits == GpuLimits(slowdown_c=95)
