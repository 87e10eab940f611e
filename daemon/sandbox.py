"""Keeps the sandbox: starts it when somebody wants it, and stops it when its GPU is needed."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import now_text
from core.files import file_size, read_complete_lines, save_json
from core.paths import Workspace
from core.process import is_same, started_ticks
from core.sandbox.client import FAILED, STOPPED, Server, read_server
from daemon.child import start_module

MODULE = "trainer.sandbox"
KILL_AFTER_S = 3.0
MAX_LOG_BYTES = 4 * 1024 * 1024
TOLD_LINES = 3

log = logging.getLogger(__name__)


@dataclass
class Child:
    """A sandbox process; `process` is None when an earlier daemon started it."""

    pid: int
    started_ticks: int
    device: str
    process: subprocess.Popen[bytes] | None = None
    wanted_at: int | None = None
    """Which `wanted` file it answers to, by the time the file was written."""
    log_offset: int = 0
    """Where its own lines in the log begin."""
    kill_at: float | None = None
    stop_reason: str = ""

    def is_live(self) -> bool:
        """Whether it runs still. Never waits."""
        if self.process is not None:
            return self.process.poll() is None
        return is_same(self.pid, self.started_ticks)

    def exit_text(self) -> str:
        """How it ended, for people."""
        if self.process is None or self.process.returncode is None:
            return "ended"
        code = self.process.returncode
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def send(self, number: signal.Signals) -> None:
        """Signal its whole group, unless it is gone."""
        if self.is_live():
            os.killpg(self.pid, number)


class SandboxKeeper:
    """At most one sandbox for the workspace."""

    def __init__(
        self,
        workspace: Workspace,
        python: str,
        env: Mapping[str, str],
        idle_timeout_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._paths = workspace.sandbox
        self._python = python
        self._env = dict(env)
        self._idle_timeout_s = idle_timeout_s
        self._monotonic = monotonic
        self._child = adopt(read_server(self._paths.server))

    @property
    def is_running(self) -> bool:
        """Whether a sandbox lives, also one that is about to end."""
        return self._child is not None and self._child.is_live()

    @property
    def uses_gpu(self) -> bool:
        """Whether a living sandbox may hold memory of a GPU."""
        return self._child is not None and self._child.device != "cpu" and self.is_running

    def tick(self, device: str, visible_gpus: str | None) -> None:
        """One turn: see whether it ended, kill it when it is due, start it when it is wanted."""
        child = self._child
        if child is not None and not child.is_live():
            self._settle(child)
            self._child = child = None
        if child is None:
            self._child = adopt(read_server(self._paths.server))
            if self._child is None and self._wanted_at() is not None:
                self._start(device, visible_gpus)
            return
        if child.kill_at is None:
            child.wanted_at = self._wanted_at()
        elif self._monotonic() >= child.kill_at:
            child.send(signal.SIGKILL)

    def stop(self, reason: str = "") -> None:
        """Begin to end the sandbox; later ticks see it through. People are told the reason."""
        child = self._child
        if child is None or child.kill_at is not None:
            return
        child.kill_at = self._monotonic() + KILL_AFTER_S
        child.stop_reason = reason
        child.wanted_at = self._wanted_at()
        child.send(signal.SIGTERM)

    def _wanted_at(self) -> int | None:
        try:
            return self._paths.wanted.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _start(self, device: str, visible_gpus: str | None) -> None:
        self._paths.folder.mkdir(parents=True, exist_ok=True)
        self._paths.server.unlink(missing_ok=True)
        wanted_at = self._wanted_at()
        log_offset = make_room(self._paths.log)
        try:
            process = self._spawn(device, visible_gpus)
        except OSError as error:
            self._leave(FAILED, f"the sandbox could not be started: {error}", 0, device)
            self._forget_wish(wanted_at)
            return
        ticks = started_ticks(process.pid) or 0
        self._child = Child(process.pid, ticks, device, process, wanted_at, log_offset)
        log.info("started the sandbox on %s, pid %d", device, process.pid)

    def _spawn(self, device: str, visible_gpus: str | None) -> subprocess.Popen[bytes]:
        idle = f"{self._idle_timeout_s:g}"
        command = [self._python, "-P", "-m", MODULE, "--idle-timeout-s", idle, "--device", device]
        env = dict(self._env)
        if device == "cpu":
            env["CUDA_VISIBLE_DEVICES"] = ""
        elif visible_gpus is not None:
            env["CUDA_VISIBLE_DEVICES"] = visible_gpus
        with self._paths.log.open("ab") as output:
            # In a folder that only we write to, and where no name can be taken for a model's.
            return start_module(command, self._workspace, env, self._paths.folder, output)

    def _settle(self, child: Child) -> None:
        """Write down how the sandbox ended, and forget the wish that it answered."""
        server = read_server(self._paths.server)
        left_behind = server is not None and server.pid == child.pid
        if child.kill_at is not None:
            self._paths.server.unlink(missing_ok=True)
            if child.stop_reason:
                self._leave(STOPPED, child.stop_reason, child.pid, child.device)
        elif left_behind or (child.process is not None and child.process.returncode != 0):
            words = last_words(self._paths.log, child.log_offset)
            reason = f"the sandbox {child.exit_text()}; its last words: {words or 'none'}"
            self._leave(FAILED, reason, child.pid, child.device)
        log.info("the sandbox, pid %d, %s", child.pid, child.exit_text())
        self._forget_wish(child.wanted_at)

    def _forget_wish(self, wanted_at: int | None) -> None:
        # A wish that was written while the process was ending is for the next one.
        if wanted_at == self._wanted_at():
            self._paths.wanted.unlink(missing_ok=True)

    def _leave(self, state: str, reason: str, pid: int, device: str) -> None:
        record: dict[str, Any] = {
            "pid": pid or os.getpid(),
            "port": 0,
            "token": "",
            "started_at": now_text(),
            "state": state,
            "device": device,
            "reason": reason,
        }
        save_json(self._paths.server, record, mode=0o600)


def adopt(server: Server | None) -> Child | None:
    """The sandbox that an earlier daemon left running, if there is one."""
    if server is None or not server.is_live or not is_sandbox(server.pid):
        return None
    ticks = started_ticks(server.pid)
    if ticks is None:
        return None
    log.info("adopted the sandbox with pid %d", server.pid)
    return Child(server.pid, ticks, server.device)


def is_sandbox(pid: int) -> bool:
    """Whether the process was started as a sandbox."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return MODULE.encode() in arguments


def make_room(path: Path) -> int:
    """The length of the log, which begins anew when it has grown too long."""
    size = file_size(path)
    if size <= MAX_LOG_BYTES:
        return size
    path.unlink()
    return 0


def last_words(path: Path, offset: int) -> str:
    """The last lines from the offset on that say something."""
    lines, _ = read_complete_lines(path, offset)
    said = [line.strip() for line in lines if line.strip()]
    return " / ".join(said[-TOLD_LINES:])[-600:]
