"""Every run that has not ended: what waits, what lives, what rests.

The one place that moves runs between the three, writing each move down first: where it cannot be
written, nothing has happened, and the next turn tries again. Places in the queue follow from the
moves, so they may be written later.
"""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.clock import now
from core.paths import RunPaths, Workspace
from core.run.failure import Failure
from core.run.phase import Phase
from core.run.status import RunStatus
from daemon import records
from daemon.decide import Waiting, ahead, moved, next_rank, with_positions
from daemon.live_run import LiveRun
from daemon.recovery import Next
from daemon.requests import clear_requests

log = logging.getLogger(__name__)


class Roster:
    """The runs of a workspace that the daemon has to do with."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.waiting: list[Waiting] = []
        self.live: dict[str, LiveRun] = {}
        self.paused: dict[str, Waiting] = {}
        self.ended: list[RunStatus] = []
        """Runs that have ended, until somebody takes them off: people may want to be told."""
        self._written: dict[str, RunStatus] = {}

    def knows(self, run_id: str) -> bool:
        """Whether the run waits, lives or is paused."""
        return run_id in self.live or self.find(run_id) is not None

    def find(self, run_id: str) -> Waiting | None:
        """The run in the queue or paused; None when it is neither."""
        return next((run for run in self.waiting if run.run_id == run_id), self.paused.get(run_id))

    def add(self, run: Waiting) -> None:
        """A run that stands in the queue already."""
        self.set_waiting([*self.waiting, run])

    def set_waiting(self, waiting: Sequence[Waiting]) -> None:
        """Set the queue, and write down what changed in it, now or when the disk lets us."""
        self.waiting = with_positions(waiting)
        for run in self.waiting:
            if self._written.get(run.run_id) is run.status:
                continue
            with contextlib.suppress(OSError):
                records.save(self._paths(run.run_id), run.status, durable=False)
                self._written[run.run_id] = run.status

    def set_reasons(self, reasons: Mapping[str, str]) -> None:
        """Write down why each run still waits."""
        self.set_waiting([with_reason(run, reasons.get(run.run_id)) for run in self.waiting])

    def queue_last(self, run: Waiting, reason: str) -> None:
        """Let a run that does not live wait behind the others of its priority."""
        status = replace(run.status, rank=next_rank(self.waiting))
        self._queue(replace(run, status=status), reason)

    def queue_first(self, run: Waiting, reason: str) -> None:
        """Let a run go on before all others, as a person wished."""
        self._queue(run, reason)
        self.place(run.run_id, 1)

    def queue_ahead(self, run: Waiting, reason: str) -> None:
        """Let a run that had begun go on before those of its priority that had not."""
        self._queue(replace(run, status=ahead(replace(run.status, held_by=""))), reason)

    def rest(self, run: Waiting, reason: str) -> None:
        """Keep a waiting run, or one that a guard holds, from starting until it is resumed."""
        status = replace(run.status, position=0, retry_at=None, held_by="", reason=reason)
        if status.phase is Phase.PAUSED:
            records.save(self._paths(run.run_id), status)
        else:
            status = records.record_move(self._paths(run.run_id), status, Phase.PAUSED, reason)
        self.paused[run.run_id] = replace(run, status=status)
        self._leave_queue(run.run_id)

    def explain_pause(self, run: Waiting, reason: str) -> None:
        """Write down why a run is paused, if that is news."""
        if run.status.reason != reason:
            paused = replace(run, status=replace(run.status, reason=reason))
            records.save(self._paths(run.run_id), paused.status, durable=False)
            self.paused[run.run_id] = paused

    def place(self, run_id: str, place: int) -> None:
        """Move a waiting run to the place, from 1."""
        self.set_waiting(moved(self.waiting, run_id, place))

    def start(self, live: LiveRun) -> None:
        """A waiting run lives from now on."""
        self.live[live.paths.run_id] = live
        self._leave_queue(live.paths.run_id)

    def end(self, run: Waiting, phase: Phase, reason: str, failure: Failure | None = None) -> None:
        """End a run that does not live."""
        status = replace(run.status, position=0, ended_at=now(), held_by="", failure=failure)
        paths = self._paths(run.run_id)
        self.ended.append(records.record_move(paths, status, phase, reason))
        self.drop(run.run_id)
        clear_requests(paths)

    def settle(self, live: LiveRun, following: Next) -> None:
        """Put a run whose trainer is gone where it belongs now."""
        run_id = live.paths.run_id
        run = Waiting(following.status, live.spec)
        if following.phase is Phase.QUEUED:
            self.queue_ahead(run, following.reason)
            self.live.pop(run_id)
        else:
            status = records.record_move(
                live.paths, following.status, following.phase, following.reason
            )
            self.live.pop(run_id)
            if following.phase is Phase.PAUSED:
                self.paused[run_id] = replace(run, status=status)
            else:
                self.ended.append(status)
                clear_requests(live.paths)
        log.info("run %s is %s: %s", run_id, following.phase, following.reason)

    def drop(self, run_id: str) -> None:
        """Have no more to do with the run: it has ended, or somebody removed its folder."""
        self.live.pop(run_id, None)
        self.paused.pop(run_id, None)
        self._leave_queue(run_id)

    def _queue(self, run: Waiting, reason: str) -> None:
        status = records.record_move(self._paths(run.run_id), run.status, Phase.QUEUED, reason)
        self.paused.pop(run.run_id, None)
        self.add(replace(run, status=status))

    def _leave_queue(self, run_id: str) -> None:
        self._written.pop(run_id, None)
        self.set_waiting([run for run in self.waiting if run.run_id != run_id])

    def _paths(self, run_id: str) -> RunPaths:
        return self.workspace.run(run_id)


def with_reason(run: Waiting, reason: str | None) -> Waiting:
    """The run with the reason, or as it is when there is none or it is no news."""
    if reason is None or reason == run.status.reason:
        return run
    return replace(run, status=replace(run.status, reason=reason))


def fresh(status: RunStatus) -> RunStatus:
    """The status of a run that a person wants to go on: earlier failures count no more."""
    return replace(
        status,
        retries=0,
        retry_at=None,
        died_at_step=None,
        held_by="",
        failure=None,
        ended_at=None,
    )
