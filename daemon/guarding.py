"""Applies the guards to the runs: pauses what they forbid, and lets it go on by itself."""

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from core.run.disk_need import DiskNeed, folder_bytes, predict_need
from core.run.phase import Phase
from core.run.status import RunStatus
from core.settings import Settings
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting
from daemon.each import for_each
from daemon.guards import Guard, Guards, Held, Machine
from daemon.live_run import LiveRun
from daemon.nvml import GpuReading
from daemon.roster import Roster

GO_ON: dict[str, str] = {
    Guard.DISK: "there is room on the disk again",
    Guard.TEMPERATURE: "the GPU has cooled down",
    Guard.HOURS: "the training hours have come",
}

STARTED = frozenset({Phase.STARTING, Phase.RUNNING})


class Guarding:
    """Looks at the machine once a turn, and at each run with it."""

    def __init__(
        self, roster: Roster, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.roster = roster
        self.guards = Guards(settings, clock)
        self._needs: dict[tuple[str, bool], DiskNeed | None] = {}
        self._has_gpus = False
        self._sizes: dict[Path, int] = {}
        self._outputs: dict[tuple[str, int], int] = {}

    def tick(self, readings: Sequence[GpuReading]) -> None:
        """Pause the living that must not train now, and queue again what a guard had paused."""
        self._has_gpus = bool(readings)
        self.guards.look(look_at_machine(self.roster.workspace.runs, readings))
        started = [run for run in self.roster.live.values() if run.status.phase in STARTED]
        for_each(started, self._look_at_live)
        held = [run for run in self.roster.paused.values() if run.status.held_by]
        for_each(held, self._look_at_held)

    def _look_at_live(self, run: LiveRun) -> None:
        hold = self.guards.find_hold(self._held(run.status, run.spec))
        if hold:
            run.pause(hold.sentence, hold.kind)

    def _look_at_held(self, run: Waiting) -> None:
        kind, held = run.status.held_by, self._held(run.status, run.spec)
        if self.guards.may_go_on(kind, held):
            self.roster.queue_ahead(run, GO_ON.get(kind, "goes on"))
        elif hold := self.guards.find_hold(held):
            self.roster.explain_pause(run, hold.sentence)

    def find_obstacle(self, run: Waiting) -> str:
        """Why a waiting run must not start now; empty when it may."""
        need = self._need(run.run_id, run.spec)
        have_bytes = self._output_bytes(run.status) if need and run.status.attempt else 0
        hold = self.guards.hold_for_start(need, have_bytes)
        return hold.sentence if hold else ""

    def _held(self, status: RunStatus, spec: RunSpec) -> Held:
        need = self._need(status.run_id, spec)
        predicted = need.checkpoint_bytes if need else 0
        saved = self._newest_checkpoint_bytes(status)
        return Held(status.gpus, saved or predicted, status.stage == "saving")

    def _need(self, run_id: str, spec: RunSpec) -> DiskNeed | None:
        on_cpu = spec.gpus == 0 or not self._has_gpus
        if self._needs.get((run_id, on_cpu)) is None:
            # A model that is not there yet may come later.
            self._needs[run_id, on_cpu] = predict_need(spec, self.roster.workspace.root, on_cpu)
        return self._needs[run_id, on_cpu]

    def _newest_checkpoint_bytes(self, status: RunStatus) -> int:
        if not status.latest_checkpoint:
            return 0
        folder = self.roster.workspace.run(status.run_id).output / status.latest_checkpoint
        if folder not in self._sizes:
            self._sizes[folder] = folder_bytes(folder)
        return self._sizes[folder]

    def _output_bytes(self, status: RunStatus) -> int:
        """What a run that waits has saved; nothing adds to it meanwhile."""
        key = (status.run_id, status.attempt)
        if key not in self._outputs:
            self._outputs[key] = folder_bytes(self.roster.workspace.run(status.run_id).output)
        return self._outputs[key]


def look_at_machine(folder: Path, readings: Sequence[GpuReading]) -> Machine:
    """How the machine is now: its disk, its clock, its GPUs."""
    temperatures = {reading.snapshot.index: reading.snapshot.temperature_c for reading in readings}
    return Machine(shutil.disk_usage(folder).free, datetime.now().time(), temperatures)
