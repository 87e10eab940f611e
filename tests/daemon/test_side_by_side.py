"""Several runs at once, on as many GPUs as there are, and guards that hold them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from core import clock
from core.gpu import GpuSnapshot
from core.paths import Workspace
from core.run.phase import Verb
from core.run.store import Run, Store
from core.settings import Hours
from daemon.guarding import look_at_machine
from daemon.nvml import Gpu, GpuReading
from daemon.supervisor import Supervisor
from tests.supervision import (
    SETTINGS,
    living,
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)

UUIDS = ("GPU-a", "GPU-b")


@pytest.fixture
def supervisor(workspace: Workspace) -> Iterator[Supervisor]:
    """On a machine with two cards, both idle."""
    with supervising(workspace) as supervisor:
        give_gpus(supervisor)
        yield supervisor


def give_gpus(supervisor: Supervisor, used_mib: tuple[int, ...] = (300, 10), hot: int = 40) -> None:
    """Two cards of 12 GiB with so much memory in use, as warm as `hot` degrees."""
    supervisor.sampler.stop()
    supervisor.gpus = [Gpu(index, uuid, "card", 12288) for index, uuid in enumerate(UUIDS)]
    supervisor.sampler.latest = [
        GpuReading(
            GpuSnapshot(
                clock.now(), index, uuid, "card", used, 12288, 0, hot, 0, 50.0, 170.0, 1800, ""
            ),
            (),
        )
        for index, (uuid, used) in enumerate(zip(UUIDS, used_mib, strict=True))
    ]


def visible_gpus(run: Run) -> set[str]:
    """What the processes of the run are allowed to see."""
    environments = [
        Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in living(run.paths)
    ]
    name = b"CUDA_VISIBLE_DEVICES="
    return {
        variable.removeprefix(name).decode()
        for environment in environments
        for variable in environment
        if variable.startswith(name)
    }


def reason(workspace: Workspace, name: str) -> str:
    run = the_run(workspace, name)
    return run.status.reason if run else ""


def running(workspace: Workspace, *names: str) -> bool:
    return all(phase(workspace, name) == "running" for name in names)


def goes_on(workspace: Workspace, name: str) -> bool:
    """Whether the run trains again, after its pause."""
    return running(workspace, name) and the_run(workspace, name).status.attempt == 2


def cancel(supervisor: Supervisor, workspace: Workspace, name: str) -> None:
    Store(workspace).request(the_run(workspace, name).run_id, Verb.CANCEL)
    tick_until(supervisor, lambda: phase(workspace, name) == "cancelled")
    give_gpus(supervisor)


def test_two_runs_of_one_gpu_train_side_by_side_each_on_its_own(
    supervisor: Supervisor, workspace: Workspace, store: Store
) -> None:
    for name in ("a", "b", "c"):
        store.submit(name, spec_text(name, "hang"))
    tick_until(supervisor, lambda: running(workspace, "a", "b"))
    seen = [visible_gpus(the_run(workspace, name)) for name in ("a", "b")]
    assert sorted(gpu for gpus in seen for gpu in gpus) == ["GPU-a", "GPU-b"]
    tick_until(supervisor, lambda: "waits for" in reason(workspace, "c"))


def test_a_run_of_two_gpus_waits_for_both_and_is_not_overtaken(
    supervisor: Supervisor, workspace: Workspace, store: Store
) -> None:
    store.submit("small", spec_text("small", "hang"))
    tick_until(supervisor, lambda: running(workspace, "small"))
    store.submit("big", spec_text("big", "hang", gpus=2))
    tick_until(supervisor, lambda: phase(workspace, "big") == "queued")
    store.submit("late", spec_text("late", "hang"))
    tick_until(supervisor, lambda: "big" in reason(workspace, "late"))
    assert "small" in reason(workspace, "big")
    cancel(supervisor, workspace, "small")
    tick_until(supervisor, lambda: running(workspace, "big"))
    assert visible_gpus(the_run(workspace, "big")) == {"GPU-a,GPU-b"}
    assert phase(workspace, "late") == "queued"


def test_a_gpu_that_another_program_fills_is_waited_for_and_told(
    supervisor: Supervisor, workspace: Workspace, store: Store
) -> None:
    give_gpus(supervisor, used_mib=(7577, 11000))
    store.submit("a", spec_text("a", gpus=[0]))
    tick_until(supervisor, lambda: "other programs use 7.4 GiB" in reason(workspace, "a"))
    give_gpus(supervisor)
    tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_after_a_kill_the_next_run_waits_until_the_memory_is_back(
    supervisor: Supervisor, workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang", gpus=[0]))
    tick_until(supervisor, lambda: running(workspace, "a"))
    store.submit("b", spec_text("b", gpus=[0]))
    tick_until(supervisor, lambda: phase(workspace, "b") == "queued")
    store.request(the_run(workspace, "a").run_id, Verb.CANCEL)
    tick_until(supervisor, lambda: phase(workspace, "a") == "cancelled")
    give_gpus(supervisor, used_mib=(1900, 10))
    tick_until(supervisor, lambda: "gives back the memory" in reason(workspace, "b"))
    give_gpus(supervisor)
    tick_until(supervisor, lambda: phase(workspace, "b") == "completed")


def test_a_run_on_the_cpu_goes_beside_those_on_gpus(
    supervisor: Supervisor, workspace: Workspace, store: Store
) -> None:
    store.submit("gpus", spec_text("gpus", "hang", gpus=2))
    store.submit("cpu", spec_text("cpu", "hang", gpus=0))
    tick_until(supervisor, lambda: running(workspace, "gpus", "cpu"))
    assert visible_gpus(the_run(workspace, "cpu")) == {""}


def test_a_low_disk_pauses_what_trains_and_room_lets_it_go_on(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"gib": 100.0}
    monkeypatch.setattr(
        "daemon.guarding.shutil.disk_usage",
        lambda folder: type("Usage", (), {"free": int(free["gib"] * 1024**3)}),
    )
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace, replace(SETTINGS, min_free_disk_gib=2)) as supervisor:
        tick_until(supervisor, lambda: running(workspace, "a"))
        free["gib"] = 1.5
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        assert the_run(workspace, "a").status.held_by == "disk"
        store.submit("b", spec_text("b"))
        tick_until(supervisor, lambda: "room on the disk" in reason(workspace, "b"))
        free["gib"] = 50
        tick_until(supervisor, lambda: goes_on(workspace, "a"))


def test_outside_of_the_training_hours_nothing_starts_and_what_trains_is_paused(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Hours(time(22), time(7))
    at = {"time": time(23)}
    monkeypatch.setattr(
        "daemon.guarding.look_at_machine",
        lambda folder, readings: replace(look_at_machine(folder, readings), local_time=at["time"]),
    )
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace, replace(SETTINGS, training_hours=night)) as supervisor:
        tick_until(supervisor, lambda: running(workspace, "a"))
        at["time"] = time(7)
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        tick_until(supervisor, lambda: "22:00-07:00" in reason(workspace, "a"))
        assert phase(workspace, "a") == "paused"
        at["time"] = time(22)
        tick_until(supervisor, lambda: goes_on(workspace, "a"))


def test_a_hot_gpu_pauses_its_run_and_lets_it_go_on_when_it_is_cool(
    workspace: Workspace, store: Store
) -> None:
    settings = replace(SETTINGS, max_gpu_temperature_c=80.0)
    seconds = {"now": 0.0}
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace, settings) as supervisor:
        supervisor.guarding.guards._clock = lambda: seconds["now"]
        give_gpus(supervisor)
        tick_until(supervisor, lambda: running(workspace, "a"))
        give_gpus(supervisor, hot=85)
        supervisor.tick()
        seconds["now"] += 11
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        assert the_run(workspace, "a").status.held_by == "temperature"
        give_gpus(supervisor, hot=70)
        supervisor.tick()
        assert phase(workspace, "a") == "paused"
        give_gpus(supervisor, hot=60)
        tick_until(supervisor, lambda: goes_on(workspace, "a"))
