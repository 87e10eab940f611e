"""Doing what people asked of a run."""

import logging
from collections.abc import Callable
from dataclasses import replace

from core.errors import PhaseError, SpecError, TrainerUIError
from core.files import load_json
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase
from core.run.status import RunStatus, from_record
from core.run.verbs import problem_with
from core.settings import Settings
from core.spec.check import check_spec
from daemon.decide import Waiting
from daemon.recovery import can_shrink
from daemon.requests import Request
from daemon.roster import Roster, fresh

log = logging.getLogger(__name__)


class Obedience:
    """Each verb as one method; a wish that does not fit the run's phase is refused."""

    def __init__(self, roster: Roster, settings: Settings, clock: Callable[[], float]) -> None:
        self.roster = roster
        self.settings = settings
        self.clock = clock

    def obey(self, run_id: str, request: Request) -> None:
        """Do what is wished, or log why not. Raises OSError when it cannot be written down."""
        try:
            status = self._status(run_id)
            problem = problem_with(request.verb, status)
            if problem:
                raise PhaseError(problem)
            getattr(self, f"_{request.verb}")(status, request)
        except (FileNotFoundError, TrainerUIError) as error:
            log.warning("run %s: `%s` is not possible: %s", run_id, request.verb, error)

    def _status(self, run_id: str) -> RunStatus:
        live, other = self.roster.live.get(run_id), self.roster.find(run_id)
        if live:
            return live.status
        if other:
            return other.status
        return from_record(load_json(self.roster.workspace.run(run_id).status))

    def _pause(self, status: RunStatus, request: Request) -> None:
        live = self.roster.live.get(status.run_id)
        if live and status.phase is Phase.PAUSING:
            live.hold()
        elif live:
            live.pause(f"pausing {request}")
        else:
            self.roster.rest(self._resting(status), f"held back {request}")

    def _resume(self, status: RunStatus, request: Request) -> None:
        run = replace(self._resting(status), status=fresh(status))
        self.roster.queue_first(run, f"resumed {request}")
        try:
            self._checked(status)
        except SpecError as error:
            # The settings, or the data, are not what they were when it was paused.
            failure = Failure(FailureKind.CONFIG, str(error))
            self.roster.end(self._resting(status), Phase.FAILED, str(error), failure)

    def _cancel(self, status: RunStatus, request: Request) -> None:
        live = self.roster.live.get(status.run_id)
        if live:
            live.cancel(self.clock() + self.settings.cancel_grace_s)
        else:
            self.roster.end(
                self._resting(status), Phase.CANCELLED, f"{request}, while it {_waited(status)}"
            )

    def _checkpoint(self, status: RunStatus, request: Request) -> None:
        live = self.roster.live.get(status.run_id)
        if live:
            live.checkpoint()

    def _retry(self, status: RunStatus, request: Request) -> None:
        if status.phase is Phase.QUEUED:
            waiting = [
                replace(run, status=fresh(run.status)) if run.run_id == status.run_id else run
                for run in self.roster.waiting
            ]
            self.roster.set_waiting(waiting)
            return
        run = self._checked(status)
        self.roster.queue_last(replace(run, status=fresh(status)), f"tried again {request}")

    def _shrink(self, status: RunStatus, request: Request) -> None:
        run = self._checked(status)
        if not can_shrink(status, run.spec):
            log.warning("run %s: its micro batch cannot be halved", status.run_id)
            return
        shrunk = replace(fresh(status), shrinks=status.shrinks + 1)
        reason = f"tried again {request}, with half the micro batch"
        self.roster.queue_last(replace(run, status=shrunk), reason)

    def _move(self, status: RunStatus, request: Request) -> None:
        self.roster.place(self._resting(status).run_id, request.to)

    def _resting(self, status: RunStatus) -> Waiting:
        run = self.roster.find(status.run_id)
        if run is None:
            raise PhaseError(
                f"{status.name} is {status.phase}, and the daemon could not take it up"
            )
        return run

    def _checked(self, status: RunStatus) -> Waiting:
        """The run with its spec; raises SpecError when it could not start today."""
        paths = self.roster.workspace.run(status.run_id)
        root = self.roster.workspace.root
        return Waiting(
            status, check_spec(paths.spec.read_bytes(), status.name, root, self.settings)
        )


def _waited(status: RunStatus) -> str:
    return "was paused" if status.phase is Phase.PAUSED else "waited"
