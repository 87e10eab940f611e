"""A run as it was lived: files that agree with each other, written as time goes by."""

import json
import math
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.clock import to_text
from core.files import save_json
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED, Phase, Stage
from core.run.status import Progress, RunStatus, to_record

STAGES = {
    Stage.SPAWN: 1.2,
    Stage.IMPORTS: 0.4,
    Stage.CONFIG: 0.8,
    Stage.DATASET: 2.1,
    Stage.MODEL: 6.5,
}
"""How many seconds each stage of a start takes here."""


@dataclass(frozen=True)
class Course:
    """What a training is like: how its numbers go, and how often it tells and saves."""

    steps: int = 1000
    seconds_per_step: float = 1.6
    first_loss: float = 2.3
    last_loss: float = 1.05
    noise: float = 0.06
    learning_rate: float = 2e-4
    tokens_per_step: int = 6144
    epochs: float = 3
    log_every: int = 1
    eval_every: int = 100
    save_every: int = 200
    gpu_memory_gib: float = 9.4

    def rate(self, step: int) -> float:
        """The learning rate: a warm-up, then half a cosine."""
        warmup = max(1, self.steps // 30)
        if step < warmup:
            return self.learning_rate * step / warmup
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2

    def loss(self, step: int) -> float:
        """Without the noise."""
        fall = math.exp(-7 * step / self.steps) + 0.25 * (1 - step / self.steps)
        return self.last_loss + (self.first_loss - self.last_loss) * fall / 1.25

    def validation_loss(self, step: int) -> float:
        """A little above, and rising again at the end."""
        late = max(0.0, step / self.steps - 0.7)
        return self.loss(step) + 0.05 + 0.35 * late**2


@dataclass
class Story:
    """The run in a workspace; `at` is the moment that is told of next."""

    workspace: Workspace
    name: str
    at: datetime
    spec: str
    course: Course = Course()
    gpus: tuple[int, ...] = (0,)
    step: int = 0
    attempt: int = 0
    phase: Phase = Phase.QUEUED
    reason: str = "waits for its turn"
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paths: RunPaths = self.workspace.run(f"{self.at:%Y%m%d-%H%M%S}-{self.name}")
        self.begun_at = self.since = self.at
        self.started_at: datetime | None = None
        self.attempt_started_at: datetime | None = None
        self.trained_s = 0.0
        self._lines: dict[Path, list[str]] = defaultdict(list)
        self._random = random.Random(self.name)
        self.paths.output.mkdir(parents=True)
        self.paths.requests.mkdir()
        self.paths.spec.write_text(self.spec)
        self.moves(Phase.QUEUED, "waits for its turn")

    def passes(self, seconds: float) -> None:
        """Time goes by."""
        self.at += timedelta(seconds=seconds)

    def moves(self, phase: Phase, reason: str, **more: Any) -> None:
        """It comes into another phase."""
        self.phase, self.reason, self.since = phase, reason, self.at
        event = {"phase": phase.value, "reason": reason, "attempt": self.attempt}
        self._record(self.paths.events, event | more)

    def journal(self, entry: str, **more: Any) -> None:
        self._record(self.paths.journal, {"attempt": self.attempt, "entry": entry, **more})

    def says(self, text: str) -> None:
        """A line of the log."""
        self._lines[self.paths.log].append(text)

    def begins(self, until: Stage | None = None) -> None:
        """An attempt: all stages of a start, or those before and with `until`."""
        self.attempt += 1
        self.started_at = self.started_at or self.at
        self.attempt_started_at = self.at
        where = " and ".join(f"GPU {index}" for index in self.gpus)
        self.moves(Phase.STARTING, f"starting on {where}")
        self.says(f"=== attempt {self.attempt}, {to_text(self.at)}")
        for stage, seconds in STAGES.items():
            self.journal("stage", stage=stage.value)
            if stage is Stage.SPAWN:
                self.journal("start", cold="")
            self.says(f"[INFO] [axolotl] {stage.value}")
            if stage is until:
                return
            self.passes(seconds)
        self.paths.axolotl_config.write_text(self.spec)
        self.journal("plan", step=self.step, total_steps=self.course.steps)
        self.journal("stage", stage=Stage.TRAINING.value)
        self.moves(Phase.RUNNING, f"training on {where}")

    def trains(self, until: int) -> None:
        """Steps up to and with that one."""
        for step in range(self.step + 1, until + 1):
            self._one_step(step)

    def stops(self, phase: Phase, reason: str) -> None:
        """The attempt is over."""
        if self.attempt_started_at:
            self.trained_s += (self.at - self.attempt_started_at).total_seconds()
        self.attempt_started_at = None
        self.moves(phase, reason)

    def status(self) -> RunStatus:
        """What the daemon says of it now."""
        saved = self.step - self.step % self.course.save_every
        left_s = (self.course.steps - self.step) * self.course.seconds_per_step
        progress = Progress(
            self.step,
            self.course.steps if self.step else 0,
            self.step / self.course.steps * self.course.epochs,
            self.step * self.course.tokens_per_step,
            left_s if self.phase is Phase.RUNNING else None,
        )
        status = RunStatus(
            run_id=self.paths.run_id,
            name=self.name,
            submitted_at=self.begun_at,
            since=self.since,
            phase=self.phase,
            stage=self._stage(),
            reason=self.reason,
            attempt=self.attempt,
            started_at=self.started_at,
            attempt_started_at=self.attempt_started_at,
            ended_at=self.at if self.phase in FINISHED else None,
            trained_s=self.trained_s,
            gpus=self.gpus if self.started_at else (),
            progress=progress,
            latest_checkpoint=f"checkpoint-{saved}" if saved else "",
            resumable=saved > 0,
        )
        return replace(status, **self.changes)

    def write(self) -> None:
        """Put on disk what was told since the last time."""
        for path, lines in self._lines.items():
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        self._lines.clear()
        save_json(self.paths.status, to_record(self.status()), durable=False)

    def _stage(self) -> str:
        return {Phase.STARTING: Stage.MODEL.value, Phase.RUNNING: Stage.TRAINING.value}.get(
            self.phase, ""
        )

    def _one_step(self, step: int) -> None:
        course = self.course
        self.step = step
        self.passes(course.seconds_per_step * self._random.uniform(0.93, 1.07))
        if step % course.log_every == 0:
            self._log(step)
        if step % course.eval_every == 0:
            self.journal("stage", stage=Stage.EVALUATING.value)
            self.passes(7)
            loss = course.validation_loss(step) + self._random.gauss(0, 0.01)
            self._metric(step, eval_loss=round(loss, 5))
            self.says(f"{{'eval_loss': {loss:.4f}, 'eval_runtime': 6.93, 'step': {step}}}")
            self.journal("stage", stage=Stage.TRAINING.value)
        if step % course.save_every == 0:
            self._save(step)

    def _log(self, step: int) -> None:
        course = self.course
        loss = course.loss(step) + self._random.gauss(0, course.noise)
        speed = course.tokens_per_step / course.seconds_per_step * self._random.uniform(0.95, 1.05)
        self._metric(
            step,
            loss=round(loss, 5),
            grad_norm=round(0.35 + loss / 6 + abs(self._random.gauss(0, 0.05)), 4),
            learning_rate=course.rate(step),
            tokens=step * course.tokens_per_step,
            tokens_per_second=round(speed, 1),
            gpu_memory_gib=course.gpu_memory_gib,
        )
        if step % 10 == 0:
            rate = course.rate(step)
            self.says(f"{{'loss': {loss:.4f}, 'learning_rate': {rate:.3e}, 'step': {step}}}")

    def _save(self, step: int) -> None:
        folder = self.paths.checkpoint(step)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        (folder / "adapter_config.json").write_text("{}")
        (folder / "adapter_model.safetensors").write_bytes(bytes(4096))
        self.passes(2)
        self.journal("checkpoint", step=step, path=folder.name)
        self.says(f"[INFO] [axolotl] saved {folder.name}")

    def _metric(self, step: int, **values: float) -> None:
        epoch = round(step / self.course.steps * self.course.epochs, 4)
        where = {"attempt": self.attempt, "step": step, "total_steps": self.course.steps}
        self._record(self.paths.metrics, {**where, "epoch": epoch, **values})

    def _record(self, path: Path, record: dict[str, Any]) -> None:
        self._lines[path].append(json.dumps({"at": to_text(self.at), **record}))
