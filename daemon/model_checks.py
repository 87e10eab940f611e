"""Runs the checks of base models that the app asks for, one at a time, each in its own process."""

import logging
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.clock import now_text
from core.errors import SpecError, TrainerUIError
from core.files import read_tail, read_untrusted, save_json
from core.model_check import answer_path, check_key, check_name
from core.paths import Workspace
from core.safe_yaml import load_yaml_mapping
from daemon.child import start_module

MODULE = "trainer.model_check"
TIMEOUT_S = 60.0
MAX_REQUEST_BYTES = 4096

log = logging.getLogger(__name__)


@dataclass
class Check:
    """A check in work."""

    request: Path
    base_model: str
    process: subprocess.Popen[bytes]
    give_up_at: float


class ModelChecks:
    """Answers every request file in `runs/.model_checks`."""

    def __init__(
        self,
        workspace: Workspace,
        python: str,
        env: Mapping[str, str],
        timeout_s: float = TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._folder = workspace.model_checks
        self._python = python
        self._env = dict(env)
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._check: Check | None = None
        self._killed: list[subprocess.Popen[bytes]] = []

    def tick(self) -> None:
        """One turn: look at the check in work, or begin the oldest one waiting. Never waits."""
        self._killed = [process for process in self._killed if process.poll() is None]
        if self._check is not None:
            self._look_at(self._check)
        elif (request := oldest_request(self._folder)) is not None:
            self._begin(request)

    def stop(self) -> None:
        """End the check in work; its request stays for the next daemon."""
        if self._check is not None:
            self._kill(self._check.process)
            self._check = None

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            # Later ticks collect it: dying can take a while, and a tick may not wait.
            self._killed.append(process)

    def _look_at(self, check: Check) -> None:
        code = check.process.poll()
        if code is None and self._monotonic() < check.give_up_at:
            return
        if code is None:
            self._kill(check.process)
            self._refuse(check.base_model, f"the check took longer than {self._timeout_s:g} s")
        elif code != 0 or not answer_path(self._workspace, check.base_model).is_file():
            words = read_tail(self._log, 2048).strip().splitlines()[-1:]
            self._refuse(check.base_model, f"the check ended with code {code}: {''.join(words)}")
        check.request.unlink(missing_ok=True)
        self._check = None

    def _begin(self, request: Path) -> None:
        try:
            base_model = read_request(request)
        except (OSError, TrainerUIError) as error:
            # Nobody can be waiting for it: its name belongs to no base model.
            log.warning("removed the request %s: %s", request.name, error)
            request.unlink(missing_ok=True)
            return
        answer_path(self._workspace, base_model).unlink(missing_ok=True)
        try:
            process = self._spawn(base_model)
        except OSError as error:
            self._refuse(base_model, f"the check could not be started: {error}")
            request.unlink(missing_ok=True)
            return
        give_up_at = self._monotonic() + self._timeout_s
        self._check = Check(request, base_model, process, give_up_at)

    @property
    def _log(self) -> Path:
        return self._folder / "check.log"

    def _spawn(self, base_model: str) -> subprocess.Popen[bytes]:
        out = answer_path(self._workspace, base_model)
        # One argument each, so that no name can be taken for an option.
        arguments = [f"--base-model={base_model}", f"--out={out}"]
        command = [self._python, "-P", "-m", MODULE, *arguments]
        env = {**self._env, "CUDA_VISIBLE_DEVICES": ""}
        with self._log.open("wb") as output:
            return start_module(command, self._workspace, env, self._folder, output)

    def _refuse(self, base_model: str, reason: str) -> None:
        record = {"base_model": base_model, "ok": False, "reason": reason, "at": now_text()}
        save_json(answer_path(self._workspace, base_model), record)


def oldest_request(folder: Path) -> Path | None:
    """The request that has waited longest."""
    waiting: list[tuple[int, Path]] = []
    for path in folder.glob("*.yaml"):
        try:
            info = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(info.st_mode) and not path.name.startswith("."):
            waiting.append((info.st_mtime_ns, path))
    return min(waiting)[1] if waiting else None


def read_request(path: Path) -> str:
    """The base model that a request names.

    Raises RecordError or SpecError when it is no honest request.
    """
    text = read_untrusted(path, MAX_REQUEST_BYTES)
    base_model = load_yaml_mapping(text).get("base_model")
    if not isinstance(base_model, str):
        raise SpecError("it names no base_model")
    check_name(base_model)
    if path.stem != check_key(base_model):
        raise SpecError(f"its name does not belong to {base_model}")
    return base_model
