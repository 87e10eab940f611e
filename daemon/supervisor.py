"""The loop: takes specs, obeys requests, follows trainings, starts the next one."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from core.clock import now
from core.errors import SpecError, TrainerUIError
from core.files import load_json
from core.lock import is_locked
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED, LIVE, Phase, Verb
from core.run.status import RunStatus, from_record
from core.settings import Settings
from core.spec.check import check_spec
from core.spec.prepared import ContentHasher
from daemon import decide, records
from daemon.decide import Waiting
from daemon.heartbeat import beat
from daemon.intake import take_specs
from daemon.launch import launch
from daemon.live_run import LiveRun
from daemon.model_checks import ModelChecks
from daemon.nvml import Gpu, Nvml
from daemon.queue_folder import QueueFolder
from daemon.requests import clear_requests, read_requests
from daemon.sampler import Sampler
from daemon.sandbox import SandboxKeeper
from daemon.trainer_process import Start, TrainerProcess, never_started, obtain_trainer
from daemon.watch import Watch

log = logging.getLogger(__name__)

BEAT_INTERVAL_S = 1.0
CLAIM_INTERVAL_S = 5.0
START_AGAIN_S = 30.0
SANDBOX_END_S = 5.0


class Supervisor:
    """Everything the daemon does, one turn at a time."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        environment: dict[str, str],
        obtain: Callable[[Start], TrainerProcess] = obtain_trainer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.obtain = obtain
        self.clock = clock
        self.stopping = False
        self.started_at = now()
        self.hasher = ContentHasher()
        self.nvml = Nvml()
        self.gpus: list[Gpu] = self.nvml.find_gpus()
        self.sampler = Sampler(workspace, self.nvml, keep_days=settings.keep_gpu_days)
        self.queue = QueueFolder(workspace.queue, settings.queue_quiet_s)
        self.watch = Watch(self.queue)
        # What a training could load is in the cache: the sandbox need not ask the Hub.
        offline = {**environment, "HF_HUB_OFFLINE": "1"}
        self.sandbox = SandboxKeeper(workspace, sys.executable, offline, settings.sandbox_idle_s)
        self.model_checks = ModelChecks(workspace, sys.executable, environment)
        self.waiting: list[Waiting] = []
        self.live: dict[str, LiveRun] = {}
        self.troubles: dict[str, str] = {}
        self.beaten_at = self.claims_seen_at = self.start_again_at = float("-inf")

    def run(self) -> None:
        """Supervise until told to stop. Trainings go on; the sandbox does not."""
        self.open()
        while not self.stopping:
            self.tick()
            self.watch.wait(self.settings.poll_interval_s)
        self.close()

    def open(self) -> None:
        """Make the folders, take up what an earlier daemon left, and begin to watch."""
        for folder in (self.workspace.queue, self.workspace.rejected, self.workspace.model_checks):
            folder.mkdir(parents=True, exist_ok=True)
        self.take_up_runs()
        self.sampler.start()

    def close(self) -> None:
        """End what must not outlive the daemon."""
        self.watch.stop()
        self.sampler.stop()
        self._end_sandbox()
        self.model_checks.stop()

    def _end_sandbox(self) -> None:
        self.sandbox.stop("the daemon was stopped")
        deadline = self.clock() + SANDBOX_END_S
        while self.sandbox.is_running and self.clock() < deadline:
            time.sleep(0.05)
            self.sandbox.tick("cpu", None)

    def tick(self) -> None:
        """One turn: take specs, obey requests, follow the living, start the next, say we live."""
        steps: dict[str, Callable[[], None]] = {
            "looking for GPUs": self.find_gpus,
            "watching the queue": self.renew_watch,
            "taking specs": self.take_specs,
            "taking up claims": self.take_up_claims,
            "obeying requests": self.obey_requests,
            "following runs": self.follow_runs,
            "starting the next run": self.start_next,
            "keeping the sandbox": self.keep_sandbox,
            "checking models": self.model_checks.tick,
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

    def renew_watch(self) -> None:
        """Watch the queue folder that is there now; make it again if it is gone."""
        self.workspace.queue.mkdir(parents=True, exist_ok=True)
        self.watch.renew()

    def take_up_runs(self) -> None:
        """Find the runs of an earlier daemon: waiting, living, or claimed but not recorded."""
        for paths in self.workspace.run_folders():
            try:
                self._take_up(paths)
            except (OSError, TrainerUIError) as error:
                log.error("run %s is left alone: %s", paths.run_id, error)
                self.troubles[paths.run_id] = f"run {paths.run_id} cannot be read: {error}"
        self._set_waiting(self.waiting)

    def _take_up(self, paths: RunPaths) -> None:
        if not paths.status.exists():
            self._take_up_claim(paths)
            return
        status = from_record(load_json(paths.status))
        if status.phase is Phase.QUEUED or never_started(paths, status):
            self._take_up_waiting(paths, replace(status, phase=Phase.QUEUED, stage=""))
        elif status.phase in LIVE:
            run = self.live[paths.run_id] = LiveRun(paths, status, TrainerProcess(paths))
            if status.phase is Phase.CANCELLING:
                run.cancel(self.clock() + self.settings.cancel_grace_s)
            alive = "lives" if is_locked(paths.lock) else "has ended"
            log.info("took up run %s, whose trainer %s", paths.run_id, alive)

    def _take_up_claim(self, paths: RunPaths) -> None:
        """Finish what a daemon that died, or a full disk, left half done."""
        if paths.spec.exists():
            self._take_up_waiting(paths, records.record_submission(paths, paths.run_id, now()))

    def _take_up_waiting(self, paths: RunPaths, status: RunStatus) -> None:
        """Queue it again, after the same check that a dropped spec passes."""
        try:
            spec = check_spec(
                paths.spec.read_bytes(), status.name, self.workspace.root, self.settings
            )
        except SpecError as error:
            status = replace(status, position=0, ended_at=now())
            records.record_move(paths, status, Phase.FAILED, str(error))
        else:
            self.waiting.append(Waiting(replace(status, name=spec.name), spec))

    def take_up_claims(self) -> None:
        """Look now and then for claimed specs whose status could not be written."""
        if self.clock() - self.claims_seen_at < CLAIM_INTERVAL_S:
            return
        self.claims_seen_at = self.clock()
        known = {run.status.run_id for run in self.waiting}
        for paths in self.workspace.run_folders():
            if paths.run_id not in known and not paths.status.exists():
                self._take_up_claim(paths)
        self._set_waiting(self.waiting)

    def find_gpus(self) -> None:
        """Look for GPUs until there are some: their driver may come up after the daemon."""
        self.gpus = self.gpus or self.nvml.find_gpus()

    def take_specs(self) -> None:
        """Queue what was dropped into the queue folder, or reject it with the reason."""
        for taken in take_specs(self.workspace, self.settings, self.queue, self._gpu_indexes()):
            self._set_waiting([*self.waiting, taken])

    def obey_requests(self) -> None:
        """Do what people asked of waiting and living runs."""
        for run_id in [*(run.status.run_id for run in self.waiting), *self.live]:
            paths = self.workspace.run(run_id)
            for path, verb in read_requests(paths, self.settings.queue_quiet_s):
                self._obey(run_id, verb)
                path.unlink(missing_ok=True)

    def _obey(self, run_id: str, verb: Verb) -> None:
        if verb is not Verb.CANCEL:
            log.warning("run %s: `%s` is not possible yet", run_id, verb)
        elif run_id in self.live:
            self.live[run_id].cancel(self.clock() + self.settings.cancel_grace_s)
        else:
            self._cancel_waiting(run_id)

    def _cancel_waiting(self, run_id: str) -> None:
        run = next((run for run in self.waiting if run.status.run_id == run_id), None)
        if run:
            self._end_waiting(run, Phase.CANCELLED, "on request, before it started")

    def _end_waiting(self, run: Waiting, phase: Phase, reason: str) -> None:
        status = replace(run.status, position=0, ended_at=now())
        paths = self.workspace.run(status.run_id)
        records.record_move(paths, status, phase, reason)
        clear_requests(paths)
        self._set_waiting([other for other in self.waiting if other is not run])

    def follow_runs(self) -> None:
        """Bring the status of every living run up to date, and let go of those that ended."""
        for run_id, run in list(self.live.items()):
            run.press_cancel(self.clock())
            run.follow()
            if run.status.phase in FINISHED:
                log.info("run %s %s: %s", run_id, run.status.phase, run.status.reason)
                clear_requests(run.paths)
                del self.live[run_id]

    def start_next(self) -> None:
        """Start the first waiting run when its turn has come."""
        chosen = decide.choose_next(self.waiting, len(self.live))
        if chosen is None or self.clock() < self.start_again_at:
            return
        indexes = decide.choose_gpus(chosen.spec, self._gpu_indexes())
        gpus = tuple(gpu for gpu in self.gpus if gpu.index in indexes)
        if gpus and self.sandbox.uses_gpu:
            # The next turn looks again: the memory must be back before the training wants it.
            self.sandbox.stop("a training needed its GPU; ask again to run it on the CPU")
            return
        try:
            self.live[chosen.status.run_id] = launch(
                self.workspace, chosen, gpus, self.hasher, self.obtain
            )
        except TrainerUIError as error:
            log.exception("run %s could not be started", chosen.status.run_id)
            self._end_waiting(chosen, Phase.FAILED, f"could not be started: {error}")
            return
        except OSError as error:
            # No fault of the run: a full disk, say. It stays first, and is tried again later.
            log.exception("run %s could not be started", chosen.status.run_id)
            self.start_again_at = self.clock() + START_AGAIN_S
            self.troubles["start"] = f"{chosen.spec.name} cannot be started yet: {error}"
            return
        self.troubles.pop("start", None)
        self._set_waiting([run for run in self.waiting if run is not chosen])

    def keep_sandbox(self) -> None:
        """Let the sandbox run where nothing trains: on a free GPU, else on the CPU."""
        used = {index for run in self.live.values() for index in run.status.gpus}
        free = [] if self.waiting else [gpu for gpu in self.gpus if gpu.index not in used]
        self.sandbox.tick("cuda" if free else "cpu", free[0].uuid if free else None)

    def beat(self) -> None:
        """Say that we live, once a second."""
        if self.clock() - self.beaten_at < BEAT_INTERVAL_S:
            return
        self.beaten_at = self.clock()
        used = [index for run in self.live.values() for index in run.status.gpus]
        beat(
            self.workspace,
            self.started_at,
            self.sampler.latest,
            used,
            list(self.troubles.values()),
        )

    def _set_waiting(self, waiting: list[Waiting]) -> None:
        """Set the queue, and write down each place in it that changed."""
        before = {run.status.run_id: run.status.position for run in waiting}
        self.waiting = decide.with_positions(waiting)
        for run in self.waiting:
            if before[run.status.run_id] != run.status.position:
                records.save(self.workspace.run(run.status.run_id), run.status, durable=False)

    def _gpu_indexes(self) -> list[int]:
        return [gpu.index for gpu in self.gpus]
