"""The loop: takes specs, obeys requests, follows trainings, starts the next ones."""

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from core.clock import now
from core.heartbeat import read_heartbeat
from core.paths import Workspace
from core.run.phase import Phase
from core.settings import Settings
from core.spec.prepared import ContentHasher
from daemon import notify
from daemon.audits import Audits
from daemon.dataset_imports import Fetches, Imports
from daemon.dispatch import Dispatch
from daemon.each import for_each
from daemon.errands import Errands
from daemon.fresh_settings import FreshSettings
from daemon.guarding import Guarding
from daemon.heartbeat import beat, tell
from daemon.intake import take_specs
from daemon.launch import Launcher
from daemon.live_run import LiveRun
from daemon.machine import Machine, MachineSampler
from daemon.model_checks import ModelChecks
from daemon.notices import Notices
from daemon.nvml import Gpu, Nvml
from daemon.obey import Obedience
from daemon.preparing import Preparing
from daemon.queue_folder import QueueFolder
from daemon.recovery import decide_next
from daemon.requests import Requests
from daemon.roster import Roster
from daemon.sampler import Sampler
from daemon.sandbox import SandboxKeeper
from daemon.standby_plan import may_prepare, wanted_ranks
from daemon.standbys import Standbys
from daemon.start import Start
from daemon.take_up import TakeUp
from daemon.telling import Telling
from daemon.trainer_process import TrainerProcess
from daemon.watch import Watch

log = logging.getLogger(__name__)

BEAT_INTERVAL_S = 1.0
LOOK_INTERVAL_S = 5.0
"""So often every run's folder is looked at without a sign that it changed."""

SANDBOX_END_S = 5.0


class Supervisor:
    """Everything the daemon does, one turn at a time."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        environment: dict[str, str],
        obtain: Callable[[Start], TrainerProcess] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self.stopping = False
        self.started_at = now()
        self.nvml = Nvml()
        self.gpus: list[Gpu] = self.nvml.find_gpus()
        days = settings.keep_gpu_days
        machine = MachineSampler(workspace, Machine(workspace.root), days)
        self.sampler = Sampler(workspace, self.nvml, days, also=[machine])
        self.queue = QueueFolder(workspace.queue, settings.queue_quiet_s)
        self.watch = Watch(self.queue)
        # What a training could load is in the cache: the sandbox need not ask the Hub.
        offline = {**environment, "HF_HUB_OFFLINE": "1"}
        self.sandbox = SandboxKeeper(workspace, sys.executable, offline, settings.sandbox_idle_s)
        fresh = FreshSettings(workspace)
        self.notices = Notices(workspace, sys.executable, environment, fresh)
        self.errands: dict[str, Errands] = {
            "sending notices": self.notices,
            "checking models": ModelChecks(workspace, sys.executable, environment),
            "auditing datasets": Audits(workspace, sys.executable, environment),
            "fetching datasets": Fetches(workspace, sys.executable, environment),
            "importing datasets": Imports(workspace, sys.executable, environment),
        }
        self.roster = Roster(workspace)
        self.telling = Telling(self.roster, fresh)
        self.take_up = TakeUp(self.roster, settings)
        self.requests = Requests(settings.queue_quiet_s)
        self.obedience = Obedience(self.roster, settings, clock)
        self.guarding = Guarding(self.roster, settings, clock)
        # Where trainers come from elsewhere, none is kept warm.
        warm = settings.warm_standby and obtain is None
        self.standbys = Standbys(workspace, replace(settings, warm_standby=warm), clock)
        hasher = ContentHasher()
        launcher = Launcher(workspace, hasher, obtain or self.standbys.obtain)
        ahead = replace(settings, prepare_ahead=settings.prepare_ahead and obtain is None)
        self.preparing = Preparing(workspace, ahead, sys.executable, environment, hasher, clock)
        self.dispatch = Dispatch(
            self.roster, launcher, self.guarding, settings, clock, self.preparing.warnings
        )
        self.troubles: dict[str, str] = {}
        self.is_woken = True
        self.beaten_at = self.looked_at = float("-inf")

    def run(self) -> None:
        """Supervise until told to stop. Trainings go on; the sandbox does not."""
        self.open()
        notify.ready()
        while not self.stopping:
            self.tick()
            self.is_woken = self.watch.wait(self.settings.poll_interval_s)
        notify.stopping()
        self.close()

    def open(self) -> None:
        """Make the folders, take up what an earlier daemon left, and begin to watch."""
        place = self.workspace
        asked = (place.queue, place.rejected, place.model_checks, place.audits, place.notices)
        for folder in (*asked, place.inbox):
            folder.mkdir(parents=True, exist_ok=True)
        earlier = read_heartbeat(place.heartbeat)
        self.take_up.all()
        self.telling.catch_up(earlier.beat_at if earlier else None)
        self.standbys.open()
        self.sampler.start()

    def close(self) -> None:
        """End what must not outlive the daemon."""
        self.watch.stop()
        self.standbys.close()
        self.preparing.stop()
        self.sampler.stop()
        self._end_sandbox()
        for errands in self.errands.values():
            errands.stop()

    def _end_sandbox(self) -> None:
        self.sandbox.stop("the daemon was stopped")
        deadline = self.clock() + SANDBOX_END_S
        while self.sandbox.is_running and self.clock() < deadline:
            time.sleep(0.05)
            self.sandbox.tick("cpu", None)

    def tick(self) -> None:
        """One turn: take specs, obey requests, follow the living, start what can, say we live."""
        steps: dict[str, Callable[[], None]] = {
            "looking for GPUs": self.find_gpus,
            "watching the queue": self.renew_watch,
            "taking specs": self.take_specs,
            # First what is: a training that has ended is not cancelled any more.
            "following runs": self.follow_runs,
            "obeying requests": self.obey_requests,
            "guarding runs": self.guard_runs,
            "starting runs": self.start_runs,
            "preparing runs": self.prepare_runs,
            "keeping trainers warm": self.keep_standbys,
            "looking at all runs": self.look_at_all_runs,
            "keeping the sandbox": self.keep_sandbox,
            "telling what ended": self.telling.tick,
            **{name: errands.tick for name, errands in self.errands.items()},
            "the heartbeat": self.beat,
        }
        for name, step in steps.items():
            try:
                step()
                self.troubles.pop(name, None)
            except Exception as error:
                # One bad file must not stop the others; what keeps failing is shown.
                trouble = f"{name} failed: {error}"
                if self.troubles.get(name) != trouble:
                    log.exception("%s failed", name)
                self.troubles[name] = trouble

    def find_gpus(self) -> None:
        """Look for GPUs until there are some: their driver may come up after the daemon."""
        self.gpus = self.gpus or self.nvml.find_gpus()

    def renew_watch(self) -> None:
        """Watch the queue folder that is there now; make it again if it is gone."""
        self.workspace.queue.mkdir(parents=True, exist_ok=True)
        self.watch.renew()

    def take_specs(self) -> None:
        """Queue what was dropped into the queue folder, or reject it with the reason."""
        if take_specs(self.roster, self.settings, self.queue, [gpu.index for gpu in self.gpus]):
            self.watch.wake()

    def obey_requests(self) -> None:
        """Do what people asked of runs that have not ended."""
        waiting = [run.run_id for run in self.roster.waiting]
        for_each([*waiting, *self.roster.live, *self.roster.paused], self._obey)

    def look_at_all_runs(self) -> None:
        """Now and then, and when woken: what could not be taken up, and requests of the ended."""
        if self._is_time_to_look():
            self.looked_at = self.clock()
            self.take_up.rest()
        elif not self.is_woken:
            return
        for_each([paths.run_id for paths in self.workspace.run_folders()], self._obey)

    def _obey(self, run_id: str) -> None:
        for request in self.requests.find(self.workspace.run(run_id)):
            self.obedience.obey(run_id, request)
            # After the status tells of it: whoever asked can then see what became of the wish.
            request.path.unlink(missing_ok=True)

    def _is_time_to_look(self) -> bool:
        return self.clock() - self.looked_at >= LOOK_INTERVAL_S

    def follow_runs(self) -> None:
        """Bring the status of every living run up to date; settle those that ended."""
        for_each(list(self.roster.live.values()), self._follow)

    def _follow(self, run: LiveRun) -> None:
        if not run.paths.folder.exists():
            log.warning("run %s is ended and forgotten: its folder was removed", run.paths.run_id)
            run.process.kill()
            self.roster.drop(run.paths.run_id)
            return
        run.end_if_hung(self.settings.hang_after_s)
        ending = run.follow()
        if ending:
            delay_s = self.settings.retry_delay_s
            following = decide_next(run.status, ending, run.spec, delay_s, now())
            self.roster.settle(run, following)

    def guard_runs(self) -> None:
        """Pause what the disk, the heat or the hour forbids, and let go on what they do not."""
        self.guarding.tick(self.sampler.latest)

    def start_runs(self) -> None:
        """Start every waiting run whose turn has come and whose GPUs are free."""
        self.dispatch.tick(self.gpus, self.sampler.latest, self.sandbox)

    def prepare_runs(self) -> None:
        """Prepare the runs that wait, while none needs the cores at its start."""
        live = {run_id: run.status.phase for run_id, run in self.roster.live.items()}
        begun = dict.fromkeys(self.dispatch.due, Phase.STARTING) | live
        self.preparing.tick(self.roster.waiting, begun, bool(self.gpus))

    def keep_standbys(self) -> None:
        """Keep trainers warm for the next runs."""
        waiting = self.roster.waiting
        live = [run.status for run in self.roster.live.values()]
        self.standbys.tick(
            wanted_ranks(waiting, len(self.gpus), os.cpu_count() or 1),
            [gpu.uuid for gpu in self.gpus],
            may_prepare(live, bool(waiting)),
        )

    def keep_sandbox(self) -> None:
        """Let the sandbox run where nothing trains: on a free GPU, else on the CPU."""
        used = self._used_gpus()
        free = [] if self.roster.waiting else [gpu for gpu in self.gpus if gpu.index not in used]
        self.sandbox.tick("cuda" if free else "cpu", free[0].uuid if free else None)

    def beat(self) -> None:
        """Say that we live, once a second."""
        if self.clock() - self.beaten_at < BEAT_INTERVAL_S:
            return
        self.beaten_at = self.clock()
        troubles = [*self.troubles.values(), *self.take_up.troubles.values()]
        troubles += [*self.dispatch.troubles, *self.notices.troubles]
        beat(
            self.workspace,
            self.started_at,
            self.sampler.latest,
            self._used_gpus(),
            troubles,
            self.standbys.seen(),
            self._marks(),
        )
        notify.alive(tell(self.roster))

    def _marks(self) -> dict[str, str]:
        """The living runs by what marks their processes, when any process is to be told."""
        if not any(reading.processes for reading in self.sampler.latest):
            return {}
        return {
            mark: run_id for run_id, run in self.roster.live.items() for mark in run.process.marks
        }

    def _used_gpus(self) -> list[int]:
        return [index for run in self.roster.live.values() for index in run.status.gpus]
