"""Standbys as real processes, whose ranks are fake: made, taken, lost, and never missed."""

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core import handover
from core.errors import RecordError
from core.files import load_json, parse_json_lines
from core.lock import is_locked, take_lock
from core.paths import RunPaths, Workspace
from core.process import pids_with_environment
from core.run.trainer_env import STANDBY_VARIABLE
from core.settings import Settings
from daemon import standby as standby_module
from daemon import standbys as standbys_module
from daemon.standby import Standby, start_standby
from daemon.standbys import Standbys
from daemon.start import Start
from daemon.trainer_process import TrainerProcess, keep
from tests.clock import Clock
from tests.supervision import FAKE_RANK, FAKE_TRAINER, end, make_workspace, spec_text
from tests.waiting import wait_until

PLENTY_MIB = 64 * 1024
GPUS = ("GPU-a", "GPU-b")


class Desk:
    """A workspace with standbys, and what they are told."""

    def __init__(self, root: Path, settings: Settings = Settings()) -> None:  # noqa: B008
        self.workspace: Workspace = make_workspace(root)
        self.available_mib = PLENTY_MIB
        self.code = frozenset({("core/files.py", 1)})
        self.clock = Clock()
        self.standbys = Standbys(
            self.workspace,
            settings,
            self.clock,
            start=partial(start_standby, self.workspace, rank_command=FAKE_RANK),
            available_mib=lambda: self.available_mib,
            code=lambda: self.code,
        )
        self.standbys.open()
        self.trainers: list[TrainerProcess] = []

    def turn(self, *wanted: int, gpus: tuple[str, ...] = (), may_prepare: bool = True) -> None:
        self.clock.now += standbys_module.LOOK_INTERVAL_S
        self.standbys.tick(wanted or (1,), gpus, may_prepare)

    def make_ready(self, *wanted: int, gpus: tuple[str, ...] = ()) -> Standby:
        """The standby that was wanted most, once it is ready."""

        def found() -> Standby | None:
            self.turn(*wanted, gpus=gpus)
            ranks = (wanted or (1,))[0]
            there = (s for s in self.standbys.standbys if s.ranks == ranks and s.is_ready)
            return next(there, None)

        return wait_until(found)

    def obtain(self, name: str, behaviour: str = "steps-3", **changes: object) -> RunPaths:
        """Have a run trained by what the standbys give."""
        paths = self.workspace.run(f"20260101-000000-{name}")
        paths.folder.mkdir()
        paths.spec.write_text(spec_text(name, behaviour))
        paths.axolotl_config.write_text("base_model: ./models/tiny\n")
        asked = {"config": {"base_model": "./models/tiny"}, "gpu_uuids": (), **changes}
        start = Start(paths, self.workspace.root, 1, **asked)
        self.trainers.append(self.standbys.obtain(start))
        return paths

    def close(self) -> None:
        self.standbys.close()
        for trainer in self.trainers:
            end(trainer)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    cold = partial(keep, command=[sys.executable, str(FAKE_TRAINER)])
    monkeypatch.setattr(standbys_module, "start_trainer", cold)
    desk = Desk(tmp_path / "ws")
    yield desk
    desk.close()


def pids_of(standby: Standby) -> list[int]:
    return list(pids_with_environment(f"{STANDBY_VARIABLE}={standby.birth.name}"))


def ending(paths: RunPaths) -> dict[str, object]:
    """How the run's attempt ended, once it has."""
    wait_until(lambda: paths.exit.exists() and not is_locked(paths.lock))
    return load_json(paths.exit)


def environment(pid: int) -> dict[str, str]:
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


def why_cold(paths: RunPaths) -> str:
    """Why the run was started cold, as its processes were told."""
    pids = wait_until(lambda: list(pids_with_environment(*TrainerProcess(paths).marks)))
    return environment(pids[0])["LLM_TRAINER_COLD"]


def test_a_run_is_trained_by_the_processes_that_waited(desk: Desk) -> None:
    standby = desk.make_ready()
    keeper, rank = standby.pids
    paths = desk.obtain("a", "steps-5 pace-200")
    holder = wait_until(lambda: load_json(paths.lock) if paths.lock.read_text() else None)
    assert (holder["pid"], holder["standby"]) == (keeper, standby.birth.name)
    assert TrainerProcess(paths).is_alive
    assert set(pids_of(standby)) == {keeper, rank}
    assert ending(paths)["code"] == 0
    journal = parse_json_lines(paths.journal.read_text().splitlines())
    assert [entry["entry"] for entry in journal if entry["entry"] != "stage"][-1] == "done"
    assert paths.log.read_text().startswith("=== attempt 1, ")
    assert pids_of(standby) == []


def test_a_standby_that_is_not_ready_yet_is_taken_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RANK", "slow")
    desk.turn()
    standby = wait_until(
        lambda: next((s for s in desk.standbys.standbys if s.connection), None), desk.turn
    )
    paths = desk.obtain("a")
    assert load_json(paths.lock)["standby"] == standby.birth.name
    assert ending(paths)["code"] == 0


def test_a_run_that_was_warm_is_paused_and_cancelled_as_any_other(desk: Desk) -> None:
    desk.make_ready()
    paused = desk.obtain("a", "hang")
    wait_until(paused.beat.exists)
    # Whoever comes after the daemon that began it knows no more than what lies on the disk.
    assert TrainerProcess(paused).pause()
    assert ending(paused)["asked"] == "stop"
    desk.make_ready()
    cancelled = desk.obtain("b", "hang deaf orphan")
    wait_until(cancelled.beat.exists)
    TrainerProcess(cancelled).cancel()
    wait_until(lambda: not TrainerProcess(cancelled).kill() and not is_locked(cancelled.lock))


def test_both_ranks_of_a_run_on_two_gpus_have_waited(desk: Desk) -> None:
    standby = desk.make_ready(2, gpus=GPUS)
    assert environment(standby.pids[2])["RANK"] == "1"
    assert environment(standby.pids[2])["CUDA_VISIBLE_DEVICES"] == ",".join(GPUS)
    paths = desk.obtain("a", "steps-2", ranks=2, gpu_uuids=GPUS)
    assert load_json(paths.lock)["standby"] == standby.birth.name
    assert ending(paths)["code"] == 0


def test_a_standby_sees_as_many_gpus_as_its_run_will_have(desk: Desk) -> None:
    standby = desk.make_ready(1, 2, gpus=GPUS)
    told = environment(standby.pids[1])
    assert told["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert told["PYTORCH_NVML_BASED_CUDA_CHECK"] == "1"


@pytest.mark.parametrize("how", ["deaf", "dies"])
def test_a_rank_that_does_not_take_the_run_costs_a_cold_start_and_no_attempt(
    how: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby_module, "ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setenv("FAKE_RANK", how)
    standby = desk.make_ready()
    paths = desk.obtain("a", "steps-9 pace-100")
    assert why_cold(paths) == "the standby did not answer"
    assert pids_of(standby) == []
    assert ending(paths)["code"] == 0


@pytest.mark.parametrize("victim", [0, 1], ids=["keeper", "rank"])
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP])
def test_a_standby_that_is_killed_or_stopped_costs_a_cold_start_and_no_attempt(
    victim: int, signum: signal.Signals, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby_module, "ANSWER_TIMEOUT_S", 0.5)
    standby = desk.make_ready()
    os.kill(standby.pids[victim], signum)
    paths = desk.obtain("a", "steps-3 pace-100")
    assert ending(paths)["code"] == 0
    wait_until(lambda: not pids_of(standby))
    assert load_json(paths.lock)["standby"] == ""


def test_after_the_end_of_a_standby_the_next_is_made_after_a_while(desk: Desk) -> None:
    standby = desk.make_ready()
    os.kill(standby.pids[1], signal.SIGKILL)
    wait_until(lambda: standby not in desk.standbys.standbys, desk.turn)
    assert desk.standbys.seen().reason.startswith("the standby ended: one of its processes died")
    desk.clock.now -= standbys_module.LOOK_INTERVAL_S
    desk.turn()
    assert desk.standbys.standbys == []
    desk.clock.now += standbys_module.LONGEST_DELAY_S
    assert desk.make_ready() is not standby
    desk.turn()
    assert desk.standbys.seen().state == "ready"
    assert desk.standbys.seen().reason == ""


def test_what_keeps_a_standby_from_getting_ready_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RANK", "unfit")
    desk.turn()
    wait_until(lambda: desk.standbys.trouble, desk.turn)
    assert desk.standbys.trouble == "the standby ended: a library is missing"
    assert why_cold(desk.obtain("a", "hang")) == desk.standbys.trouble


def test_no_standby_outlives_its_daemon(desk: Desk) -> None:
    standby = desk.make_ready()
    # As the kernel does it when the daemon is killed.
    standby.connection.close()
    wait_until(lambda: not pids_of(standby))


def test_a_standby_with_old_code_is_not_used_and_is_made_anew(desk: Desk) -> None:
    old = desk.make_ready()
    desk.code = frozenset({("core/files.py", 2)})
    paths = desk.obtain("a", "hang")
    assert why_cold(paths) == "code or packages have changed since the standby was made"
    assert wait_until(lambda: not pids_of(old))
    new = desk.make_ready()
    desk.code = frozenset({("core/files.py", 3)})
    desk.turn()
    assert new not in desk.standbys.standbys
    assert desk.make_ready().birth.code == desk.code


def test_memory_that_is_short_is_given_back_and_none_is_taken(desk: Desk) -> None:
    standby = desk.make_ready()
    desk.available_mib = 1000
    desk.turn()
    assert wait_until(lambda: not pids_of(standby))
    desk.turn()
    assert desk.standbys.standbys == []
    told = "1.0 GiB of memory are available, and a standby is made only where 3 GiB are"
    assert desk.standbys.seen().reason == told
    assert why_cold(desk.obtain("a", "hang")) == told


def test_none_is_made_while_another_training_starts(desk: Desk) -> None:
    desk.turn(may_prepare=False)
    assert desk.standbys.standbys == []


def test_a_standby_that_nobody_wants_any_more_is_ended(desk: Desk) -> None:
    standby = desk.make_ready(2, 1)
    desk.turn(1)
    assert standby not in desk.standbys.standbys
    assert wait_until(lambda: not pids_of(standby))


def test_one_is_made_for_each_number_of_ranks_that_is_wanted(desk: Desk) -> None:
    first = desk.make_ready(2, 1)
    second = desk.make_ready(1, 2)
    assert [standby.ranks for standby in desk.standbys.standbys] == [2, 1]
    assert desk.standbys.seen().memory_mib > 0
    paths = desk.obtain("a", "steps-2")
    assert load_json(paths.lock)["standby"] == second.birth.name
    assert first.is_ready


def test_switched_off_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = partial(keep, command=[sys.executable, str(FAKE_TRAINER)])
    monkeypatch.setattr(standbys_module, "start_trainer", cold)
    desk = Desk(tmp_path / "ws", Settings(warm_standby=False))
    desk.turn()
    assert desk.standbys.standbys == []
    assert desk.standbys.seen().state == "off"
    assert why_cold(desk.obtain("a", "hang")) == "standbys are switched off in the settings"
    desk.close()


def test_ten_runs_in_a_row_leave_nothing_behind(desk: Desk) -> None:
    desk.make_ready()
    open_before, told = count_open_files(), []
    for number in range(10):
        standby = desk.make_ready()
        paths = desk.obtain(f"run-{number}", "steps-2")
        told.append(environment_of_trainer(paths))
        assert ending(paths)["code"] == 0
        wait_until(lambda standby=standby: not pids_of(standby))
        end(desk.trainers.pop())
    own = {"LLM_TRAINER_RUN", "LLM_TRAINER_STANDBY"}
    shared = [{key: value for key, value in each.items() if key not in own} for each in told]
    assert all(each == shared[0] for each in shared)
    assert len({each["LLM_TRAINER_RUN"] for each in told}) == 10
    desk.make_ready()
    assert count_open_files() <= open_before


def count_open_files() -> int:
    """How many descriptors this process, in place of the daemon, has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def environment_of_trainer(paths: RunPaths) -> dict[str, str]:
    """What the fake trainer found in its environment when it had taken the run over."""
    path = paths.folder / "env.json"
    return wait_until(lambda: load_json(path) if path.exists() else {})


def test_a_run_that_is_being_trained_is_not_given_to_a_standby(desk: Desk) -> None:
    standby = desk.make_ready()
    lock = take_lock(desk.workspace.run("20260101-000000-a").folder.parent / "lock")
    assert lock is not None
    start = Start(RunPaths(desk.workspace.runs / "held"), desk.workspace.root, 1, {}, ())
    start.paths.folder.mkdir()
    os.link(desk.workspace.runs / "lock", start.paths.lock)
    with pytest.raises(RecordError, match="is being trained already"):
        standby.give(start, {})
    os.close(lock)
    assert standby.is_ready


def test_many_failures_in_a_row_are_no_trouble_of_their_own(desk: Desk) -> None:
    for _ in range(2000):
        desk.standbys._fail("again")
    assert desk.standbys._try_at == desk.clock.now + standbys_module.LONGEST_DELAY_S


def test_a_stranger_at_the_door_is_sent_away(desk: Desk) -> None:
    with handover.knock(desk.workspace.standby) as stranger:
        handover.send(stranger, {"name": "nobody"})
        desk.turn()
        stranger.settimeout(20)
        assert handover.receive(stranger) is None
