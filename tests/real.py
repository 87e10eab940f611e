"""A real daemon on a real workspace with the starter in it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.paths import Workspace
from core.run.phase import FINISHED
from core.run.store import Run, Store
from daemon.trainer_process import TrainerProcess


def environment(root: Path) -> dict[str, str]:
    """What a process needs to work on the workspace."""
    return {
        **os.environ,
        **Workspace(root).environment(),
        "OMP_NUM_THREADS": "2",
    }


def build_starter(root: Path) -> None:
    """Make the starter model and its dataset in the workspace."""
    (root / "configs").mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-P", "-m", "trainer.starter"],
        env=environment(root),
        check=True,
        capture_output=True,
    )


def copy_starter(source: Path, root: Path) -> Workspace:
    """A workspace of its own with the starter that was built elsewhere."""
    for name in ("models", "uploads"):
        shutil.copytree(source / name, root / name)
    (root / "runs" / "queue").mkdir(parents=True)
    return Workspace(root)


@contextmanager
def daemon(workspace: Workspace, ends_runs: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon process that supervises the workspace; it and all runs are ended afterwards."""
    command = [sys.executable, "-P", "-m", "daemon"]
    workspace.runs.mkdir(exist_ok=True)
    with (
        workspace.daemon_log.open("ab") as log,
        subprocess.Popen(
            command, env=environment(workspace.root), stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
            for paths in workspace.run_folders() if ends_runs else []:
                while TrainerProcess(paths).kill():
                    time.sleep(0.05)


def wait_for(fact: Callable[[], object], timeout_s: float = 240, what: str = "") -> None:
    """Wait until the fact holds."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.1)


def wait_for_end(workspace: Workspace, name: str) -> Run:
    """The run of that name once it is finished; fails with its log if it is rejected instead."""
    store = Store(workspace)

    def ended() -> Run | None:
        assert not store.rejected(), store.rejected()[0].reason
        return next(
            (
                run
                for run in store.runs()
                if run.status.name == name and run.status.phase in FINISHED
            ),
            None,
        )

    wait_for(ended, what=f"{name} ends")
    run = ended()
    assert run
    return run
