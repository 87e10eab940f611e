"""The daemon on a machine with two RTX 3060, of which the driver is a fake."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.gpu import latest
from core.monitor import machine
from core.monitor.gpu_minute import parse_minutes
from core.paths import RunPaths, Workspace
from core.run.store import Store
from daemon.start import Start, trainer_environment
from tests.fake_gpu import build_fake_nvml, steer
from tests.real import daemon, wait_for
from tests.supervision import make_workspace, spec_text


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws")


@pytest.fixture
def daemon_with_gpus(workspace: Workspace, tmp_path: Path) -> Iterator[dict[str, str]]:
    driver = build_fake_nvml(tmp_path)
    steer(driver, "1.processes=4242:3072")
    with daemon(workspace, extra=driver):
        yield driver


def test_both_cards_are_sampled_and_shown_with_their_processes(
    workspace: Workspace, daemon_with_gpus: dict[str, str]
) -> None:
    wait_for(lambda: workspace.heartbeat.exists() and heartbeat(workspace)["gpus"])
    gpus = heartbeat(workspace)["gpus"]
    assert [gpu["name"] for gpu in gpus] == ["NVIDIA GeForce RTX 3060"] * 2
    assert [gpu["memory_total_mib"] for gpu in gpus] == [12288, 12288]
    (seen,) = gpus[1]["processes"]
    assert (seen["pid"], seen["memory_mib"], seen["run_id"]) == (4242, 3072, "")
    assert gpus[0]["limits"] == {
        "slowdown_c": 95,
        "shutdown_c": 98,
        "power_max_w": 212.0,
        "sm_clock_max_mhz": 2100,
    }
    assert heartbeat(workspace)["free_gpus"] == [0, 1]
    # The row comes a moment after the heartbeat.
    wait_for(lambda: len(latest(workspace.gpu)) == 2)
    assert {snapshot.index for snapshot in latest(workspace.gpu)} == {0, 1}
    told = wait_for(lambda: machine.latest(workspace.machine))
    assert 0 < told.memory_used_mib < told.memory_total_mib


def test_the_minute_that_the_daemon_ends_in_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    with daemon(workspace, extra=build_fake_nvml(tmp_path)):
        wait_for(lambda: latest(workspace.gpu))
    days = list((workspace.gpu / "minutes").iterdir())
    minutes = [minute for day in days for minute in parse_minutes(day.read_text().splitlines())]
    assert {minute.gpu for minute in minutes} == {0, 1}
    assert {minute.power_w for minute in minutes} == {90.5, 15.2}


def test_a_run_that_asks_for_more_gpus_than_there_are_is_refused(
    workspace: Workspace, daemon_with_gpus: dict[str, str]
) -> None:
    store = Store(workspace)
    store.submit("three", spec_text("three", gpus=3))
    store.submit("named", spec_text("named", gpus=[0, 5]))
    wait_for(lambda: len(store.rejected()) == 2)
    reasons = {item.name: item.reason for item in store.rejected()}
    assert "more than this machine has (2)" in reasons["three.yaml"]
    assert "names GPU 5; this machine has GPU 0, 1" in reasons["named.yaml"]


def test_a_trainer_sees_only_its_own_gpus(workspace: Workspace) -> None:
    start = Start(
        paths=RunPaths(workspace.runs / "r"),
        root=workspace.root,
        attempt=2,
        config={"base_model": "./models/tiny", "datasets": [{"path": "./uploads/qa/train.jsonl"}]},
        gpu_uuids=("GPU-a", "GPU-b"),
        ranks=2,
    )
    told = trainer_environment(start, {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0"})
    assert told["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"
    assert (told["LLM_TRAINER_RANKS"], told["LLM_TRAINER_ATTEMPT"]) == ("2", "2")
    assert told["PATH"] == "/bin"


def test_a_trainer_on_the_cpu_sees_none(workspace: Workspace) -> None:
    config = {"base_model": "./models/tiny", "datasets": [{"path": "./uploads/qa/train.jsonl"}]}
    start = Start(RunPaths(workspace.runs / "r"), workspace.root, 1, config, ())
    told = trainer_environment(start, {})
    assert (told["CUDA_VISIBLE_DEVICES"], told["LLM_TRAINER_RANKS"]) == ("", "1")
    assert told["HF_HUB_OFFLINE"] == "1"


def test_a_run_that_names_the_hub_may_reach_it(workspace: Workspace) -> None:
    config = {"base_model": "org/model", "datasets": [{"path": "./uploads/qa/train.jsonl"}]}
    start = Start(RunPaths(workspace.runs / "r"), workspace.root, 1, config, ())
    assert "HF_HUB_OFFLINE" not in trainer_environment(start, {})


def heartbeat(workspace: Workspace) -> dict:
    return json.loads(workspace.heartbeat.read_text())
