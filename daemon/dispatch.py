"""Starts the waiting runs whose turn has come, on GPUs that are really free."""

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.clock import now
from core.errors import CheckpointError
from core.lock import is_locked
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase
from core.run.status import RunStatus
from core.settings import Settings
from daemon.decide import Waiting
from daemon.gpu_memory import GpuMemory
from daemon.guarding import Guarding
from daemon.lanes import Lane, plan_starts
from daemon.launch import Launcher
from daemon.nvml import Gpu, GpuReading
from daemon.preparing import with_warnings
from daemon.read_ahead import ReadAhead
from daemon.recovery import MAX_DELAY_S
from daemon.roster import Roster
from daemon.sandbox import SandboxKeeper
from daemon.units import unit_is_active

log = logging.getLogger(__name__)

START_AGAIN_S = 30.0
NO_CHECKPOINT_ADVICE = (
    "A retry starts from the beginning. What is damaged stays in the run's output folder, as "
    "`bad-checkpoint-<step>`."
)


class Dispatch:
    """Gives the lanes of the machine to the queue."""

    def __init__(
        self,
        roster: Roster,
        launcher: Launcher,
        guarding: Guarding,
        settings: Settings,
        clock: Callable[[], float],
        warnings: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.roster = roster
        self.launcher = launcher
        self.guarding = guarding
        self.settings = settings
        self.clock = clock
        self.warnings = warnings
        self.due: Collection[str] = ()
        """The runs whose turn has come, also those that something still keeps from starting."""
        self.memory = GpuMemory(clock)
        self.read_ahead = ReadAhead(roster.workspace.root, launcher.hasher)
        self._again_at: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    def tick(
        self, gpus: Sequence[Gpu], readings: Sequence[GpuReading], sandbox: SandboxKeeper
    ) -> None:
        """Start what can start, and write down why the others wait."""
        taken_by = self._taken_by()
        self.memory.follow(readings, taken_by)
        self.due = ()
        if not self.roster.waiting:
            return
        # The sandbox makes room when asked, so its memory is in nobody's way.
        ours = [gpu.index for gpu in gpus] if sandbox.uses_gpu else []
        plan = plan_starts(
            self.roster.waiting,
            self.memory.states(gpus, taken_by, ours, self.guarding.guards.cooling()),
            self._cpu_taken_by(),
            self.settings.busy_gpu_mib,
            self._blocked(),
            os.cpu_count() or 1,
        )
        self.roster.set_reasons(with_warnings(plan.reasons, self.warnings()))
        self.due = [lane.run.run_id for lane in plan.starts]
        for lane in plan.starts:
            if lane.gpus and sandbox.uses_gpu:
                # The next turn looks again: its memory must be back before the training wants it.
                sandbox.stop("a training needed its GPU; ask again to run it on the CPU")
            elif not self.read_ahead.has_read(lane.run):
                self.roster.set_reasons({lane.run.run_id: "reading its dataset"})
            elif self._lives_on(lane.run):
                self.roster.set_reasons({lane.run.run_id: "waits for its last attempt to end"})
            else:
                self._start(lane, gpus)

    def _start(self, lane: Lane, gpus: Sequence[Gpu]) -> None:
        run_id = lane.run.run_id
        chosen = tuple(gpu for gpu in gpus if gpu.index in lane.gpus)
        try:
            live = self.launcher.launch(lane.run, chosen, lane.ranks)
        except CheckpointError as error:
            self._fail_for_want_of_a_checkpoint(lane.run, str(error))
        except Exception as error:
            if not self.roster.workspace.run(run_id).folder.exists():
                log.warning("run %s is forgotten: its folder was removed", run_id)
                self.roster.drop(run_id)
                return
            # No fault of the run: a full disk, say. It stays where it is, and is tried again.
            log.exception("run %s could not be started", run_id)
            self._again_at[run_id] = self.clock() + START_AGAIN_S
            self._troubles[run_id] = f"{lane.run.status.name} cannot be started yet: {error}"
        else:
            self.roster.start(live)

    def _fail_for_want_of_a_checkpoint(self, run: Waiting, why: str) -> None:
        sentence = f"None of its checkpoints can be resumed. {why}"
        failure = Failure(FailureKind.NO_CHECKPOINT, sentence, NO_CHECKPOINT_ADVICE)
        # A retry is then a wish to start from the beginning.
        status = replace(run.status, resumable=False, latest_checkpoint="")
        self.roster.end(replace(run, status=status), Phase.FAILED, sentence, failure)

    def _blocked(self) -> dict[str, str]:
        """The runs that may not start now, each with the reason."""
        reasons = {run.run_id: self._obstacle(run) for run in self.roster.waiting}
        return {run_id: reason for run_id, reason in reasons.items() if reason}

    def _obstacle(self, run: Waiting) -> str:
        status = run.status
        if status.retry_at and has_to_wait(status.retry_at):
            which = f"try {status.retries + 1} of {run.spec.max_attempts}"
            return f"waits until {status.retry_at.astimezone():%H:%M:%S} before {which}"
        if self.clock() < self._again_at.get(run.run_id, 0.0):
            return self._troubles[run.run_id]
        return self.guarding.find_obstacle(run)

    @property
    def troubles(self) -> list[str]:
        """What keeps runs from starting that a person should see."""
        waiting = {run.run_id for run in self.roster.waiting}
        self._troubles = {key: told for key, told in self._troubles.items() if key in waiting}
        return list(self._troubles.values())

    def _lives_on(self, run: Waiting) -> bool:
        """Whether something of an earlier attempt is left, if only the name of its unit."""
        paths = self.roster.workspace.run(run.run_id)
        return run.status.attempt > 0 and (is_locked(paths.lock) or unit_is_active(run.run_id))

    def _taken_by(self) -> dict[int, RunStatus]:
        runs = [run.status for run in self.roster.live.values()]
        return {index: status for status in runs for index in status.gpus}

    def _cpu_taken_by(self) -> RunStatus | None:
        on_cpu = (run.status for run in self.roster.live.values() if not run.status.gpus)
        return next(on_cpu, None)


def has_to_wait(until: datetime) -> bool:
    """Whether a run must wait until then; a clock that was set back holds it no longer."""
    return 0 < (until - now()).total_seconds() <= MAX_DELAY_S
