"""A trainer that waits for its run: how it is started, heard, given a run, and ended."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import handover
from core.errors import RecordError
from core.lock import is_locked, take_lock
from core.paths import Workspace
from core.process import pids_with_environment, signal_marked
from core.run.trainer_env import STANDBY_VARIABLE
from daemon.child import start_module
from daemon.fingerprint import Fingerprint
from daemon.sandbox import make_room
from daemon.start import Start
from daemon.trainer_process import TrainerProcess
from daemon.units import Unit, can_make_units, start_unit, unit_name

ANSWER_TIMEOUT_S = 3.0
"""A process that is importing hears with a delay; one that is stopped never does."""

LET_GO_TIMEOUT_S = 5.0
END_TRIES = 10
WARM_RANK = (sys.executable, "-P", "-m", "trainer.warm_rank")


@dataclass(frozen=True)
class Birth:
    """With how many ranks a standby is born, in which environment, and the code it imports."""

    name: str
    ranks: int
    environment: dict[str, str]
    code: Fingerprint


@dataclass
class Standby:
    """Ranks that get ready or are, under a process that will be their keeper.

    `process` is our child: the keeper to be, or what has its unit started. `pids` are known once
    all are ready.
    """

    birth: Birth
    process: "subprocess.Popen[bytes]"
    in_unit: bool
    begun_at: float
    connection: socket.socket | None = None
    pids: tuple[int, ...] = ()
    is_gone: bool = False
    trouble: str = ""

    @property
    def ranks(self) -> int:
        return self.birth.ranks

    @property
    def is_ready(self) -> bool:
        return bool(self.pids) and not self.is_gone

    def hear(self) -> None:
        """Take in what it has said. Never waits."""
        if self.connection is None:
            self.is_gone = self.is_gone or bool(self.process.poll())
            return
        self.connection.setblocking(False)
        try:
            while not self.is_gone:
                self._take_in(handover.receive(self.connection))
        except BlockingIOError:
            return

    def give(self, start: Start, environment: dict[str, str]) -> TrainerProcess | None:
        """Hand it the run; None when it does not take it. Waits for its answer.

        The lock goes with the run: there is no moment at which the run lives and nothing says so.
        Raises RecordError when somebody else holds the lock, OSError when there can be no log.
        """
        assert self.connection is not None
        lock = take_lock(start.paths.lock)
        if lock is None:
            raise RecordError(f"{start.paths.run_id} is being trained already")
        try:
            with start.paths.log.open("ab") as log:
                record = {"environment": environment, "folder": str(start.root)}
                taken = self._ask(record, [lock, log.fileno()])
        finally:
            os.close(lock)
        if not taken:
            self.end()
            wait_until_free(start.paths.lock)
            return None
        self.connection.close()
        return TrainerProcess(start.paths, keeper=None if self.in_unit else self.process)

    def end(self) -> None:
        """End all of it now, whatever state it is in."""
        self.is_gone = True
        if self.connection is not None:
            self.connection.close()
        mark = [f"{STANDBY_VARIABLE}={self.birth.name}"]
        # Again, as long as there are any: what is killed may have had a child meanwhile.
        for _ in range(END_TRIES):
            pids = [pid for pid in pids_with_environment(*mark) if not self._only_asks(pid)]
            if not any(signal_marked(pid, mark, signal.SIGKILL) for pid in pids):
                return

    def _only_asks(self, pid: int) -> bool:
        """Whether it is the process that has the unit started, whose environment is the unit's."""
        return self.in_unit and pid == self.process.pid

    def _ask(self, record: dict[str, Any], files: Sequence[int]) -> bool:
        """Whether it says, in time, that it has taken what was sent."""
        assert self.connection is not None
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        try:
            self.connection.setblocking(True)
            handover.send(self.connection, record, files)
            while (left_s := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left_s)
                said = handover.receive(self.connection)
                if said is None or "taken" in said[0]:
                    return said is not None
        except OSError:
            return False
        return False

    def _take_in(self, said: tuple[dict[str, Any], list[int]] | None) -> None:
        if said is None:
            self.is_gone = True
            return
        record, _ = said
        if "ready" in record:
            self.pids = tuple(record["ready"])
        self.trouble = str(record.get("unfit", self.trouble))


def start_standby(workspace: Workspace, birth: Birth, rank_command: Sequence[str] = ()) -> Standby:
    """Start one, in a unit of its own where that can be. Raises OSError."""
    command = [sys.executable, "-S", "-P", "-m", "trainer.standby"]
    command += [str(workspace.standby), birth.name, str(birth.ranks), *(rank_command or WARM_RANK)]
    log = workspace.standby / "standby.log"
    make_room(log)
    in_unit = can_make_units()
    if in_unit:
        name = unit_name(f"standby-{birth.name}")
        unit = Unit(name, f"LLM Trainer standby {birth.name}", log, workspace.root)
        process = start_unit(unit, command, birth.environment)
    else:
        with log.open("ab") as output:
            process = start_module(command, workspace, birth.environment, workspace.root, output)
    return Standby(birth, process, in_unit, time.monotonic())


def wait_until_free(lock: Path) -> None:
    """Wait for the moment until the kernel has let go of a lock whose holders were killed.

    Raises RecordError when it does not.
    """
    deadline = time.monotonic() + LET_GO_TIMEOUT_S
    while is_locked(lock):
        if time.monotonic() > deadline:
            raise RecordError(f"{lock} is held by a standby that cannot be killed")
        time.sleep(0.01)
