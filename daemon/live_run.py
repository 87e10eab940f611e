"""A run whose trainer may be alive: followed through the files the trainer writes."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.clock import now
from core.files import Stamp, file_size, parse_json_lines, read_complete_lines, stamp
from core.paths import RunPaths
from core.run.eta import RECENT, estimate_s
from core.run.journal import JournalReader
from core.run.phase import CANCELLABLE, Phase, Stage
from core.run.status import Progress, RunStatus
from core.spec.run_spec import RunSpec
from daemon import records
from daemon.ending import Ending, judge
from daemon.trainer_process import TrainerProcess

UNKILLABLE_AFTER_S = 10.0
RECENT_BYTES = 64 * 1024
"""Of metrics written before we looked, only the newest tell progress and pace."""

AT_WORK = frozenset({Stage.TRAINING, Stage.EVALUATING, Stage.SAVING})
"""Stages in which signs of life follow each other; loading may take its time in silence."""

PAUSE_WAITS: dict[str, str] = {
    Stage.TRAINING: "saving a checkpoint at the end of this step",
    Stage.EVALUATING: "waiting for the evaluation to end",
    Stage.SAVING: "saving a checkpoint",
    Stage.ENDING: "it is ending by itself",
}
"""What a pause waits for, by stage; before the first step it waits for nothing."""


class LiveRun:
    """Reads what the trainer wrote since the last look, and keeps the run's status true."""

    def __init__(
        self,
        paths: RunPaths,
        status: RunStatus,
        spec: RunSpec,
        process: TrainerProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.paths = paths
        self.status = status
        self.spec = spec
        self.process = process
        self.clock = clock
        self.journal = JournalReader(paths.journal, status.attempt)
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.metrics_offset = max(0, file_size(paths.metrics) - RECENT_BYTES)
        self.kill_at: float | None = None
        self.hung = False
        self.was_told_to_pause = False
        self.ending: Ending | None = None
        self._life: tuple[Stamp, ...] = ()
        self._life_at = clock()

    def follow(self) -> Ending | None:
        """Take in what the trainer reported; how the attempt ended, once all of it is gone."""
        alive = self.process.is_alive
        self._read_journal()
        self._read_metrics()
        self._press_pause()
        self._press_kill()
        if alive:
            return None
        # What hid from the keeper has let go of the lock, but carries the run's mark.
        if self.process.kill():
            return None
        # Judged once: what proves a full disk, say, may be gone when the end can be written.
        self.ending = self.ending or judge(self.paths, self.status, self.journal, self.hung)
        return self.ending

    def pause(self, reason: str, held_by: str = "") -> None:
        """Ask for a checkpoint and an end; `held_by` names the guard that wishes it."""
        try:
            wished = replace(self.status, held_by=held_by)
            self.status = records.record_move(self.paths, wished, Phase.PAUSING, reason)
        finally:
            # On a full disk as well, where it is needed most.
            self.was_told_to_pause = self.process.pause()

    def hold(self) -> None:
        """Keep a run that a guard pauses from going on by itself."""
        self._update(held_by="", reason="pausing on request")

    def checkpoint(self) -> None:
        """Ask for a checkpoint without an end."""
        self.process.checkpoint()

    def cancel(self, kill_at: float) -> None:
        """Ask the run's processes to end; from `kill_at` (monotonic) on they are killed."""
        try:
            if self.status.phase in CANCELLABLE:
                self.status = records.record_move(
                    self.paths, self.status, Phase.CANCELLING, "ending the training's processes"
                )
        finally:
            self.process.cancel()
            self.kill_at = self.kill_at or kill_at

    def ask_again(self, kill_at: float) -> None:
        """Repeat a cancel that an earlier daemon may have died over."""
        if self.status.phase is Phase.CANCELLING:
            self.cancel(kill_at)

    def end_if_hung(self, hang_after_s: float) -> None:
        """Kill a training that has given no sign of life for so long."""
        life = tuple(map(stamp, (self.paths.beat, self.paths.journal, self.paths.metrics)))
        if life != self._life or self.status.stage not in AT_WORK:
            self._life, self._life_at = life, self.clock()
        elif self.clock() - self._life_at > hang_after_s and self.kill_at is None:
            self.hung = True
            self.kill_at = self.clock()

    def _press_pause(self) -> None:
        """Ask for a pause until somebody was there to hear it: a unit may be just starting."""
        if self.status.phase is Phase.PAUSING and not self.was_told_to_pause:
            self.was_told_to_pause = self.process.pause()

    def _press_kill(self) -> None:
        """Kill what did not end within the grace time; say so if even that does not help."""
        if self.kill_at is None or self.clock() < self.kill_at:
            return
        left = self.process.kill()
        if left and self.clock() > self.kill_at + UNKILLABLE_AFTER_S:
            self._update(reason=f"these processes cannot be killed: {', '.join(map(str, left))}")

    def _read_journal(self) -> None:
        """Bring the status to what the newest entries say, whether read now or before."""
        self.journal.refresh()
        plan, stage = self.journal.last("plan"), self.journal.last("stage")
        checkpoint = self.journal.last("checkpoint")
        if plan and self.status.phase is Phase.STARTING:
            reason = f"training {plan['total_steps']:,} steps"
            self.status = records.record_move(self.paths, self.status, Phase.RUNNING, reason)
        if stage:
            self.status = records.record_stage(self.paths, self.status, str(stage["stage"]))
        if checkpoint and self.status.latest_checkpoint != checkpoint["path"]:
            self._update(latest_checkpoint=str(checkpoint["path"]), resumable=True)
        if self.status.phase is Phase.PAUSING and not self.status.held_by:
            self._tell_pause_wait()

    def _tell_pause_wait(self) -> None:
        """Bring the reason to what the pause waits for now."""
        wait = PAUSE_WAITS.get(self.status.stage)
        evaluation = self.journal.last("evaluation")
        if evaluation and self.status.stage == Stage.EVALUATING:
            total = f" of {evaluation['total']:,}" if evaluation["total"] else ""
            wait = f"{wait} ({evaluation['done']:,}{total} batches)"
        if wait and wait != self.status.reason:
            self._update(reason=wait)

    def _read_metrics(self) -> None:
        lines, self.metrics_offset = read_complete_lines(self.paths.metrics, self.metrics_offset)
        self.recent.extend(row for row in parse_json_lines(lines) if "step" in row)
        # Without news as well: the estimate counts down between two log events.
        progress = self._progress()
        if progress != self.status.progress:
            self._update(progress=progress)

    def _progress(self) -> Progress:
        """Progress as of this attempt's newest log event; before the first, as planned.

        Where it stopped on request is told exactly, between two log events too.
        """
        before = self.status.progress
        plan = self.journal.last("plan") or {}
        rows = [row for row in self.recent if row.get("attempt") == self.status.attempt]
        if stopped := self.journal.last("stopped"):
            rows = [*rows, {**(rows[-1] if rows else plan), "step": stopped["step"]}]
        newest = rows[-1] if rows else plan
        # Those that were learned from, as the speed counts them: padding and questions are not.
        tokens = [row["trainable_tokens"] for row in rows if "trainable_tokens" in row]
        return replace(
            before,
            step=int(newest.get("step", before.step)),
            total_steps=int(newest.get("total_steps", plan.get("total_steps", before.total_steps))),
            epoch=round(float(newest.get("epoch") or before.epoch), 4),
            tokens=int(tokens[-1]) if tokens else before.tokens,
            eta_s=self._eta_s(rows),
        )

    def _eta_s(self, rows: list[dict[str, Any]]) -> float | None:
        eta = estimate_s(rows, now())
        return None if eta is None else float(round(eta))

    def _update(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        records.save(self.paths, self.status, durable=False)
