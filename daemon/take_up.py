"""At its start the daemon finds what an earlier one left: runs that wait, live or rest."""

import logging
from dataclasses import replace

from core.errors import RecordError, SpecError
from core.files import load_json
from core.lock import is_locked
from core.paths import RunPaths
from core.run.failure import Failure, FailureKind
from core.run.phase import FINISHED, LIVE, Phase
from core.run.status import RunStatus, from_record
from core.settings import Settings
from core.spec.check import check_spec
from core.spec.run_spec import RunSpec, recall_spec
from daemon import records
from daemon.decide import Waiting, next_rank
from daemon.live_run import LiveRun
from daemon.roster import Roster
from daemon.trainer_process import TrainerProcess, never_started

log = logging.getLogger(__name__)


class TakeUp:
    """Brings the runs on disk onto the roster; `troubles` are those it could not, by run id."""

    def __init__(self, roster: Roster, settings: Settings) -> None:
        self.roster = roster
        self.settings = settings
        self.troubles: dict[str, str] = {}

    def all(self) -> None:
        """Take up every run."""
        for paths in self.roster.workspace.run_folders():
            self._try(paths)
        self.roster.set_waiting(self.roster.waiting)

    def rest(self) -> None:
        """Take up what could not be before: claims that were not recorded, and troubled runs."""
        for paths in self.roster.workspace.run_folders():
            is_open = paths.run_id in self.troubles or not paths.status.exists()
            if is_open and not self.roster.knows(paths.run_id):
                self._try(paths)
        self.roster.set_waiting(self.roster.waiting)

    def _try(self, paths: RunPaths) -> None:
        try:
            self._one(paths)
            self.troubles.pop(paths.run_id, None)
        except Exception as error:
            # Whatever is wrong with it, the others are taken up.
            trouble = f"run {paths.run_id} cannot be taken up: {error}"
            if self.troubles.get(paths.run_id) != trouble:
                log.exception("run %s is left alone", paths.run_id)
            self.troubles[paths.run_id] = trouble

    def _one(self, paths: RunPaths) -> None:
        status = self._read(paths)
        if status is None or status.phase in FINISHED:
            return
        if never_started(paths, status):
            reason = "the daemon ended before it could start it"
            status = replace(status, attempt_started_at=None)
            status = records.record_move(paths, status, Phase.QUEUED, reason)
        if status.phase in LIVE:
            self._live(paths, status)
        elif status.phase is Phase.PAUSED:
            self.roster.paused[paths.run_id] = Waiting(status, recall(paths))
        else:
            self._waiting(paths, status)

    def _read(self, paths: RunPaths) -> RunStatus | None:
        """The run's status, made again where it is lost; None for a folder that holds no run."""
        try:
            return from_record(load_json(paths.status))
        except FileNotFoundError:
            if not paths.spec.exists():
                return None
        except (IsADirectoryError, RecordError) as error:
            log.error("%s; it is made again from what else is there", error)
        return records.rebuild(paths, recall(paths), next_rank(self.roster.waiting))

    def _live(self, paths: RunPaths, status: RunStatus) -> None:
        # What was allowed when it started goes on, whatever the settings are by now.
        run = LiveRun(paths, status, recall(paths), TrainerProcess(paths))
        run.ask_again(run.clock() + self.settings.cancel_grace_s)
        self.roster.live[paths.run_id] = run
        alive = "lives" if is_locked(paths.lock) else "has ended"
        log.info("took up run %s, whose trainer %s", paths.run_id, alive)

    def _waiting(self, paths: RunPaths, status: RunStatus) -> None:
        """Queue it again, after the check that a dropped spec passes."""
        root = self.roster.workspace.root
        try:
            spec = check_spec(paths.spec.read_bytes(), status.name, root, self.settings)
        except SpecError as error:
            failure = Failure(FailureKind.CONFIG, str(error))
            run = Waiting(status, RunSpec(status.name, {}))
            self.roster.end(run, Phase.FAILED, str(error), failure)
            return
        if not status.rank:
            # Of a version that knew no ranks, and took the priority from the spec.
            rank = next_rank(self.roster.waiting)
            status = replace(status, priority=spec.priority, rank=rank)
        self.roster.waiting.append(Waiting(replace(status, name=spec.name), spec))


def recall(paths: RunPaths) -> RunSpec:
    """What the run was asked to do, as far as it can be read."""
    try:
        return recall_spec(paths.spec.read_bytes(), paths.run_id)
    except (OSError, SpecError):
        return RunSpec(paths.run_id, {})
