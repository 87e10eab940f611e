"""The keeper tells how a training ended, passes signals on, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.files import file_size
from core.lock import is_locked, take_lock
from core.paths import CODE_ROOT, RunPaths
from core.process import boot_id, started_ticks
from core.run.trainer_env import ATTEMPT_VARIABLE, RANKS_VARIABLE, RUN_FOLDER_VARIABLE
from daemon.trainer_process import TrainerProcess
from tests.supervision import end, living
from tests.waiting import wait_until
from trainer.keeper import rank_environment

Start = Callable[..., "subprocess.Popen[bytes]"]

LOADING = """
import os, signal, sys, time
def hear(signum, frame):
    with open('{folder}/wishes', 'a') as file:
        file.write(signal.Signals(signum).name + ' ')
    if signum == signal.SIGUSR1:
        sys.exit(0)
def wait():
    while True:
        time.sleep(0.01)  # `signal.pause` would sleep through what comes right before it
signal.signal(signal.SIGUSR1, hear)
signal.signal(signal.SIGUSR2, hear)
with open('{folder}/ready', 'a') as file:
    file.write('.')
"""
"""A trainer that notes what it is wished; it says `wait()` when it has nothing more to do."""

TRAINING = LOADING + "open('{folder}/.beat', 'w').close()\n"


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


@pytest.fixture
def start(paths: RunPaths) -> Iterator[Start]:
    keepers: list[subprocess.Popen[bytes]] = []

    def start_keeper(script: str, ranks: int = 1, before: str = "") -> "subprocess.Popen[bytes]":
        """A keeper of the script; `before` changes its constants."""
        env = {
            **os.environ,
            "PYTHONPATH": str(CODE_ROOT),
            RUN_FOLDER_VARIABLE: str(paths.folder),
            ATTEMPT_VARIABLE: "3",
            RANKS_VARIABLE: str(ranks),
        }
        lock = take_lock(paths.lock)
        assert lock is not None
        keeper = f"import sys; from trainer import keeper; {before or 'pass'}; "
        keeper += f"keeper.main({lock}, sys.argv[1:])"
        command = [sys.executable, "-P", "-c", keeper, sys.executable, "-c"]
        with paths.log.open("ab") as log:
            keepers.append(
                subprocess.Popen(
                    [*command, script.replace("{folder}", str(paths.folder))],
                    env=env,
                    stdout=log,
                    start_new_session=True,
                    pass_fds=[lock],
                )
            )
        os.close(lock)
        return keepers[-1]

    yield start_keeper
    for keeper in keepers:
        end(TrainerProcess(paths, keeper))


def ending(paths: RunPaths) -> dict:
    return json.loads(paths.exit.read_text())


def wishes(paths: RunPaths) -> list[str]:
    """What the trainer was wished, in order."""
    path = paths.folder / "wishes"
    return path.read_text().split() if path.exists() else []


def ready(paths: RunPaths, ranks: int = 1) -> bool:
    """Whether so many trainers listen."""
    return file_size(paths.folder / "ready") == ranks


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_written_down(paths: RunPaths, start: Start, code: int) -> None:
    start(f"raise SystemExit({code})").wait(20)
    assert (ending(paths)["code"], ending(paths)["signal"]) == (code, None)
    assert ending(paths)["attempt"] == 3
    assert "=== attempt 3" in paths.log.read_text()


def test_a_death_by_signal_is_written_down_by_its_name(paths: RunPaths, start: Start) -> None:
    start("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").wait(20)
    assert (ending(paths)["code"], ending(paths)["signal"]) == (None, "SIGKILL")


def test_the_lock_is_held_exactly_as_long_as_the_training_lives(
    paths: RunPaths, start: Start
) -> None:
    keeper = start(
        f"import pathlib, time; pathlib.Path({str(paths.folder / 'up')!r}).touch(); time.sleep(600)"
    )
    wait_until((paths.folder / "up").exists)
    assert is_locked(paths.lock)
    keeper.kill()
    keeper.wait()
    # The keeper is gone, its training is not: the lock says so.
    assert is_locked(paths.lock)
    # A killed process loses its environment, by which it is found, before it lets go of the lock.
    wait_until(lambda: not is_locked(paths.lock), TrainerProcess(paths).kill)
    assert living(paths) == []


def test_nobody_else_gets_the_lock_from_the_first_moment_on(paths: RunPaths, start: Start) -> None:
    start("import time; time.sleep(600)")
    assert take_lock(paths.lock) is None
    assert is_locked(paths.lock)


def test_the_lock_tells_who_holds_it_in_which_boot(paths: RunPaths, start: Start) -> None:
    keeper = start("import time; time.sleep(600)")
    wait_until(lambda: paths.lock.read_text())
    assert json.loads(paths.lock.read_text()) == {
        "pid": keeper.pid,
        "started_ticks": started_ticks(keeper.pid),
        "boot_id": boot_id(),
        "attempt": 3,
        "standby": "",
    }


def test_a_cancel_reaches_stopped_processes_too(paths: RunPaths, start: Start) -> None:
    keeper = start("import os, signal, time; os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)")
    wait_until(lambda: any(is_stopped(pid) for pid in living(paths)))
    keeper.send_signal(signal.SIGINT)
    keeper.wait(20)
    assert (ending(paths)["signal"], ending(paths)["asked"]) == ("SIGTERM", "cancel")


def test_a_cancel_does_not_wait_for_a_checkpoint(paths: RunPaths, start: Start) -> None:
    keeper = start(f"{TRAINING}wait()")
    wait_until(paths.beat.exists)
    keeper.send_signal(signal.SIGINT)
    keeper.wait(20)
    assert (ending(paths)["signal"], ending(paths)["asked"]) == ("SIGTERM", "cancel")
    assert wishes(paths) == []


@pytest.mark.parametrize("wish", [signal.SIGUSR1, signal.SIGTERM])
def test_a_wish_to_stop_lets_the_training_end_by_itself(
    paths: RunPaths, start: Start, wish: signal.Signals
) -> None:
    keeper = start(f"{TRAINING}wait()")
    wait_until(paths.beat.exists)
    keeper.send_signal(wish)
    assert keeper.wait(20) == 0
    assert wishes(paths) == ["SIGUSR1"]
    assert (ending(paths)["code"], ending(paths)["asked"]) == (0, "stop")


@pytest.mark.parametrize("wish", [signal.SIGUSR1, signal.SIGTERM])
def test_before_training_begins_a_wish_to_stop_just_ends_it(
    paths: RunPaths, start: Start, wish: signal.Signals
) -> None:
    paths.beat.write_text("7")  # of an earlier attempt
    keeper = start(f"{LOADING}wait()")
    wait_until(lambda: ready(paths))
    keeper.send_signal(wish)
    keeper.wait(20)
    assert (ending(paths)["signal"], ending(paths)["asked"]) == ("SIGTERM", "stop")
    assert wishes(paths) == []


@pytest.mark.parametrize("wish", [signal.SIGUSR1, signal.SIGINT])
def test_a_wish_that_comes_before_there_are_processes_is_kept(
    paths: RunPaths, start: Start, wish: signal.Signals
) -> None:
    keeper = start("import time; time.sleep(600)")
    # The lock is signed before the ranks are started.
    wait_until(lambda: paths.lock.read_text())
    keeper.send_signal(wish)
    keeper.wait(20)
    assert ending(paths)["signal"] == "SIGTERM"
    assert ending(paths)["asked"] == ("cancel" if wish == signal.SIGINT else "stop")


def test_a_wish_for_a_checkpoint_lets_the_training_go_on(paths: RunPaths, start: Start) -> None:
    keeper = start(f"{TRAINING}wait()")
    wait_until(paths.beat.exists)
    keeper.send_signal(signal.SIGUSR2)
    wait_until(lambda: wishes(paths))
    assert keeper.poll() is None
    keeper.send_signal(signal.SIGUSR1)
    keeper.wait(20)
    assert wishes(paths) == ["SIGUSR2", "SIGUSR1"]


def test_before_training_begins_a_wish_for_a_checkpoint_is_let_pass(
    paths: RunPaths, start: Start
) -> None:
    keeper = start(f"{LOADING}wait()")
    wait_until(lambda: ready(paths))
    keeper.send_signal(signal.SIGUSR2)
    keeper.send_signal(signal.SIGUSR1)
    keeper.wait(20)
    assert wishes(paths) == []


def test_a_wish_to_stop_reaches_every_rank_even_one_that_is_frozen(
    paths: RunPaths, start: Start
) -> None:
    keeper = start(
        f"{TRAINING}if os.environ['RANK'] == '1': os.kill(os.getpid(), signal.SIGSTOP)\nwait()",
        ranks=2,
    )
    wait_until(lambda: ready(paths, 2) and any(is_stopped(pid) for pid in living(paths)))
    keeper.send_signal(signal.SIGUSR1)
    keeper.wait(20)
    assert wishes(paths) == ["SIGUSR1", "SIGUSR1"]
    assert ending(paths)["code"] == 0


def test_a_shutdown_does_not_wait_for_a_checkpoint_for_ever(paths: RunPaths, start: Start) -> None:
    deaf = "signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
    keeper = start(
        f"{LOADING}{deaf}open('{{folder}}/.beat', 'w').close()\nwait()",
        before="keeper.STOP_GRACE_S = 0.1",
    )
    wait_until(paths.beat.exists)
    keeper.send_signal(signal.SIGTERM)
    keeper.wait(20)
    assert (ending(paths)["signal"], ending(paths)["asked"]) == ("SIGTERM", "stop")


def test_what_ignores_a_wish_to_stop_is_killed_before_training_begins(
    paths: RunPaths, start: Start
) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
    keeper = start(f"{deaf}{LOADING}wait()", before="keeper.KILL_GRACE_S = 0.1")
    wait_until(lambda: ready(paths))
    keeper.send_signal(signal.SIGUSR1)
    keeper.wait(20)
    assert (ending(paths)["signal"], ending(paths)["asked"]) == ("SIGKILL", "stop")


def test_ranks_on_the_cpu_share_its_cores_and_know_that_they_are_peers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cores = len(os.sched_getaffinity(0))
    assert rank_environment(0, 1, 0) == {}
    environment = rank_environment(1, 2 * cores, 5000)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["ACCELERATE_USE_CPU"] == "true"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1,GPU-2")
    environment = rank_environment(1, 2, 5000)
    assert environment["OMP_NUM_THREADS"] == "3"
    assert "ACCELERATE_USE_CPU" not in environment


def test_what_the_kernel_killed_for_want_of_memory_meanwhile_is_counted(
    paths: RunPaths, start: Start
) -> None:
    counters = paths.folder / "vmstat"
    counters.write_text("nr_free_pages 5\noom_kill 40\nswap_ra 1\n")
    start(
        "open('{folder}/vmstat', 'w').write('oom_kill 42')",
        before=f"keeper.VMSTAT = keeper.Path({str(counters)!r})",
    ).wait(20)
    assert ending(paths)["oom_kills"] == 2


def test_what_the_training_left_behind_is_ended_with_it(paths: RunPaths, start: Start) -> None:
    start(
        "import subprocess, sys; subprocess.run(['setsid', '--fork', sys.executable, '-c',"
        " 'import time; time.sleep(600)'])"
    ).wait(20)
    assert living(paths) == []


def test_ranks_know_their_place_and_fall_together(paths: RunPaths, start: Start) -> None:
    keeper = start(
        "import os, sys, time, pathlib\n"
        f"folder = pathlib.Path({str(paths.folder)!r})\n"
        "rank = os.environ['RANK']\n"
        "(folder / f'rank-{rank}').write_text(os.environ['WORLD_SIZE'])\n"
        "while not (folder / 'rank-1').exists(): time.sleep(0.01)\n"
        "sys.exit(4) if rank == '0' else time.sleep(600)",
        ranks=2,
        before="keeper.RANK_GRACE_S = 0.1",
    )
    keeper.wait(20)
    assert {(paths.folder / f"rank-{rank}").read_text() for rank in "01"} == {"2"}
    assert ending(paths)["code"] == 4
    assert living(paths) == []


def test_a_rank_that_is_done_early_waits_for_the_others(paths: RunPaths, start: Start) -> None:
    done = paths.folder / "done"
    keeper = start(
        "import os, time, pathlib\n"
        "if os.environ['RANK'] == '0': time.sleep(1)\n"
        f"if os.environ['RANK'] == '0': pathlib.Path({str(done)!r}).touch()",
        ranks=2,
        before="keeper.RANK_GRACE_S = 0.1",
    )
    assert keeper.wait(30) == 0
    assert done.exists()
    assert ending(paths)["code"] == 0


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False
