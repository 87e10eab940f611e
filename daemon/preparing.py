"""Prepares runs that wait, one at a time, so that no GPU waits for the CPU at their turn."""

import logging
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from core.files import write_whole
from core.paths import PreparationPaths, Workspace
from core.process import pids_with_environment, set_session_niceness, signal_marked
from core.run.phase import Phase
from core.run.preparation import DONE, Preparation, load_preparation
from core.run.trainer_env import (
    ATTEMPT_VARIABLE,
    COLD_VARIABLE,
    RANKS_VARIABLE,
    RUN_FOLDER_VARIABLE,
)
from core.safe_yaml import dump_yaml
from core.settings import Settings
from core.spec.axolotl_config import Place, complete
from core.spec.prepared import ContentHasher
from daemon import memory
from daemon.child import start_module
from daemon.decide import Waiting
from daemon.read_ahead import KeyReader
from daemon.start import Start, data_bytes, trainer_environment

log = logging.getLogger(__name__)

MODULE = "trainer.prepare"
MARK_VARIABLE = "LLM_TRAINER_PREPARING"
"""Marks every process of a preparation with its folder, wherever it hides."""

OF_A_RUN = (RUN_FOLDER_VARIABLE, ATTEMPT_VARIABLE, RANKS_VARIABLE, COLD_VARIABLE)
"""What would make a process one of the run, to be ended with it."""

MIN_AVAILABLE_MIB = 2048
DISK_PER_DATA = 10
"""What is prepared, and what it is made by way of, may take so many times the size of the data."""

SWEEP_S = 5.0
"""So long after a preparation was killed it is looked for what it left behind."""

GIB = 1024**3
MAX_TOLD = 300


@dataclass(frozen=True)
class Work:
    """A preparation at work; it is urgent when its run has begun and waits for it."""

    run_id: str
    paths: PreparationPaths
    process: "subprocess.Popen[bytes]"
    is_urgent: bool = False


@dataclass(frozen=True)
class Room:
    """What the machine has to spare: memory, and disk beyond what is to stay free."""

    memory_mib: float
    disk_bytes: float


class Preparing:
    """At most one preparation at a time, each run once for the data that it has."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        python: str,
        env: Mapping[str, str],
        hasher: ContentHasher,
        clock: Callable[[], float] = time.monotonic,
        available_mib: Callable[[], float] = memory.available_mib,
    ) -> None:
        self._workspace = workspace
        self._settings = settings
        self._python = python
        self._env = dict(env)
        self._keys = KeyReader(workspace.root, hasher, clock)
        self._clock = clock
        self._available_mib = available_mib
        self._sweep_until = float("-inf")
        self._work: Work | None = None
        self._settled: set[tuple[str, str]] = set()
        self._errors: dict[str, str] = {}
        self._ended: list[subprocess.Popen[bytes]] = []
        self._kept: Set[str] | None = None

    def tick(self, waiting: Sequence[Waiting], begun: Mapping[str, Phase], has_gpus: bool) -> None:
        """One turn: see what became of the preparation at work, or begin the next. Never waits.

        `begun` are the runs that live or are about to, each with its phase.
        """
        self._ended = [process for process in self._ended if process.poll() is None]
        if not self._settings.prepare_ahead:
            return
        if self._work is None and self._clock() < self._sweep_until:
            end_processes(self._folders())
        queue = {run.run_id for run in waiting}
        self._look_at_work(queue, begun)
        self._forget_all_but(queue)
        # The data of those that are about to start is being read already.
        idle = [run for run in waiting if run.run_id not in begun]
        keys = self._keys.follow(idle)
        if self._work is None and Phase.STARTING not in begun.values():
            self._begin_next(idle, keys, has_gpus)

    def warnings(self) -> dict[str, str]:
        """By run id, what was found wrong with runs that wait."""
        return {run_id: f"preparing it failed: {told}" for run_id, told in self._errors.items()}

    def stop(self) -> None:
        """End the preparation at work; a later daemon begins it anew."""
        if self._work is not None:
            self._end(self._work)

    def _look_at_work(self, queue: Set[str], begun: Collection[str]) -> None:
        work = self._work
        if work is None:
            return
        # Before its record is read, whose last word would be missed otherwise.
        has_ended = work.process.poll() is not None
        found = load_preparation(work.paths.record)
        if has_ended:
            self._settle(work, found)
        elif not is_wanted(work.run_id, found, queue, begun):
            self._end(work)
        elif work.run_id in begun and not work.is_urgent:
            # Now a GPU waits for it.
            set_session_niceness(0, work.process.pid)
            self._work = replace(work, is_urgent=True)

    def _settle(self, work: Work, found: Preparation) -> None:
        """Take in how it ended."""
        if work.process.returncode < 0:
            # It may have left workers, which hold Axolotl's lock on the data; also one that was
            # just being born, and carries no mark yet.
            self._sweep_until = self._clock() + SWEEP_S
        self._work = self._kept = None
        if found.error:
            self._errors[work.run_id] = " ".join(found.error.split())[:MAX_TOLD]
        elif found.stage != DONE:
            code = work.process.returncode
            log.warning(
                "preparing %s ended with code %s, see %s", work.run_id, code, work.paths.log
            )

    def _end(self, work: Work) -> None:
        end_processes([work.paths.folder])
        # Collected later: dying can take a while, and a turn may not wait.
        self._ended.append(work.process)
        self._work = self._kept = None

    def _forget_all_but(self, queue: Set[str]) -> None:
        """Forget the runs that wait no longer, and remove their folders."""
        kept = queue | ({self._work.run_id} if self._work else set())
        if kept == self._kept:
            return
        if self._kept is None:
            # What an earlier daemon left at work, or a preparation that was just ended.
            end_processes(folder for folder in self._folders() if not self._is_at_work(folder))
        for folder in self._folders():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        self._settled = {(run_id, key) for run_id, key in self._settled if run_id in kept}
        self._errors = {run_id: told for run_id, told in self._errors.items() if run_id in queue}
        self._kept = kept

    def _folders(self) -> list[Path]:
        folder = self._workspace.preparing
        return list(folder.iterdir()) if folder.is_dir() else []

    def _is_at_work(self, folder: Path) -> bool:
        return self._work is not None and self._work.paths.folder == folder

    def _begin_next(
        self, waiting: Sequence[Waiting], keys: Mapping[str, str], has_gpus: bool
    ) -> None:
        """Begin with the first run whose data is not there, as soon as there is room for it."""
        while self._work is None and (run := choose(waiting, keys, self._settled)):
            key = keys[run.run_id]
            try:
                if not self._is_there(key) and not self._begin(run, key, has_gpus):
                    return
            except OSError as error:
                log.warning("preparing %s could not be started: %s", run.run_id, error)
            self._errors.pop(run.run_id, None)
            self._settled.add((run.run_id, key))

    def _is_there(self, key: str) -> bool:
        """Whether data was prepared under the key, whole: its state is written last."""
        return any((self._workspace.prepared / key).glob("*/state.json"))

    def _begin(self, run: Waiting, key: str, has_gpus: bool) -> bool:
        """Start the preparation; whether there was room for it. Raises OSError."""
        root = self._workspace.root
        config = self._complete(run, key, on_cpu=not has_gpus or run.spec.gpus == 0)
        start = Start(self._workspace.run(run.run_id), root, 0, config, gpu_uuids=())
        if not has_room(self._room(), data_bytes(start)):
            return False
        paths = self._workspace.preparation(run.run_id)
        shutil.rmtree(paths.folder, ignore_errors=True)
        paths.folder.mkdir(parents=True)
        write_whole(paths.axolotl_config, dump_yaml(config), durable=False)
        environment = trainer_environment(start, self._env) | {MARK_VARIABLE: str(paths.folder)}
        environment = {name: environment[name] for name in environment if name not in OF_A_RUN}
        command = [self._python, "-P", "-m", MODULE, str(paths.folder)]
        with paths.log.open("wb") as output:
            process = start_module(command, self._workspace, environment, root, output)
        self._work = Work(run.run_id, paths, process)
        return True

    def _complete(self, run: Waiting, key: str, on_cpu: bool) -> dict[str, object]:
        """What Axolotl will be told when the run starts."""
        root = self._workspace.root
        output = self._workspace.run(run.run_id).output
        place = Place(
            output_dir=f"./{output.relative_to(root)}",
            prepared_dir=f"./{(self._workspace.prepared / key).relative_to(root)}",
            on_cpu=on_cpu,
            shrinks=run.status.shrinks,
        )
        return complete(run.spec.axolotl, place)[0]

    def _room(self) -> Room:
        free_bytes = shutil.disk_usage(self._workspace.runs).free
        spare_bytes = free_bytes - self._settings.min_free_disk_gib * GIB
        return Room(self._available_mib(), spare_bytes)


def choose(
    waiting: Sequence[Waiting], keys: Mapping[str, str], settled: Collection[tuple[str, str]]
) -> Waiting | None:
    """The first run of the queue with a known key that is not settled under it, if any."""
    for run in waiting:
        key = keys.get(run.run_id)
        if key is not None and (run.run_id, key) not in settled:
            return run
    return None


def has_room(room: Room, size_bytes: float) -> bool:
    """Whether data of that size can be prepared; of data on the Hub (infinite) nobody knows."""
    needed_bytes = 0 if size_bytes == float("inf") else DISK_PER_DATA * size_bytes
    return room.memory_mib >= MIN_AVAILABLE_MIB and room.disk_bytes >= needed_bytes


def is_wanted(
    run_id: str, preparation: Preparation, queue: Collection[str], begun: Collection[str]
) -> bool:
    """Whether a preparation is to go on.

    For a run that waits, yes. One that begins waits for its data, if that is being made; anything
    else it does by itself, sooner.
    """
    if run_id in queue:
        return True
    return run_id in begun and (preparation.holds_data or preparation.stage == DONE)


def with_warnings(reasons: Mapping[str, str], warnings: Mapping[str, str]) -> dict[str, str]:
    """Why runs wait, each with what is wrong with it."""
    return {
        run_id: f"{reason}; {warnings[run_id]}" if run_id in warnings else reason
        for run_id, reason in reasons.items()
    }


def end_processes(folders: Iterable[Path]) -> None:
    """Kill all that prepares in the folders, if anything does."""
    marks = [f"{MARK_VARIABLE}={folder}" for folder in folders]
    for pid in pids_with_environment(*marks) if marks else ():
        signal_marked(pid, marks, signal.SIGKILL)
