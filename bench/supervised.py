"""Training through the queue of a real daemon."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.timing import Timing, reported_pace
from core.paths import CODE_ROOT, WORKSPACE_VARIABLE, Workspace
from core.run.phase import FINISHED, Phase
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml, load_yaml_mapping

TIMEOUT_S = 300


@dataclass(frozen=True)
class Bench:
    """A workspace with the starter in it, and the spec that is trained."""

    workspace: Workspace
    spec: dict[str, object]

    @classmethod
    def create(cls, root: Path, steps: int) -> "Bench":
        """Build the starter in a folder of its own."""
        (root / "runs" / "queue").mkdir(parents=True)
        command = [sys.executable, "-P", "-m", "trainer.starter"]
        subprocess.run(command, env=environment(root), check=True, capture_output=True)
        preset = load_yaml_mapping((CODE_ROOT / "configs/presets/starter-lora.yaml").read_bytes())
        for key in ("run", "test_datasets", "eval_steps", "save_steps", "num_epochs"):
            preset.pop(key, None)
        preset |= {"max_steps": steps, "logging_steps": 1, "save_strategy": "no"}
        return cls(Workspace(root), preset)


def environment(root: Path) -> dict[str, str]:
    """The same for both ways: no network, everything else as it is."""
    return {
        **os.environ,
        WORKSPACE_VARIABLE: str(root),
        "PYTHONPATH": str(CODE_ROOT),
        "HF_HUB_OFFLINE": "1",
        "AXOLOTL_DO_NOT_TRACK": "1",
    }


@contextmanager
def supervising(bench: Bench) -> Iterator[None]:
    """A daemon on the bench's workspace."""
    env = environment(bench.workspace.root)
    command = [sys.executable, "-P", "-m", "daemon"]
    with (
        bench.workspace.daemon_log.open("ab") as log,
        subprocess.Popen(command, env=env, stdout=log, stderr=log) as daemon,
    ):
        try:
            while not bench.workspace.heartbeat.exists():
                time.sleep(0.05)
            yield
        finally:
            daemon.terminate()


def train_supervised(bench: Bench, name: str) -> Timing:
    """Drop the spec, and watch the files as anyone may."""
    text = dump_yaml({"run": {"name": name}, **bench.spec})
    dropped_at = time.monotonic()
    Store(bench.workspace).submit(name, text)
    run = wait_for_run(bench, name)
    while not run.paths.metrics.exists() or not run.paths.metrics.stat().st_size:
        require_time(dropped_at)
        time.sleep(0.005)
    first_step_s = time.monotonic() - dropped_at
    while not run.paths.exit.exists():
        require_time(dropped_at)
        time.sleep(0.01)
    end_s = time.monotonic() - dropped_at
    require_completed(bench, run)
    log = run.paths.log.read_text(errors="replace")
    return Timing(first_step_s, end_s, reported_pace(log))


def wait_for_run(bench: Bench, name: str) -> Run:
    """The run of that name, once the daemon has taken it."""
    begun = time.monotonic()
    while True:
        for run in Store(bench.workspace).runs():
            if run.status.name == name:
                return run
        require_time(begun)
        time.sleep(0.005)


def require_completed(bench: Bench, run: Run) -> None:
    """Wait for the verdict; a run that failed measures nothing."""
    begun = time.monotonic()
    while True:
        now = Store(bench.workspace).find_run(run.run_id)
        if now and now.status.phase in FINISHED:
            break
        require_time(begun)
        time.sleep(0.05)
    if now.status.phase is not Phase.COMPLETED:
        raise RuntimeError(f"{run.run_id} {now.status.phase}: {now.status.reason}")


def require_time(begun: float) -> None:
    """Raises TimeoutError when a training takes far longer than it can."""
    if time.monotonic() - begun > TIMEOUT_S:
        raise TimeoutError(f"nothing for {TIMEOUT_S} s; see the workspace's daemon.log")
