"""Keeps trainers warm for the next runs, and hands the runs over to them."""

import contextlib
import logging
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from core import handover
from core.heartbeat import SeenStandby
from core.paths import Workspace
from core.run.trainer_env import STANDBY_VARIABLE
from core.settings import Settings
from daemon import memory
from daemon.fingerprint import Fingerprint, fingerprint
from daemon.standby import Birth, Standby, start_standby
from daemon.standby_plan import LOW_MIB, RANK_MIB, SPARE_MIB, find_misfit, has_room
from daemon.start import Start, standby_environment, trainer_environment
from daemon.trainer_process import TrainerProcess, start_trainer
from daemon.units import OF_THE_DAEMON

log = logging.getLogger(__name__)

LOOK_INTERVAL_S = 5.0
MEASURE_INTERVAL_S = 30.0
READY_WITHIN_S = 900.0
FIRST_DELAY_S = 5.0
LONGEST_DELAY_S = 1800.0
END_TIMEOUT_S = 2.0


class Standbys:
    """At most one standby for each number of ranks. Without any, every run starts all the same."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Birth], Standby] | None = None,
        available_mib: Callable[[], int] = memory.available_mib,
        code: Callable[[], Fingerprint] = fingerprint,
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self.start = start or partial(start_standby, workspace)
        self.available_mib = available_mib
        self.code = code
        self.standbys: list[Standby] = []
        self.trouble = ""
        self._door: socket.socket | None = None
        self._newcomers: list[socket.socket] = []
        self._ended: list[Standby] = []
        self._failures = 0
        self._try_at = self._looked_at = self._measured_at = float("-inf")
        self._used_mib = 0

    def open(self) -> None:
        """Open the door at which standbys knock. Without one there are none."""
        if not self.settings.warm_standby:
            return
        try:
            self._door = handover.open_door(self.workspace.standby)
        except OSError as error:
            self.trouble = f"no door could be opened for it: {error}"
            log.warning("trainers start cold, as %s", self.trouble)

    def close(self) -> None:
        """End all that wait."""
        for standby in list(self.standbys):
            self._let_go(standby)
        for standby in self._ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                standby.process.wait(END_TIMEOUT_S)
        for connection in (self._door, *self._newcomers):
            if connection is not None:
                connection.close()
        self._door = None

    def tick(self, wanted: Sequence[int], gpu_uuids: Sequence[str], may_prepare: bool) -> None:
        """One turn: hear those that are there, end those that are no use, make what is missing.

        `wanted` are numbers of ranks, the most wanted first.
        """
        if self._door is None:
            return
        self._listen()
        for standby in list(self.standbys):
            self._look_at(standby)
        if self.clock() - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = self.clock()
            self._end_useless(wanted)
        if may_prepare and self.clock() >= self._try_at:
            self._prepare(wanted, gpu_uuids)

    def obtain(self, start: Start) -> TrainerProcess:
        """A trainer for the run: a warm one if one fits, else a new one that knows why.

        Raises OSError or RecordError when there can be none now.
        """
        needed = trainer_environment(start, os.environ)
        standby, why = self._choose(start, needed)
        if standby is not None:
            if process := self._give(standby, start, needed):
                return process
            why = self.trouble
        return start_trainer(replace(start, cold_because=why))

    def _give(
        self, standby: Standby, start: Start, needed: dict[str, str]
    ) -> TrainerProcess | None:
        """The standby with the run, or None when it did not take it; it is then ended.

        Raises OSError or RecordError when the run can be begun by nobody now; it then still waits.
        """
        name = {STANDBY_VARIABLE: standby.birth.name}
        environment = {key: needed[key] for key in needed if key not in OF_THE_DAEMON} | name
        process = standby.give(start, environment)
        self.standbys.remove(standby)
        if process is None:
            self._ended.append(standby)
            self._fail("the standby did not answer")
        return process

    def seen(self) -> SeenStandby:
        """What people are told of it."""
        if not self.settings.warm_standby:
            return SeenStandby("off", "switched off in the settings")
        ready = [standby for standby in self.standbys if standby.is_ready]
        state = "ready" if ready else "preparing" if self.standbys else "none"
        ranks = max((standby.ranks for standby in self.standbys), default=0)
        return SeenStandby(state, self.trouble, ranks, self._measure() if ready else 0)

    def _choose(self, start: Start, needed: dict[str, str]) -> tuple[Standby | None, str]:
        """The standby for the run, or why there is none."""
        if not self.settings.warm_standby:
            return None, "standbys are switched off in the settings"
        if self._door is not None:
            self._listen()
        fitting = [s for s in self.standbys if s.ranks == start.ranks and s.connection]
        if not fitting:
            processes = f" with {start.ranks} processes" if start.ranks > 1 else ""
            return None, self.trouble or f"no standby{processes} was there yet"
        standby = fitting[0]
        if standby.birth.code != self.code():
            self._let_go(standby)
            return None, "code or packages have changed since the standby was made"
        misfit = find_misfit(standby.birth.environment, start, needed)
        return (None, misfit) if misfit else (standby, "")

    def _listen(self) -> None:
        """Let in who knocks, and hear everybody."""
        assert self._door is not None
        while True:
            try:
                connection, _ = self._door.accept()
            except BlockingIOError:
                break
            connection.setblocking(False)
            self._newcomers.append(connection)
        self._newcomers = [newcomer for newcomer in self._newcomers if not self._let_in(newcomer)]
        for standby in self.standbys:
            standby.hear()

    def _let_in(self, newcomer: socket.socket) -> bool:
        """Whether the newcomer has said who it is, or is gone."""
        try:
            said = handover.receive(newcomer)
        except BlockingIOError:
            return False
        name = said[0].get("name") if said else None
        known = next((standby for standby in self.standbys if standby.birth.name == name), None)
        if known is None:
            newcomer.close()
        else:
            known.connection = newcomer
        return True

    def _look_at(self, standby: Standby) -> None:
        """See whether it has become ready, or has ended."""
        overdue = not standby.is_ready and time.monotonic() - standby.begun_at > READY_WITHIN_S
        if standby.is_gone or overdue:
            self._let_go(standby)
            told = standby.trouble or "see runs/.standby/standby.log"
            self._fail(f"the standby ended: {told}")
        elif standby.is_ready and self._failures:
            self._failures, self.trouble = 0, ""

    def _fail(self, trouble: str) -> None:
        """Say what is wrong, and wait before the next try, each time longer."""
        self._failures += 1
        delay_s = min(FIRST_DELAY_S * 2 ** min(self._failures, 10), LONGEST_DELAY_S)
        self.trouble, self._try_at = trouble, self.clock() + delay_s
        log.warning("%s; the next is made in %g s", trouble, delay_s)

    def _end_useless(self, wanted: Sequence[int]) -> None:
        """End those that nobody will want, and all of them when memory is short."""
        self._ended = [standby for standby in self._ended if standby.process.poll() is None]
        code, short = self.code(), self.available_mib() < LOW_MIB
        for standby in list(self.standbys):
            if short or standby.birth.code != code or standby.ranks not in wanted:
                self._let_go(standby)

    def _let_go(self, standby: Standby) -> None:
        standby.end()
        self.standbys.remove(standby)
        # Kept until it can be reaped.
        self._ended.append(standby)

    def _prepare(self, wanted: Sequence[int], gpu_uuids: Sequence[str]) -> None:
        """Start the most wanted one that is missing, one at a time."""
        there = {standby.ranks for standby in self.standbys}
        missing = [ranks for ranks in wanted if ranks not in there]
        if not missing or any(not standby.is_ready for standby in self.standbys):
            return
        ranks, available = missing[0], self.available_mib()
        if not has_room(ranks, available):
            needs_gib = (ranks * RANK_MIB + SPARE_MIB) / 1024
            have = f"{available / 1024:.1f} GiB of memory are available"
            self.trouble = f"{have}, and a standby is made only where {needs_gib:.0f} GiB are"
            return
        self.trouble = ""
        name = secrets.token_hex(4)
        environment = standby_environment(self.workspace, name, gpu_uuids[:ranks], os.environ)
        try:
            self.standbys.append(self.start(Birth(name, ranks, environment, self.code())))
        except OSError as error:
            self._fail(f"no standby could be started: {error}")

    def _measure(self) -> int:
        """The memory of the standbys that are ready, in MiB, as of a moment ago."""
        if self.clock() - self._measured_at >= MEASURE_INTERVAL_S:
            self._measured_at = self.clock()
            self._used_mib = memory.used_mib(pid for s in self.standbys for pid in s.pids)
        return self._used_mib
