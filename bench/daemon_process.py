"""A daemon in a process of its own, for as long as something is measured."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.waiting import wait_for
from core.files import load_json
from core.paths import Workspace
from daemon.trainer_process import TrainerProcess

REAL = ("daemon",)
WITH_STAND_IN = ("bench.small_daemon", "train")
WITH_STAND_IN_THAT_STAYS = ("bench.small_daemon", "stay")


@contextmanager
def supervising(
    workspace: Workspace, module: tuple[str, ...] = REAL
) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon that has said that it lives; ended afterwards."""
    with starting(workspace, module) as daemon:
        wait_for(lambda: has_beaten(workspace, daemon))
        yield daemon


@contextmanager
def starting(
    workspace: Workspace, module: tuple[str, ...] = REAL
) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon that was started a moment ago; ended afterwards."""
    command = [sys.executable, "-P", "-m", *module]
    with (
        workspace.daemon_log.open("ab") as log,
        subprocess.Popen(command, env=environment(workspace), stdout=log, stderr=log) as daemon,
    ):
        try:
            yield daemon
        finally:
            daemon.terminate()


def environment(workspace: Workspace) -> dict[str, str]:
    """No network, everything else as it is."""
    return {
        **os.environ,
        **workspace.environment(),
        "HF_HUB_OFFLINE": "1",
        "AXOLOTL_DO_NOT_TRACK": "1",
    }


def has_beaten(workspace: Workspace, daemon: "subprocess.Popen[bytes]") -> bool:
    """Whether this daemon, not one before it, has said that it lives."""
    if daemon.poll() is not None:
        raise RuntimeError(f"no daemon: {workspace.daemon_log.read_text()[-2000:]}")
    return workspace.heartbeat.exists() and load_json(workspace.heartbeat)["pid"] == daemon.pid


def end_training(process: TrainerProcess) -> None:
    """Kill a training that a daemon left behind, and its keeper."""
    wait_for(lambda: not process.kill() and not process.is_alive)
