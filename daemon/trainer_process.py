"""Starting, finding and ending the process that trains a run."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import RecordError
from core.files import load_json
from core.lock import is_locked, take_lock
from core.paths import RunPaths
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
from core.run.trainer_env import RUN_FOLDER_VARIABLE, STANDBY_VARIABLE
from daemon.start import Start, trainer_environment
from daemon.units import Unit, can_make_units, start_unit, unit_is_active, unit_name

UNIT_STARTS_WITHIN_S = 10.0
KEEPER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
"""What a keeper is told by; one that comes before it listens must not end it."""


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
        keeper, marks = self._keeper_pid(), self.marks
        marked = [pid for pid in self._pids() if pid != keeper]
        for pid in marked:
            signal_marked(pid, marks, signal.SIGKILL)
        if marked or keeper is None:
            return marked
        # What has cleared its environment has come to the keeper, as an orphan.
        nameless = [pid for pid in children(keeper) if signal_child(pid, keeper, signal.SIGKILL)]
        if not nameless:
            signal_marked(keeper, marks, signal.SIGKILL)
        return nameless

    def _ask(self, signum: signal.Signals) -> bool:
        """Tell the keeper; where it was killed, tell the ranks it left behind."""
        if self._signal_keeper(signum):
            return True
        told = [signal_marked(pid, self.marks, signum) for pid in leaders(self._pids())]
        return any(told)

    def _send_all(self, signum: signal.Signals) -> None:
        for pid in self._pids():
            signal_marked(pid, self.marks, signum)

    @property
    def marks(self) -> list[str]:
        """What tells the run's processes from others, each by its environment.

        Those that were warm before there was a run carry the name of their standby.
        """
        standby = self._holder().get("standby")
        marks = [f"{RUN_FOLDER_VARIABLE}={self.paths.folder}"]
        return [*marks, f"{STANDBY_VARIABLE}={standby}"] if standby else marks

    def _pids(self) -> list[int]:
        asking = self.asking.pid if self.asking else None
        return [pid for pid in pids_with_environment(*self.marks) if pid != asking]

    def _signal_keeper(self, signum: signal.Signals) -> bool:
        """Whether there was a keeper to tell."""
        keeper = self._keeper_pid()
        return keeper is not None and signal_marked(keeper, self.marks, signum)

    def _keeper_pid(self) -> int | None:
        """The keeper as it signed the run's lock; None when it has not yet, or is gone."""
        holder = self._holder()
        try:
            pid, ticks = int(holder["pid"]), int(holder["started_ticks"])
        except (ValueError, KeyError, TypeError):
            return None
        return pid if holder.get("boot_id") == boot_id() and is_same(pid, ticks) else None

    def _holder(self) -> dict[str, Any]:
        """What the run's lock is signed with; empty when nobody has."""
        try:
            return load_json(self.paths.lock)
        except (OSError, RecordError):
            return {}


def start_trainer(start: Start) -> TrainerProcess:
    """A new process that trains the run, in a unit of its own where that can be."""
    command = [sys.executable, "-P", "-m", "trainer.run"]
    return keep_in_unit(start, command) if can_make_units() else keep(start, command)


def keep_in_unit(start: Start, command: list[str]) -> TrainerProcess:
    """Run the command as `keep` does, in a unit, whose keeper takes the run's lock itself."""
    environment = trainer_environment(start, os.environ)
    unit = Unit(
        unit_name(start.paths.run_id),
        f"LLM Trainer run {start.paths.run_id}",
        start.paths.log,
        start.root,
    )
    asking = start_unit(unit, keeper_command("-", command), environment)
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
