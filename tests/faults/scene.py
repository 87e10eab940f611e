"""A workspace with its witness, and a daemon that can be opened, crashed and opened again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from core.paths import RunPaths
from core.run.phase import FINISHED, Phase, Verb
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml
from core.settings import Settings
from daemon.supervisor import Supervisor
from daemon.trainer_process import TrainerProcess
from tests.faults.invariants import Witness
from tests.real import environment
from tests.supervision import (
    SETTINGS,
    make_workspace,
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)
from tests.waiting import wait_until

POLL_S = 0.05
TOLD = (
    "poll_interval_s",
    "queue_quiet_s",
    "cancel_grace_s",
    "retry_delay_s",
    "min_free_disk_gib",
    "hang_after_s",
    "prepare_ahead",
)
LAST = "the last one"


class Scene:
    """What a test of faults plays on. The daemon is a supervisor in this process, turned by
    `until`, or a process of its own: there is one of them at a time, or none.
    """

    def __init__(self, root: Path, settings: Settings = SETTINGS) -> None:
        self.workspace = make_workspace(root)
        self.store = Store(self.workspace)
        self.witness = Witness(self.workspace)
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self._supervisor: Supervisor | None = None
        self._supervisors = ExitStack()

    def drop(self, name: str, behaviour: str = "steps-3", **run: object) -> None:
        """Drop a spec into the queue."""
        self.drop_text(name, spec_text(name, behaviour, **run))

    def drop_text(self, name: str, text: str) -> None:
        """Drop a text that may be a spec into the queue."""
        self.witness.dropped[text.encode()] += 1
        self.store.submit(name, text)

    def let_rest(self) -> None:
        """Make what was dropped so old that a daemon takes it as soon as it comes."""
        at = time.time() - 120
        for path in self.store.dropped():
            os.utime(path, (at, at))

    def ask(self, name: str, verb: Verb, to: int | None = None) -> None:
        """Ask something of the run of that name."""
        self.store.request(self.paths(name).run_id, verb, to=to)

    def run(self, name: str) -> Run:
        """The run of that name, which must be there."""
        run = the_run(self.workspace, name)
        assert run is not None, f"there is no run {name}"
        return run

    def paths(self, name: str) -> RunPaths:
        return self.run(name).paths

    def phase(self, name: str) -> str:
        """Where the run of that name is; empty while there is none."""
        return phase(self.workspace, name)

    def began(self, name: str, step: int = 1) -> bool:
        """Whether it has trained so many steps."""
        run = the_run(self.workspace, name)
        return run is not None and run.status.progress.step >= step

    @property
    def supervisor(self) -> Supervisor:
        """The daemon in this process, opened when there is none."""
        if self._supervisor is None:
            self._supervisor = self._supervisors.enter_context(
                supervising(self.workspace, self.settings)
            )
        return self._supervisor

    def forget_daemon(self) -> None:
        """As if the daemon in this process had been killed: its trainers go on."""
        if self._supervisor:
            self.witness.crashes += 1
            self._supervisor.roster.live.clear()
            self._supervisor.watch.stop()
            self._supervisor.sampler.stop()
            self._supervisor = None

    def start_daemon(self) -> "subprocess.Popen[bytes]":
        """A daemon as a process of its own."""
        self.write_settings()
        with self.workspace.daemon_log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.faults.fake_daemon"],
                env=environment(self.workspace.root),
                stdout=log,
                stderr=log,
            )
        return self.process

    def write_settings(self) -> None:
        """Tell a daemon process what one in this process would be told."""
        told = {key: value for key, value in asdict(self.settings).items() if key in TOLD}
        self.workspace.configs.mkdir(exist_ok=True)
        self.workspace.settings.write_text(dump_yaml(told | {"poll_interval_s": POLL_S}))

    def kill_daemon(self) -> None:
        """SIGKILL the daemon process."""
        self.witness.crashes += 1
        self._end_process(signal.SIGKILL)

    def stop_daemon(self) -> int:
        """SIGTERM the daemon process; its exit code."""
        return self._end_process(signal.SIGTERM)

    def _end_process(self, signum: signal.Signals) -> int:
        assert self.process is not None, "there is no daemon process"
        self.process.send_signal(signum)
        code = self.process.wait(20)
        self.process = None
        return code

    def until(self, fact: Callable[[], object]) -> None:
        """Let the daemon do its work until the fact holds."""
        if self.process:
            wait_until(fact, told=self._tell_log)
        else:
            tick_until(self.supervisor, fact)

    def until_phase(self, name: str, *wanted: str) -> None:
        """Let the daemon do its work until the run of that name has come so far."""
        self.until(lambda: self.phase(name) in wanted)

    def check(self, orderly: bool = True) -> None:
        """All invariants; a daemon process has ended afterwards, if wanted in an orderly way."""
        self._prove_alive()
        if self.process and orderly:
            assert self.stop_daemon() == 0
        elif self.process:
            self.kill_daemon()
        problems = self.witness.find_problems()
        assert not problems, "\n".join(problems)
        assert self.witness.reads > 0, "nothing was witnessed"

    def _prove_alive(self) -> None:
        """I6: whatever is on its way can be cancelled, and one more good spec is completed."""
        self.until(self._has_ended_all)
        self.drop(LAST, "steps-1")
        self.until(lambda: self.phase(LAST) == "completed")

    def close(self) -> None:
        """End the daemon and everything that a run has left."""
        if self.process:
            self._end_process(signal.SIGKILL)
        self._supervisors.close()
        for paths in self.workspace.run_folders():
            wait_until(lambda paths=paths: not TrainerProcess(paths).kill())
        self.witness.stop()

    def _has_ended_all(self) -> bool:
        """Whether nothing is on its way; what is, also by an earlier wish, is asked to end."""
        unfinished = self._unfinished()
        for run in unfinished:
            if Verb.CANCEL not in self.store.requested(run.run_id):
                self.store.request(run.run_id, Verb.CANCEL)
        return not unfinished and not self.store.dropped()

    def _unfinished(self) -> list[Run]:
        rests = {*FINISHED, Phase.PAUSED}
        return [run for run in self.store.runs() if run.status.phase not in rests]

    def _tell_log(self) -> str:
        return self.workspace.daemon_log.read_text()[-3000:]
