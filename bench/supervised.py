"""Training through the queue of a real daemon."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.daemon_process import environment
from bench.timing import Timing, reported_pace
from bench.waiting import wait_for
from core.clock import from_text, now
from core.files import parse_json_lines
from core.heartbeat import find_daemon
from core.paths import CODE_ROOT, Workspace
from core.run.phase import FINISHED, Phase
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml, load_yaml_mapping

UNSEEN_ROWS = 10_000


@dataclass(frozen=True)
class Bench:
    """A workspace with the starter in it, and the spec that is trained."""

    workspace: Workspace
    spec: dict[str, Any]

    @classmethod
    def create(cls, root: Path, steps: int, **settings: object) -> "Bench":
        """Build the starter in a folder of its own, for a daemon with these settings."""
        (root / "runs" / "queue").mkdir(parents=True)
        (root / "configs").mkdir()
        (root / "configs" / "settings.yaml").write_text(dump_yaml(settings))
        command = [sys.executable, "-P", "-m", "trainer.starter"]
        subprocess.run(command, env=environment(Workspace(root)), check=True, capture_output=True)
        preset = load_yaml_mapping((CODE_ROOT / "configs/presets/starter-lora.yaml").read_bytes())
        for key in ("run", "test_datasets", "eval_steps", "save_steps", "num_epochs"):
            preset.pop(key, None)
        preset |= {"max_steps": steps, "logging_steps": 1, "save_strategy": "no"}
        return cls(Workspace(root), preset)

    def asking(self, **changes: object) -> "Bench":
        """The same with another spec; None leaves a key out."""
        spec = {key: value for key, value in {**self.spec, **changes}.items() if value is not None}
        return replace(self, spec=spec)

    def with_unseen_data(self, name: str) -> "Bench":
        """The same with a dataset of its own, in which every question is another one."""
        source = self.workspace.dataset("capitals").train
        rows = parse_json_lines(source.read_text().splitlines())
        path = self.workspace.uploads / f"{name}.jsonl"
        with path.open("w") as file:
            for number in range(UNSEEN_ROWS):
                messages = [dict(turn) for turn in rows[number % len(rows)]["messages"]]
                messages[0]["content"] += f" ({name}, {number})"
                file.write(json.dumps({"messages": messages}) + "\n")
        source_text = {"path": f"./uploads/{path.name}", "type": "chat_template"}
        return self.asking(datasets=[source_text])


@dataclass(frozen=True)
class Watched:
    """A run that was dropped and has ended: when it was dropped (Unix time), and its files."""

    run: Run
    dropped_at: float

    @property
    def timing(self) -> Timing:
        log = self.run.paths.log.read_text(errors="replace")
        first = self.first(self.metrics, "loss")["at"]
        ended = json.loads(self.run.paths.exit.read_text())["ended_at"]
        return Timing(self.since_drop(first), self.since_drop(ended), reported_pace(log))

    @property
    def cold_because(self) -> str:
        """Why it started cold; empty if it was warm."""
        starts = [entry for entry in self.journal if entry["entry"] == "start"]
        return str(starts[-1]["cold"])

    @property
    def journal(self) -> list[dict[str, Any]]:
        return parse_json_lines(self.run.paths.journal.read_text().splitlines())

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return parse_json_lines(self.run.paths.metrics.read_text().splitlines())

    def first(self, records: list[dict[str, Any]], key: str) -> Mapping[str, Any]:
        """The first of the records with the key."""
        return next(record for record in records if key in record)

    def since_drop(self, at: str) -> float:
        """The seconds from the drop to a moment in the files."""
        return from_text(at).timestamp() - self.dropped_at


def drop(bench: Bench, name: str) -> float:
    """Drop the spec; when that was (Unix time)."""
    text = dump_yaml({"run": {"name": name}, **bench.spec})
    dropped_at = time.time()
    Store(bench.workspace).submit(name, text)
    return dropped_at


def watch(bench: Bench, name: str, dropped_at: float) -> Watched:
    """Watch the run's files, as anyone may, until it has ended."""
    store = Store(bench.workspace)
    run = wait_for(lambda: find_named(store, name))
    wait_for(lambda: phase_of(store, run) in FINISHED)
    if phase_of(store, run) is not Phase.COMPLETED:
        # A run that failed measures nothing.
        raise RuntimeError(f"{run.run_id} did not complete; see {run.paths.status}")
    return Watched(run, dropped_at)


def train_supervised(bench: Bench, name: str) -> Watched:
    """Drop the spec, and wait for its end."""
    return watch(bench, name, drop(bench, name))


def wait_for_standby(bench: Bench) -> None:
    """Wait until a trainer is warm, as the daemon says from now on."""
    asked_at = now()

    def is_ready() -> bool:
        daemon = find_daemon(bench.workspace.heartbeat)
        if daemon is None or daemon.beat_at < asked_at:
            return False
        return daemon.standby.state == "ready"

    wait_for(is_ready)


def find_named(store: Store, name: str) -> Run | None:
    """The run of that name, once the daemon has taken it."""
    for rejected in store.rejected():
        raise RuntimeError(f"{rejected.name} was rejected: {rejected.reason}")
    return next((run for run in store.runs() if run.status.name == name), None)


def phase_of(store: Store, run: Run) -> Phase | None:
    """Where the run is now."""
    found = store.find_run(run.run_id)
    return found.status.phase if found else None
