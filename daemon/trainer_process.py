"""Starting, finding and ending the process that trains a run.

`obtain_trainer` is the one place where a trainer comes from: today a fresh process per attempt.
"""

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import RecordError
from core.files import load_json
from core.lock import is_locked, take_lock
from core.paths import CODE_ROOT, RunPaths
from core.process import (
    boot_id,
    children,
    is_same,
    leaders,
    pids_with_environment,
    signal_child,
    signal_marked,
)
from core.run.phase import Phase
from core.run.status import RunStatus
from core.run.trainer_env import ATTEMPT_VARIABLE, RANKS_VARIABLE, RUN_FOLDER_VARIABLE
from core.spec.sources import data_sources, is_local, local_data_files, names_hub
from daemon.units import can_make_units, start_unit, unit_is_active

SMALL_DATA_BYTES = 8 * 1024 * 1024
UNIT_STARTS_WITHIN_S = 10.0
KEEPER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
"""What a keeper is told by; one that comes before it listens must not end it."""


@dataclass(frozen=True)
class Start:
    """All that a trainer needs to be told."""

    paths: RunPaths
    root: Path
    attempt: int
    config: Mapping[str, object]
    gpu_uuids: tuple[str, ...]
    ranks: int = 1


@dataclass
class TrainerProcess:
    """The living trainer of a run, whether this daemon started it or an earlier one.

    `keeper` is None where it is not our child; `asking` is what has its unit started.
    """

    paths: RunPaths
    keeper: "subprocess.Popen[bytes] | None" = None
    asking: "subprocess.Popen[bytes] | None" = None

    @property
    def is_alive(self) -> bool:
        """Whether any process of the run still holds its lock, or its unit is there."""
        children = filter(None, (self.keeper, self.asking))
        if any(child.poll() is None for child in children):
            return True
        # The lock is free a moment before the unit is, whose name the next attempt needs.
        return is_locked(self.paths.lock) or unit_is_active(self.paths.run_id)

    def pause(self) -> bool:
        """Ask for a checkpoint and an orderly end; before training begins, for the end alone.

        Whether there was anybody to hear it.
        """
        return self._ask(signal.SIGUSR1)

    def checkpoint(self) -> None:
        """Ask for a checkpoint; the training goes on."""
        self._ask(signal.SIGUSR2)

    def cancel(self) -> None:
        """Ask every process of the run to end now."""
        if not self._signal_keeper(signal.SIGINT):
            self._send_all(signal.SIGCONT)
            self._send_all(signal.SIGTERM)

    def kill(self) -> list[int]:
        """Kill every process of the run, wherever it hides; the pids that were there.

        The keeper goes last, when nothing else is left, so that it can write down the end.
        """
        keeper = self._keeper_pid()
        marked = [pid for pid in self._pids() if pid != keeper]
        for pid in marked:
            signal_marked(pid, self._mark, signal.SIGKILL)
        if marked or keeper is None:
            return marked
        # What has cleared its environment has come to the keeper, as an orphan.
        nameless = [pid for pid in children(keeper) if signal_child(pid, keeper, signal.SIGKILL)]
        if not nameless:
            signal_marked(keeper, self._mark, signal.SIGKILL)
        return nameless

    def _ask(self, signum: signal.Signals) -> bool:
        """Tell the keeper; where it was killed, tell the ranks it left behind."""
        if self._signal_keeper(signum):
            return True
        told = [signal_marked(pid, self._mark, signum) for pid in leaders(self._pids())]
        return any(told)

    def _send_all(self, signum: signal.Signals) -> None:
        for pid in self._pids():
            signal_marked(pid, self._mark, signum)

    @property
    def _mark(self) -> str:
        return f"{RUN_FOLDER_VARIABLE}={self.paths.folder}"

    def _pids(self) -> list[int]:
        asking = self.asking.pid if self.asking else None
        return [pid for pid in pids_with_environment(self._mark) if pid != asking]

    def _signal_keeper(self, signum: signal.Signals) -> bool:
        """Whether there was a keeper to tell."""
        keeper = self._keeper_pid()
        return keeper is not None and signal_marked(keeper, self._mark, signum)

    def _keeper_pid(self) -> int | None:
        """The keeper as it signed the run's lock; None when it has not yet, or is gone."""
        try:
            holder = load_json(self.paths.lock)
            pid, ticks = int(holder["pid"]), int(holder["started_ticks"])
            booted = str(holder["boot_id"])
        except (OSError, RecordError, ValueError, KeyError, TypeError):
            return None
        return pid if booted == boot_id() and is_same(pid, ticks) else None


def obtain_trainer(start: Start) -> TrainerProcess:
    """A process that trains the run from now on, in a unit of its own where that can be."""
    command = [sys.executable, "-P", "-m", "trainer.run"]
    return keep_in_unit(start, command) if can_make_units() else keep(start, command)


def keep_in_unit(start: Start, command: list[str]) -> TrainerProcess:
    """Run the command as `keep` does, in a unit, whose keeper takes the run's lock itself."""
    environment = trainer_environment(start, os.environ)
    asking = start_unit(start.paths, keeper_command("-", command), environment, start.root)
    return TrainerProcess(start.paths, asking=asking)


def keep(start: Start, command: list[str]) -> TrainerProcess:
    """Run the command as the run's trainer, under a keeper that outlives this daemon.

    The keeper is born with the run's lock, so that there is no moment at which the run lives and
    nothing says so. Raises RecordError when the run is being trained already.
    """
    lock = take_lock(start.paths.lock)
    if lock is None:
        raise RecordError(f"{start.paths.run_id} is being trained already")
    try:
        return TrainerProcess(start.paths, _spawn_keeper(start, lock, command))
    finally:
        os.close(lock)


def _spawn_keeper(start: Start, lock: int, command: list[str]) -> "subprocess.Popen[bytes]":
    with start.paths.log.open("ab") as log_file, signals_kept(KEEPER_SIGNALS):
        return subprocess.Popen(
            keeper_command(str(lock), command),
            cwd=start.root,
            env=trainer_environment(start, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )


def keeper_command(lock: str, command: list[str]) -> list[str]:
    """The call of a keeper; `lock` is a descriptor it inherits, or `-` for one it takes."""
    # It needs nothing but the standard library and core, and starts sooner without the rest (-S).
    return [sys.executable, "-S", "-P", "-m", "trainer.keeper", lock, *command]


@contextlib.contextmanager
def signals_kept(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Processes started meanwhile keep these signals until they are ready to take them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def has_process(paths: RunPaths) -> bool:
    """Whether a trainer of the run lives; waits a moment for one whose unit is just starting."""
    deadline = time.monotonic() + UNIT_STARTS_WITHIN_S
    while not is_locked(paths.lock):
        if time.monotonic() > deadline or not unit_is_active(paths.run_id):
            return False
        time.sleep(0.05)
    return True


def never_started(paths: RunPaths, status: RunStatus) -> bool:
    """Whether a daemon died between saying that it starts the attempt and starting it."""
    if status.phase is not Phase.STARTING or has_process(paths):
        return False
    try:
        holder = load_json(paths.lock)
    except (OSError, RecordError):
        return True
    return bool(holder.get("attempt") != status.attempt)


def trainer_environment(start: Start, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a trainer: the daemon's own, and what Axolotl needs to be told."""
    environment = {
        **base,
        "PYTHONPATH": str(CODE_ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        RUN_FOLDER_VARIABLE: str(start.paths.folder),
        ATTEMPT_VARIABLE: str(start.attempt),
        RANKS_VARIABLE: str(start.ranks),
        "CUDA_VISIBLE_DEVICES": ",".join(start.gpu_uuids),
        # Without it the process tries to reach a telemetry server and hangs at its end.
        "AXOLOTL_DO_NOT_TRACK": "1",
        # Our log is the log; Axolotl would write a second copy into the output folder.
        "AXOLOTL_TEE_STDOUT": "0",
        "TQDM_DISABLE": "1",
        "OMP_WAIT_POLICY": base.get("OMP_WAIT_POLICY", "passive"),
    }
    if start.gpu_uuids:
        # As `axolotl train` sets them.
        environment.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        environment.setdefault("XFORMERS_IGNORE_FLASH_VERSION_CHECK", "1")
    if data_bytes(start) < SMALL_DATA_BYTES:
        # Worker processes take longer to start than small data takes to tokenise.
        environment.setdefault("AXOLOTL_DATASET_NUM_PROC", "1")
    if not names_hub(dict(start.config), start.root):
        # Imports and look-ups would otherwise wait for the network.
        environment["HF_HUB_OFFLINE"] = "1"
    return environment


def data_bytes(start: Start) -> float:
    """The size of the run's local data; infinite when some of it comes from the Hub."""
    config = dict(start.config)
    if any(not is_local(source, start.root) for _, source in data_sources(config)):
        return math.inf
    return sum(file.stat().st_size for file in local_data_files(config, start.root))
