"""The loop: takes specs, obeys requests, follows trainings, starts the next one."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from core.axolotl_config import Launch, complete
from core.clock import now
from core.errors import RecordError, SpecError, TrainerUIError
from core.files import load_json, read_untrusted, write_whole
from core.paths import RunPaths, Workspace
from core.phase import CANCELLABLE, FINISHED, LIVE, Phase, Verb
from core.prepared import ContentHasher, prepared_key
from core.safe_yaml import MAX_BYTES, dump_yaml, load_yaml_mapping
from core.settings import Settings
from core.spec import RunSpec, parse_spec
from core.spec_check import check_spec
from core.status import from_record
from core.store import Store
from daemon import decide, records
from daemon.decide import Waiting
from daemon.heartbeat import beat
from daemon.live_run import Cancelling, LiveRun
from daemon.model_checks import ModelChecks
from daemon.nvml import Gpu, Nvml
from daemon.queue_folder import QueueFolder
from daemon.sampler import Sampler
from daemon.sandbox import SandboxKeeper
from daemon.trainer_process import Start, TrainerProcess, is_locked, obtain_trainer
from daemon.watch import Watch

log = logging.getLogger(__name__)

BEAT_INTERVAL_S = 1.0
UNKILLABLE_AFTER_S = 10.0


class Supervisor:
    """Everything the daemon does, one turn at a time."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        environment: dict[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self.stopping = False
        self.started_at = now()
        self.store = Store(workspace)
        self.hasher = ContentHasher()
        self.nvml = Nvml()
        self.gpus: list[Gpu] = self.nvml.find_gpus()
        self.sampler = Sampler(workspace, Nvml(), keep_days=settings.keep_gpu_days)
        self.queue = QueueFolder(workspace.queue, settings.queue_quiet_s)
        self.watch = Watch(self.queue)
        self.sandbox = SandboxKeeper(
            workspace, sys.executable, environment, settings.sandbox_idle_s
        )
        self.model_checks = ModelChecks(workspace, sys.executable, environment)
        self.waiting: list[Waiting] = []
        self.live: dict[str, LiveRun] = {}
        self.troubles: dict[str, str] = {}
        self.beaten_at = float("-inf")

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
        self.sandbox.stop("the daemon was stopped")
        self.model_checks.stop()

    def tick(self) -> None:
        """One turn: take specs, obey requests, follow the living, start the next, say we live."""
        for step in (
            self.renew_watch,
            self.take_specs,
            self.obey_requests,
            self.follow_runs,
            self.start_next,
            self.keep_sandbox,
            self.model_checks.tick,
            self.beat,
        ):
            name = step.__name__
            try:
                step()
                self.troubles.pop(name, None)
            except Exception as error:
                # One bad file must not stop the others; what keeps failing is shown.
                if self.troubles.get(name) != str(error):
                    log.exception("%s failed", name)
                self.troubles[name] = str(error)

    def renew_watch(self) -> None:
        """Watch the queue folder that is there now; make it again if it is gone."""
        self.workspace.queue.mkdir(parents=True, exist_ok=True)
        self.watch.renew()

    def take_up_runs(self) -> None:
        """Find the runs of an earlier daemon: waiting, living, or claimed but not recorded."""
        for spec_path in sorted(self.workspace.runs.glob("*/spec.yaml")):
            paths = RunPaths(spec_path.parent)
            try:
                self._take_up(paths)
            except (OSError, TrainerUIError) as error:
                log.error("run %s is left alone: %s", paths.run_id, error)
                self.troubles[paths.run_id] = f"run {paths.run_id} cannot be read: {error}"

    def _take_up(self, paths: RunPaths) -> None:
        if not paths.status.exists():
            spec = parse_spec(paths.spec.read_bytes(), paths.run_id)
            status = records.record_submission(paths, spec, now())
        else:
            status = from_record(load_json(paths.status))
        if status.phase is Phase.QUEUED:
            spec = parse_spec(paths.spec.read_bytes(), status.name)
            self.waiting = decide.with_positions([*self.waiting, Waiting(status, spec)])
        elif status.phase in LIVE:
            self.live[paths.run_id] = LiveRun(paths, status, TrainerProcess(paths))
            alive = "lives" if is_locked(paths.lock) else "has ended"
            log.info("took up run %s, whose trainer %s", paths.run_id, alive)

    def take_specs(self) -> None:
        """Turn each complete file in the queue folder into a run, or reject it with the reason."""
        for path in self.queue.candidates():
            try:
                self._take(path)
            except (SpecError, RecordError) as error:
                # What looks wrong may still be being written.
                if self.queue.is_settled(path.name):
                    log.info("rejected %s: %s", path.name, error)
                    records.reject(self.workspace, path, str(error))
            except FileNotFoundError:
                continue

    def _take(self, path: Path) -> None:
        text = read_untrusted(path, MAX_BYTES)
        spec = check_spec(text, path.stem, self.workspace.root, self.settings)
        problem = decide.find_gpu_problem(spec, self._gpu_indexes())
        if problem:
            raise SpecError(problem)
        status = records.create_run(self.workspace, path, spec)
        log.info("took %s as run %s", path.name, status.run_id)
        self._set_waiting([*self.waiting, Waiting(status, spec)])

    def obey_requests(self) -> None:
        """Do what people asked of waiting and living runs."""
        for run_id in [*(run.status.run_id for run in self.waiting), *self.live]:
            for path, verb in self._requests(self.workspace.run(run_id)):
                self._obey(run_id, verb)
                path.unlink(missing_ok=True)

    def _requests(self, paths: RunPaths) -> Iterator[tuple[Path, Verb]]:
        for path in sorted(paths.requests.glob("[!.]*.yaml")):
            try:
                data = load_yaml_mapping(read_untrusted(path, MAX_BYTES))
                yield path, Verb(str(data.get("verb")))
            except (TrainerUIError, ValueError) as error:
                log.warning("request %s is not understood: %s", path, error)
                path.unlink(missing_ok=True)

    def _obey(self, run_id: str, verb: Verb) -> None:
        if verb is not Verb.CANCEL:
            log.warning("run %s: `%s` is not possible yet", run_id, verb)
        elif run_id in self.live:
            self._cancel_live(self.live[run_id])
        else:
            self._cancel_waiting(run_id)

    def _cancel_waiting(self, run_id: str) -> None:
        run = next((run for run in self.waiting if run.status.run_id == run_id), None)
        if run is None:
            return
        status = replace(run.status, position=0, ended_at=now())
        records.record_move(
            self.workspace.run(run_id), status, Phase.CANCELLED, "cancelled before it started"
        )
        self._set_waiting([other for other in self.waiting if other is not run])

    def _cancel_live(self, run: LiveRun) -> None:
        if run.status.phase not in CANCELLABLE:
            return
        run.status = records.record_move(
            run.paths, run.status, Phase.CANCELLING, "ending the training's processes"
        )
        run.process.end()
        run.ending = Cancelling(self.clock() + self.settings.cancel_grace_s)

    def follow_runs(self) -> None:
        """Bring the status of every living run up to date, and let go of those that ended."""
        for run_id, run in list(self.live.items()):
            if run.status.phase is Phase.CANCELLING:
                self._press_cancel(run)
            run.follow()
            if run.status.phase in FINISHED:
                log.info("run %s %s: %s", run_id, run.status.phase, run.status.reason)
                del self.live[run_id]

    def _press_cancel(self, run: LiveRun) -> None:
        """Kill what did not end within the grace time; say so if even that does not help."""
        if run.ending is None:
            # An earlier daemon began to cancel this run.
            run.process.end()
            run.ending = Cancelling(self.clock() + self.settings.cancel_grace_s)
        if self.clock() < run.ending.kill_at:
            return
        left = run.process.kill()
        if left and self.clock() > run.ending.kill_at + UNKILLABLE_AFTER_S:
            pids = ", ".join(map(str, left))
            run.status = replace(run.status, reason=f"these processes cannot be killed: {pids}")
            records.save(run.paths, run.status)

    def start_next(self) -> None:
        """Start the first waiting run when its turn has come."""
        chosen = decide.choose_next(self.waiting, len(self.live))
        if chosen is None:
            return
        self._set_waiting([run for run in self.waiting if run is not chosen])
        paths = self.workspace.run(chosen.status.run_id)
        try:
            self._start(paths, chosen)
        except (OSError, TrainerUIError) as error:
            log.exception("run %s could not be started", paths.run_id)
            status = replace(chosen.status, position=0, ended_at=now())
            records.record_move(paths, status, Phase.FAILED, f"could not be started: {error}")

    def _start(self, paths: RunPaths, chosen: Waiting) -> None:
        gpus = decide.choose_gpus(chosen.spec, self._gpu_indexes())
        self._give_way(gpus)
        config, changes = self._write_config(paths, chosen.spec, on_cpu=not gpus)
        status = replace(
            chosen.status,
            position=0,
            gpus=gpus,
            attempt=chosen.status.attempt + 1,
            started_at=chosen.status.started_at or now(),
        )
        where = f"on GPU {', '.join(map(str, gpus))}" if gpus else "on the CPU"
        status = records.record_move(
            paths, status, Phase.STARTING, f"starting {where}", [str(change) for change in changes]
        )
        status = records.record_stage(paths, status, "spawn")
        uuids = tuple(gpu.uuid for gpu in self.gpus if gpu.index in gpus)
        start = Start(paths, self.workspace.root, status.attempt, config, uuids)
        self.live[paths.run_id] = LiveRun(paths, status, obtain_trainer(start))

    def _write_config(
        self, paths: RunPaths, spec: RunSpec, on_cpu: bool
    ) -> tuple[dict[str, object], list[object]]:
        root = self.workspace.root
        prepared = self.workspace.prepared / prepared_key(spec.axolotl, root, self.hasher)
        launch = Launch(
            output_dir=_relative(paths.output, root),
            prepared_dir=_relative(prepared, root),
            on_cpu=on_cpu,
        )
        config, changes = complete(spec.axolotl, launch)
        write_whole(paths.axolotl_config, dump_yaml(config))
        return config, list(changes)

    def _give_way(self, gpus: tuple[int, ...]) -> None:
        """A training has the GPU before the sandbox has."""
        if gpus and self.sandbox.uses_gpu:
            self.sandbox.stop("a training needed its GPU; ask again to run it on the CPU")

    def keep_sandbox(self) -> None:
        """Let the sandbox run where nothing trains: on a free GPU, else on the CPU."""
        used = {index for run in self.live.values() for index in run.status.gpus}
        free = [gpu for gpu in self.gpus if gpu.index not in used]
        self.sandbox.tick("cuda" if free else "cpu", free[0].uuid if free else None)

    def beat(self) -> None:
        """Say that we live, once a second."""
        if self.clock() - self.beaten_at < BEAT_INTERVAL_S:
            return
        self.beaten_at = self.clock()
        used = [index for run in self.live.values() for index in run.status.gpus]
        troubles = [trouble for name, trouble in self.troubles.items() if name != "beat"]
        beat(self.workspace, self.started_at, self.sampler.latest, used, troubles)

    def _set_waiting(self, waiting: list[Waiting]) -> None:
        """Set the queue, and write down each place in it that changed."""
        before = {run.status.run_id: run.status.position for run in self.waiting}
        self.waiting = decide.with_positions(waiting)
        for run in self.waiting:
            if before.get(run.status.run_id) != run.status.position:
                records.save(self.workspace.run(run.status.run_id), run.status)

    def _gpu_indexes(self) -> list[int]:
        return [gpu.index for gpu in self.gpus]


def _relative(path: Path, root: Path) -> str:
    """The path as Axolotl, started in the workspace, is told it."""
    return f"./{path.relative_to(root)}"
