"""A run whose trainer may be alive: followed through the files the trainer writes."""

from collections import deque
from dataclasses import replace
from typing import Any

from core.clock import now
from core.files import file_size, parse_json_lines, read_complete_lines
from core.paths import RunPaths
from core.run.eta import RECENT, estimate_s
from core.run.journal import JournalReader
from core.run.phase import CANCELLABLE, Phase
from core.run.status import Progress, RunStatus
from daemon import records
from daemon.ending import judge
from daemon.trainer_process import TrainerProcess

UNKILLABLE_AFTER_S = 10.0
RECENT_BYTES = 64 * 1024
"""Of metrics written before we looked, only the newest tell progress and pace."""


class LiveRun:
    """Reads what the trainer wrote since the last look, and keeps the run's status true."""

    def __init__(self, paths: RunPaths, status: RunStatus, process: TrainerProcess) -> None:
        self.paths = paths
        self.status = status
        self.process = process
        self.journal = JournalReader(paths.journal, status.attempt)
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.metrics_offset = max(0, file_size(paths.metrics) - RECENT_BYTES)
        self.kill_at: float | None = None

    def follow(self) -> None:
        """Take in what the trainer reported, and notice its end."""
        alive = self.process.is_alive
        self._read_journal()
        self._read_metrics()
        if not alive:
            self._finish()

    def cancel(self, kill_at: float) -> None:
        """Ask the run's processes to end; from `kill_at` (monotonic) on they are killed."""
        if self.status.phase in CANCELLABLE:
            self.status = records.record_move(
                self.paths, self.status, Phase.CANCELLING, "ending the training's processes"
            )
        self.process.end()
        self.kill_at = self.kill_at or kill_at

    def press_cancel(self, clock: float) -> None:
        """Kill what did not end within the grace time; say so if even that does not help."""
        if self.kill_at is None or clock < self.kill_at:
            return
        left = self.process.kill()
        if left and clock > self.kill_at + UNKILLABLE_AFTER_S:
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

    def _read_metrics(self) -> None:
        lines, self.metrics_offset = read_complete_lines(self.paths.metrics, self.metrics_offset)
        self.recent.extend(row for row in parse_json_lines(lines) if "step" in row)
        # Without news as well: the estimate counts down between two log events.
        progress = self._progress()
        if progress != self.status.progress:
            self._update(progress=progress)

    def _progress(self) -> Progress:
        """Progress as of the newest log event; before the first, as planned."""
        before = self.status.progress
        plan = self.journal.last("plan") or {}
        newest = self.recent[-1] if self.recent else {}
        # Those that were learned from, as the speed counts them: padding and questions are not.
        tokens = [row["trainable_tokens"] for row in self.recent if "trainable_tokens" in row]
        return replace(
            before,
            step=int(newest.get("step", before.step)),
            total_steps=int(newest.get("total_steps", plan.get("total_steps", before.total_steps))),
            epoch=round(float(newest.get("epoch") or before.epoch), 4),
            tokens=int(tokens[-1]) if tokens else before.tokens,
            eta_s=self._eta_s(),
        )

    def _eta_s(self) -> float | None:
        eta = estimate_s(list(self.recent), now())
        return None if eta is None else float(round(eta))

    def _finish(self) -> None:
        # What hid from the keeper has let go of the lock, but carries the run's mark.
        self.process.kill()
        cancelling = self.status.phase is Phase.CANCELLING
        ending = judge(self.paths, self.status.attempt, self.journal, cancelling)
        progress = replace(self.status.progress, eta_s=None)
        self.status = replace(self.status, progress=progress, ended_at=now())
        self.status = records.record_move(self.paths, self.status, ending.phase, ending.reason)

    def _update(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        records.save(self.paths, self.status, durable=False)
