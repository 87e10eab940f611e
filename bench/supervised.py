"""Training through the queue of a real daemon."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.daemon_process import environment
from bench.timing import Timing, reported_pace
from bench.waiting import wait_for
from core.files import file_size
from core.paths import CODE_ROOT, Workspace
from core.run.phase import FINISHED, Phase
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml, load_yaml_mapping


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
        subprocess.run(command, env=environment(Workspace(root)), check=True, capture_output=True)
        preset = load_yaml_mapping((CODE_ROOT / "configs/presets/starter-lora.yaml").read_bytes())
        for key in ("run", "test_datasets", "eval_steps", "save_steps", "num_epochs"):
            preset.pop(key, None)
        preset |= {"max_steps": steps, "logging_steps": 1, "save_strategy": "no"}
        return cls(Workspace(root), preset)


def train_supervised(bench: Bench, name: str) -> Timing:
    """Drop the spec, and watch the files as anyone may."""
    store = Store(bench.workspace)
    text = dump_yaml({"run": {"name": name}, **bench.spec})
    dropped_at = time.monotonic()
    store.submit(name, text)
    run = wait_for(lambda: find_named(store, name))
    wait_for(lambda: file_size(run.paths.metrics))
    first_step_s = time.monotonic() - dropped_at
    wait_for(run.paths.exit.exists)
    end_s = time.monotonic() - dropped_at
    wait_for(lambda: phase_of(store, run) in FINISHED)
    if phase_of(store, run) is not Phase.COMPLETED:
        # A run that failed measures nothing.
        raise RuntimeError(f"{run.run_id} did not complete; see {run.paths.status}")
    log = run.paths.log.read_text(errors="replace")
    return Timing(first_step_s, end_s, reported_pace(log))


def find_named(store: Store, name: str) -> Run | None:
    """The run of that name, once the daemon has taken it."""
    for rejected in store.rejected():
        raise RuntimeError(f"{rejected.name} was rejected: {rejected.reason}")
    return next((run for run in store.runs() if run.status.name == name), None)


def phase_of(store: Store, run: Run) -> Phase | None:
    """Where the run is now."""
    now = store.find_run(run.run_id)
    return now.status.phase if now else None
