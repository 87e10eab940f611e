"""At its start the daemon finds what an earlier one left: runs that wait, live or rest."""

import logging
from dataclasses import replace

from core.clock import now
from core.errors import RecordError, SpecError, TrainerUIError
from core.files import load_json
from core.lock import is_locked
from core.paths import RunPaths
from core.run.phase import FINISHED, LIVE, Phase
from core.run.status import RunStatus, from_record
from core.settings import Settings
from core.spec.check import check_spec
from core.spec.run_spec import RunSpec, parse_spec
from daemon import records
from daemon.decide import Waiting, next_rank
from daemon.live_run import LiveRun
from daemon.roster import Roster
from daemon.trainer_process import TrainerProcess, never_started

log = logging.getLogger(__name__)


class TakeUp:
    """Brings the runs on disk onto the roster."""

    def __init__(self, roster: Roster, settings: Settings) -> None:
        self.roster = roster
        self.settings = settings

    def all(self) -> dict[str, str]:
        """Take up every run; of those that could not be, the id and the trouble."""
        troubles = {}
        for paths in self.roster.workspace.run_folders():
            try:
                self._one(paths)
            except (OSError, TrainerUIError) as error:
                log.error("run %s is left alone: %s", paths.run_id, error)
                troubles[paths.run_id] = f"run {paths.run_id} cannot be read: {error}"
        self.roster.set_waiting(self.roster.waiting)
        return troubles

    def claims(self) -> None:
        """Take up the specs that were claimed and could not be recorded."""
        for paths in self.roster.workspace.run_folders():
            if not paths.status.exists():
                self._claim(paths)
        self.roster.set_waiting(self.roster.waiting)

    def _one(self, paths: RunPaths) -> None:
        if not paths.status.exists():
            self._claim(paths)
            return
        status = self._read(paths)
        if status.phase in FINISHED:
            return
        if never_started(paths, status):
            reason = "the daemon ended before it could start it"
            status = replace(status, attempt_started_at=None)
            status = records.record_move(paths, status, Phase.QUEUED, reason)
        if status.phase in LIVE:
            self._live(paths, status)
        else:
            self._resting(paths, status)

    def _read(self, paths: RunPaths) -> RunStatus:
        try:
            return from_record(load_json(paths.status))
        except (IsADirectoryError, RecordError) as error:
            log.error("%s; it is made again from the run's events", error)
            rank = next_rank(self.roster.waiting)
            return records.rebuild(paths, self._spec_or_name(paths), rank)

    def _claim(self, paths: RunPaths) -> None:
        """Finish what a daemon that died, or a full disk, left half done."""
        if paths.spec.exists():
            rank = next_rank(self.roster.waiting)
            status = records.record_submission(paths, self._spec_or_name(paths), now(), rank)
            self._resting(paths, status)

    def _spec_or_name(self, paths: RunPaths) -> RunSpec:
        try:
            return parse_spec(paths.spec.read_bytes(), paths.run_id)
        except SpecError:
            return RunSpec(paths.run_id, {})

    def _live(self, paths: RunPaths, status: RunStatus) -> None:
        # What was allowed when it started goes on, whatever the settings are by now.
        run = LiveRun(paths, status, self._spec_or_name(paths), TrainerProcess(paths))
        run.ask_again(run.clock() + self.settings.cancel_grace_s)
        self.roster.live[paths.run_id] = run
        alive = "lives" if is_locked(paths.lock) else "has ended"
        log.info("took up run %s, whose trainer %s", paths.run_id, alive)

    def _resting(self, paths: RunPaths, status: RunStatus) -> None:
        """Queue it again after the check that a dropped spec passes, or keep it paused."""
        if status.phase is Phase.PAUSED:
            self.roster.paused[paths.run_id] = Waiting(status, self._spec_or_name(paths))
            return
        root = self.roster.workspace.root
        try:
            spec = check_spec(paths.spec.read_bytes(), status.name, root, self.settings)
        except SpecError as error:
            self.roster.end(Waiting(status, RunSpec(status.name, {})), Phase.FAILED, str(error))
            return
        self.roster.waiting.append(Waiting(replace(status, name=spec.name), spec))
