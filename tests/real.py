"""A real daemon on a real workspace with the starter in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from core.paths import Workspace
from core.run.phase import FINISHED
from core.run.store import Run, Store
from daemon.trainer_process import TrainerProcess
from tests.supervision import the_run
from tests.waiting import Fact, wait_until


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
def daemon(
    workspace: Workspace, ends_runs: bool = True, extra: Mapping[str, str] = MappingProxyType({})
) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon process that supervises the workspace; it and all runs are ended afterwards.

    `extra` goes into its environment.
    """
    command = [sys.executable, "-P", "-m", "daemon"]
    workspace.runs.mkdir(exist_ok=True)
    with (
        workspace.daemon_log.open("ab") as log,
        subprocess.Popen(
            command, env=environment(workspace.root) | dict(extra), stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
            for paths in workspace.run_folders() if ends_runs else []:
                wait_until(lambda paths=paths: not TrainerProcess(paths).kill())


def wait_for(fact: Callable[[], Fact | None]) -> Fact:
    """What the fact is once it holds: of real trainings, which take their time."""
    return wait_until(fact, timeout_s=240, pause_s=0.1)


def wait_for_end(workspace: Workspace, name: str) -> Run:
    """The run of that name once it is finished; fails with its reason if it is rejected instead."""
    store = Store(workspace)

    def ended() -> Run | None:
        assert not store.rejected(), store.rejected()[0].reason
        run = the_run(workspace, name)
        return run if run and run.status.phase in FINISHED else None

    return wait_for(ended)
