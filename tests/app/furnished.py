"""Makes runs as the daemon and the trainer leave them on disk."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.clock import now, to_text
from core.files import append_json_line, load_json, save_json
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED, Phase
from core.run.status import Progress, RunStatus, from_record, to_record

SPEC = """\
run:
  name: {name}
base_model: ./models/starter
datasets:
  - path: ./uploads/capitals/train.jsonl
    type: chat_template
adapter: lora
lora_r: 16
learning_rate: 0.002
"""


@dataclass
class Furnished:
    """A workspace and the ways to fill it."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    def beat(self, troubles: tuple[str, ...] = (), age_s: float = 0, **more: Any) -> None:
        """The daemon lives, or did so some seconds ago."""
        self.workspace.runs.mkdir(exist_ok=True)
        record = {"beat_at": to_text(now() - timedelta(seconds=age_s)), "gpus": []}
        save_json(self.workspace.heartbeat, {**record, "troubles": list(troubles), **more})

    def add_run(
        self, name: str, phase: Phase, /, minutes_ago: float = 10, **changes: Any
    ) -> RunPaths:
        """A run with its spec, status and events."""
        at = now() - timedelta(minutes=minutes_ago)
        paths = self.workspace.run(f"{at:%Y%m%d-%H%M%S}-{name.lower().replace(' ', '-')}")
        paths.output.mkdir(parents=True)
        paths.spec.write_text(SPEC.format(name=name))
        has_started = phase is not Phase.QUEUED
        status = RunStatus(
            **{
                "run_id": paths.run_id,
                "name": name,
                "submitted_at": at,
                "since": at,
                "phase": phase,
                "reason": "because of a test",
                "attempt": 1 if has_started else 0,
                "started_at": at if has_started else None,
                "ended_at": at + timedelta(minutes=2, seconds=5) if phase in FINISHED else None,
                **changes,
            }
        )
        save_json(paths.status, to_record(status))
        self.event(paths, "starting" if has_started else "queued", "starting on the CPU")
        return paths

    def change(self, paths: RunPaths, **changes: Any) -> None:
        """The run's status is another one now."""
        status = from_record(load_json(paths.status))
        save_json(paths.status, to_record(replace(status, **changes)))

    def event(self, paths: RunPaths, phase: str, reason: str, **more: Any) -> None:
        record = {"at": to_text(now()), "phase": phase, "reason": reason, "attempt": 1}
        append_json_line(paths.events, record | more)

    def stages(self, paths: RunPaths, *stages: str) -> None:
        for stage in stages:
            self.journal(paths, "stage", stage=stage)

    def plan(self, paths: RunPaths, attempt: int, step: int) -> None:
        """The training of an attempt begins."""
        self.journal(paths, "plan", attempt=attempt, step=step)

    def journal(self, paths: RunPaths, entry: str, **more: Any) -> None:
        """What the trainer says of itself."""
        record = {"at": to_text(now()), "attempt": 1, "entry": entry}
        append_json_line(paths.journal, record | more)

    def metrics(self, paths: RunPaths, *losses: float, eval_loss: float | None = None) -> None:
        for step, loss in enumerate(losses, 1):
            append_json_line(paths.metrics, metric(step, loss=loss))
        if eval_loss is not None:
            append_json_line(paths.metrics, metric(len(losses), eval_loss=eval_loss))

    def checkpoint(self, paths: RunPaths, step: int) -> None:
        paths.checkpoint(step).mkdir(parents=True)
        (paths.checkpoint(step) / "trainer_state.json").write_text("{}")

    def dataset(self, *rows: dict[str, Any]) -> Path:
        """The dataset that the runs name."""
        path = self.workspace.dataset("capitals").train
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def reject(self, name: str, reason: str) -> None:
        self.workspace.rejected.mkdir(parents=True, exist_ok=True)
        (self.workspace.rejected / name).write_text("x: 1\n")
        (self.workspace.rejected / f"{Path(name).stem}.reason.txt").write_text(reason)


def metric(step: int, **values: float) -> dict[str, Any]:
    where = {"at": to_text(now()), "attempt": 1, "step": step, "total_steps": 100}
    return {
        **where,
        "epoch": step / 50,
        "tokens": step * 1000,
        "tokens_per_second": 3120.4,
    } | values


def progress(step: int, eta_s: float | None = None) -> Progress:
    return Progress(step=step, total_steps=1000, epoch=0.5, tokens=1_234_567, eta_s=eta_s)


def chat_row(question: str, answer: str) -> dict[str, Any]:
    turns = (("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in turns]}
