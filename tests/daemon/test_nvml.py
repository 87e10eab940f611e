"""The real pynvml against a fake driver library, found by the normal library search."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.paths import CODE_ROOT
from daemon.nvml import throttle_text
from tests.fake_gpu import UUIDS, build_broken_driver, build_fake_nvml, steer

PRELUDE = """
import json, logging, os, sys, threading
from dataclasses import asdict
from pathlib import Path
from core import clock
from daemon.nvml import Nvml
from core.paths import CODE_ROOT
from tests.fake_gpu import steer

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
time_s = 0.0
nvml = Nvml(now=lambda: clock.from_text("2026-11-22T12:00:00Z"), monotonic=lambda: time_s)

def read():
    return [json.loads(json.dumps(asdict(r), default=clock.to_text)) for r in nvml.read()]

def indexes():
    return [r.snapshot.index for r in nvml.read()]

def say(value):
    print(json.dumps(value))
"""

CARD_0 = {
    "at": "2026-11-22T12:00:00.000Z",
    "index": 0,
    "uuid": UUIDS[0],
    "name": "NVIDIA GeForce RTX 3060",
    "memory_used_mib": 1024,
    "memory_total_mib": 12288,
    "utilization_pct": 37,
    "temperature_c": 55,
    "fan_pct": 40,
    "power_w": 90.5,
    "power_limit_w": 170.0,
    "sm_clock_mhz": 1807,
    "throttle": "",
}
CARD_1 = CARD_0 | {
    "index": 1,
    "uuid": UUIDS[1],
    "memory_used_mib": 512,
    "utilization_pct": 5,
    "temperature_c": 44,
    "fan_pct": 30,
    "power_w": 15.2,
    "sm_clock_mhz": 210,
}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return build_fake_nvml(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def gpus(driver: dict[str, str]) -> dict[str, str]:
    """The environment of a machine with two healthy cards."""
    steer(driver)
    return driver


def ask(environment: dict[str, str], script: str) -> tuple[Any, list[str]]:
    """What a fresh process that runs the script says, and the lines it logs."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + script],
        cwd=CODE_ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr.splitlines()


def snapshots(environment: dict[str, str]) -> list[dict[str, Any]]:
    readings, _ = ask(environment, "say(read())")
    return [reading["snapshot"] for reading in readings]


def test_two_cards_are_read_with_exact_values(gpus: dict[str, str]) -> None:
    assert snapshots(gpus) == [CARD_0, CARD_1]


def test_find_gpus_names_each_card(gpus: dict[str, str]) -> None:
    found, _ = ask(gpus, "say([asdict(gpu) for gpu in nvml.find_gpus()])")
    name = "NVIDIA GeForce RTX 3060"
    assert found == [
        {"index": index, "uuid": UUIDS[index], "name": name, "memory_total_mib": 12288}
        for index in (0, 1)
    ]


def test_processes_come_with_their_memory(gpus: dict[str, str]) -> None:
    steer(gpus, "0.processes=4242:3072,77:-")
    readings, _ = ask(gpus, "say(read())")
    assert readings[0]["processes"] == [
        {"pid": 4242, "memory_mib": 3072},
        {"pid": 77, "memory_mib": None},
    ]
    assert readings[1]["processes"] == []


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("0.fan=error:3", ["fan_pct"]),
        ("0.fan=error:999", ["fan_pct"]),
        ("0.utilization=error:3", ["utilization_pct"]),
        ("0.temperature=error:3", ["temperature_c"]),
        ("0.power=error:3", ["power_w"]),
        ("0.power_limit=error:3", ["power_limit_w"]),
        ("0.clock=error:3", ["sm_clock_mhz"]),
        ("0.memory_used=error:3", ["memory_used_mib", "memory_total_mib"]),
        ("0.throttle=error:3", []),
        ("0.processes=error:3", []),
    ],
)
def test_a_reading_the_card_does_not_offer_is_none(
    gpus: dict[str, str], line: str, missing: list[str]
) -> None:
    steer(gpus, line)
    assert snapshots(gpus) == [CARD_0 | dict.fromkeys(missing), CARD_1]


def test_an_old_driver_without_the_newer_memory_call_still_tells_memory(
    gpus: dict[str, str],
) -> None:
    steer(gpus, "0.memory_v2=error:13")
    # Version 1 counts the driver's own 151 MiB as used.
    assert snapshots(gpus)[0] == CARD_0 | {"memory_used_mib": 1175}


@pytest.mark.parametrize(
    "line", ["0.lost=1", "0.handle=error:999", "0.uuid=error:15", "0.fan=error:15"]
)
def test_a_card_that_fell_off_the_bus_does_not_hide_the_other(
    gpus: dict[str, str], line: str
) -> None:
    steer(gpus, line)
    assert snapshots(gpus) == [CARD_1]


def test_a_lost_card_is_logged_once_and_once_when_it_is_back(gpus: dict[str, str]) -> None:
    script = """
seen = [indexes()]
steer(os.environ, "1.lost=1")
seen += [indexes() for _ in range(5)]
steer(os.environ)
seen += [indexes() for _ in range(5)]
say(seen)
"""
    seen, logged = ask(gpus, script)
    assert seen == [[0, 1]] + [[0]] * 5 + [[0, 1]] * 5
    assert [line for line in logged if "GPU 1" in line] == [
        "WARNING GPU 1 does not answer: GPU is lost.",
        "INFO GPU 1 answers again.",
    ]


def test_without_a_driver_there_are_no_gpus_no_error_and_one_line(tmp_path: Path) -> None:
    found, logged = ask(
        build_broken_driver(tmp_path),
        """
found = []
for _ in range(200):
    found += nvml.read() + nvml.find_gpus()
    time_s += 1
say(found)
""",
    )
    assert found == []
    assert logged == [
        "INFO No GPU can be read (NVML Shared Library Not Found); trying again every 60 s."
    ]


def test_a_driver_without_a_gpu_has_no_gpus_and_no_error(gpus: dict[str, str]) -> None:
    steer(gpus, "count=0")
    found, logged = ask(gpus, "say(nvml.read() + nvml.read() + nvml.find_gpus())")
    assert found == []
    assert len(logged) == 1


def test_a_driver_loaded_later_is_found_within_a_minute(gpus: dict[str, str]) -> None:
    steer(gpus, "init=error:9")
    script = """
seen = [indexes()]
steer(os.environ)
for time_s in (30.0, 59.9, 60.0, 61.0):
    seen.append(indexes())
say(seen)
"""
    seen, logged = ask(gpus, script)
    assert seen == [[], [], [], [0, 1], [0, 1]]
    assert logged == [
        "INFO No GPU can be read (Driver Not Loaded); trying again every 60 s.",
        "INFO NVML answers; GPUs: 2.",
    ]


def test_when_every_card_is_lost_the_driver_is_opened_anew_after_a_minute(
    gpus: dict[str, str],
) -> None:
    script = """
seen = [indexes()]
steer(os.environ, "0.lost=1", "1.lost=1")
seen.append(indexes())
steer(os.environ)
for time_s in (1.0, 60.0):
    seen.append(indexes())
say(seen)
"""
    seen, _ = ask(gpus, script)
    assert seen == [[0, 1], [], [], [0, 1]]


def test_a_closed_door_opens_again_at_the_next_read(gpus: dict[str, str]) -> None:
    seen, _ = ask(gpus, "nvml.close(); seen = [indexes()]; nvml.close(); say([*seen, indexes()])")
    assert seen == [[0, 1], [0, 1]]


def test_one_thread_may_read_while_another_looks_for_gpus(gpus: dict[str, str]) -> None:
    script = """
counts = set()
reader = threading.Thread(target=lambda: [counts.add(len(nvml.read())) for _ in range(100)])
reader.start()
for _ in range(100):
    counts.add(len(nvml.find_gpus()))
reader.join()
say(sorted(counts))
"""
    counts, _ = ask(gpus, script)
    assert counts == [2]


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0x0, ""),
        (0x1, ""),
        (0x2, ""),
        (0x100, ""),
        (0x4, "power"),
        (0x80, "power"),
        (0x20, "thermal"),
        (0x40, "thermal"),
        (0x4 | 0x20, "power+thermal"),
        (0x8, "hardware"),
        (0x8 | 0x40, "thermal"),
        (0x10, "sync"),
    ],
)
def test_throttle_names_what_holds_the_clocks_down(bits: int, text: str) -> None:
    assert throttle_text(bits) == text


def test_the_throttle_of_a_card_is_read(gpus: dict[str, str]) -> None:
    steer(gpus, f"0.throttle={0x4 | 0x20}")
    assert snapshots(gpus)[0]["throttle"] == "power+thermal"


def test_limits_are_told_and_may_be_missing(gpus: dict[str, str]) -> None:
    steer(gpus, "1.slowdown=error:3", "1.power_max=error:3")
    readings, _ = ask(gpus, "say(read())")
    limits = {
        "slowdown_c": 95,
        "shutdown_c": 98,
        "power_max_w": 212.0,
        "sm_clock_max_mhz": 2100,
    }
    assert readings[0]["limits"] == limits
    assert readings[1]["limits"] == limits | {"slowdown_c": None, "power_max_w": None}
