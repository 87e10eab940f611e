"""Every run that has not ended: what waits, what lives, what rests.

The one place that moves runs between the three, writing each move down first: where it cannot be
written, nothing has happened, and the next turn tries again.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from core.clock import now
from core.paths import RunPaths, Workspace
from core.run.failure import Failure
from core.run.phase import Phase
from core.run.status import RunStatus
from daemon import records
from daemon.decide import Waiting, at_place, next_rank, with_positions
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

    def find(self, run_id: str) -> Waiting | None:
        """The run in the queue or paused; None when it is neither."""
        return next((run for run in self.waiting if run.run_id == run_id), self.paused.get(run_id))

    def add(self, run: Waiting) -> None:
        """A run that stands in the queue already."""
        self.set_waiting([*self.waiting, run])

    def set_waiting(self, waiting: Sequence[Waiting]) -> None:
        """Set the queue, and write down each place in it that changed."""
        before = {run.run_id: run.status for run in self.waiting}
        self.waiting = with_positions(waiting)
        for run in self.waiting:
            if before.get(run.run_id) != run.status:
                records.save(self._paths(run.run_id), run.status, durable=False)

    def set_reasons(self, reasons: dict[str, str]) -> None:
        """Write down why each run still waits."""
        self.set_waiting(
            [
                replace(run, status=replace(run.status, reason=reasons[run.run_id]))
                if run.run_id in reasons
                else run
                for run in self.waiting
            ]
        )

    def queue_last(self, run: Waiting, reason: str) -> Waiting:
        """Let a run that does not live wait behind the others of its priority."""
        status = replace(run.status, rank=next_rank(self.waiting))
        return self._queue(replace(run, status=status), reason)

    def queue_first(self, run: Waiting, reason: str) -> Waiting:
        """Let a run that has begun go on before all others."""
        return self._queue(replace(run, status=at_place(run.status, self.waiting, 1)), reason)

    def rest(self, run: Waiting, reason: str, held_by: str = "") -> None:
        """Keep a waiting run from starting."""
        status = replace(run.status, position=0, retry_at=None, held_by=held_by)
        status = records.record_move(self._paths(run.run_id), status, Phase.PAUSED, reason)
        self._leave_queue(run.run_id)
        self.paused[run.run_id] = replace(run, status=status)

    def explain_pause(self, run: Waiting, reason: str) -> None:
        """Write down why a run is paused, if that is news."""
        if run.status.reason != reason:
            paused = replace(run, status=replace(run.status, reason=reason))
            records.save(self._paths(run.run_id), paused.status, durable=False)
            self.paused[run.run_id] = paused

    def place(self, run: Waiting, place: int) -> None:
        """Move a waiting run to the place, from 1."""
        moved = replace(run, status=at_place(run.status, self.waiting, place))
        self.set_waiting([moved if other is run else other for other in self.waiting])

    def start(self, live: LiveRun) -> None:
        """A waiting run lives from now on."""
        self.live[live.paths.run_id] = live
        self._leave_queue(live.paths.run_id)

    def end(self, run: Waiting, phase: Phase, reason: str, failure: Failure | None = None) -> None:
        """End a run that does not live."""
        status = replace(run.status, position=0, ended_at=now(), held_by="", failure=failure)
        paths = self._paths(run.run_id)
        records.record_move(paths, status, phase, reason)
        clear_requests(paths)
        self._leave_queue(run.run_id)
        self.paused.pop(run.run_id, None)

    def settle(self, live: LiveRun, following: Next) -> None:
        """Put a run whose trainer is gone where it belongs now."""
        run_id = live.paths.run_id
        log.info("run %s is %s: %s", run_id, following.phase, following.reason)
        run = Waiting(following.status, live.spec)
        if following.phase is Phase.QUEUED:
            self.queue_first(run, following.reason)
        else:
            status = records.record_move(
                live.paths, following.status, following.phase, following.reason
            )
            if following.phase is Phase.PAUSED:
                self.paused[run_id] = replace(run, status=status)
            else:
                clear_requests(live.paths)
        self.live.pop(run_id, None)

    def _queue(self, run: Waiting, reason: str) -> Waiting:
        status = records.record_move(self._paths(run.run_id), run.status, Phase.QUEUED, reason)
        queued = replace(run, status=status)
        self.paused.pop(run.run_id, None)
        self.add(queued)
        return queued

    def _leave_queue(self, run_id: str) -> None:
        self.set_waiting([run for run in self.waiting if run.run_id != run_id])

    def _paths(self, run_id: str) -> RunPaths:
        return self.workspace.run(run_id)


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
