"""A keeper that nobody can hand a lock to, as in a unit of its own: it takes the lock itself."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.lock import is_locked, take_lock
from core.paths import CODE_ROOT, RunPaths
from core.run.trainer_env import ATTEMPT_VARIABLE, RUN_FOLDER_VARIABLE

TRAINING = "import os, sys; sys.stdout.write(os.environ.get('NOTIFY_SOCKET', 'none')); input()"


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(40)
        yield listening


def start(paths: RunPaths) -> "subprocess.Popen[str]":
    env = {
        **os.environ,
        "PYTHONPATH": str(CODE_ROOT),
        RUN_FOLDER_VARIABLE: str(paths.folder),
        ATTEMPT_VARIABLE: "1",
        "NOTIFY_SOCKET": str(paths.folder / "notify"),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "trainer.keeper", "-", sys.executable, "-c", TRAINING],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_reports_ready_once_it_holds_the_lock(paths: RunPaths, systemd: socket.socket) -> None:
    with start(paths) as keeper:
        assert systemd.recv(100) == b"READY=1"
        assert is_locked(paths.lock)
        output, _ = keeper.communicate("\n", timeout=40)
    assert not is_locked(paths.lock)
    # The training cannot report in its place.
    assert output.endswith("none")


def test_of_a_run_that_is_trained_already_it_keeps_away(
    paths: RunPaths, systemd: socket.socket
) -> None:
    lock = take_lock(paths.lock)
    assert lock is not None
    with start(paths) as keeper:
        _, errors = keeper.communicate("\n", timeout=40)
    os.close(lock)
    assert keeper.returncode == 75
    assert errors == "this run is being trained already\n"
    assert not paths.exit.exists()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
