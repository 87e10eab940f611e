"""The keeper tells how a training ended, passes signals on, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.lock import is_locked, take_lock
from core.paths import CODE_ROOT, RunPaths
from core.run.trainer_env import ATTEMPT_VARIABLE, RANKS_VARIABLE, RUN_FOLDER_VARIABLE
from daemon.trainer_process import TrainerProcess
from tests.supervision import end, living
from tests.waiting import wait_until
from trainer.keeper import RANK_GRACE_S

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


@pytest.fixture
def start(paths: RunPaths) -> Iterator[Start]:
    keepers: list[subprocess.Popen[bytes]] = []

    def start_keeper(script: str, ranks: int = 1) -> "subprocess.Popen[bytes]":
        env = {
            **os.environ,
            "PYTHONPATH": str(CODE_ROOT),
            RUN_FOLDER_VARIABLE: str(paths.folder),
            ATTEMPT_VARIABLE: "3",
            RANKS_VARIABLE: str(ranks),
        }
        lock = take_lock(paths.lock)
        assert lock is not None
        command = [sys.executable, "-P", "-m", "trainer.keeper", str(lock)]
        with paths.log.open("ab") as log:
            keepers.append(
                subprocess.Popen(
                    [*command, sys.executable, "-c", script],
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


def test_a_wish_to_end_reaches_stopped_processes_too(paths: RunPaths, start: Start) -> None:
    keeper = start("import os, signal, time; os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)")
    wait_until(lambda: any(is_stopped(pid) for pid in living(paths)))
    keeper.terminate()
    keeper.wait(20)
    assert ending(paths)["signal"] == "SIGTERM"


def test_wishes_for_a_checkpoint_reach_the_trainer_alone(paths: RunPaths, start: Start) -> None:
    got = paths.folder / "got"
    keeper = start(
        "import signal, sys, pathlib, time\n"
        f"got = pathlib.Path({str(got)!r})\n"
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(got.write_text('stop') and 0))\n"
        "got.touch()\n"
        "time.sleep(600)"
    )
    wait_until(got.exists)
    keeper.send_signal(signal.SIGUSR1)
    assert keeper.wait(20) == 0
    assert got.read_text() == "stop"


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
    )
    keeper.wait(20)
    assert {(paths.folder / f"rank-{rank}").read_text() for rank in "01"} == {"2"}
    assert ending(paths)["code"] == 4
    assert living(paths) == []


def test_a_rank_that_is_done_early_waits_for_the_others(paths: RunPaths, start: Start) -> None:
    done = paths.folder / "done"
    keeper = start(
        "import os, time, pathlib\n"
        f"if os.environ['RANK'] == '0': time.sleep({RANK_GRACE_S} + 1)\n"
        f"if os.environ['RANK'] == '0': pathlib.Path({str(done)!r}).touch()",
        ranks=2,
    )
    assert keeper.wait(30) == 0
    assert done.exists()
    assert ending(paths)["code"] == 0


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False
