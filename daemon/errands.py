"""Does what request files ask for, one at a time, each in a process of its own."""

import logging
import os
import signal
import stat
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import TrainerUIError
from core.files import Stamp, read_tail, stamp
from core.paths import Workspace
from daemon.child import start_module

CANCEL_GRACE_S = 5.0
LOG_TAIL_BYTES = 2048
MAX_WORDS = 500
MISSING: Stamp = (0, 0, 0)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Errand:
    """What a request asks for: the module that does it, and what it is told.

    `answer` is there when it was done. While a file `cancel` is there, nobody wants it any more.
    """

    request: Path
    module: str
    arguments: Sequence[str]
    answer: Path
    log: Path
    cancel: Path | None = None

    @property
    def is_cancel_wanted(self) -> bool:
        return self.cancel is not None and self.cancel.exists()


@dataclass(frozen=True)
class Work:
    """An errand being done."""

    errand: Errand
    stamp: Stamp
    process: "subprocess.Popen[bytes]"
    give_up_at: float
    kill_at: float = float("inf")
    """When it is ended because it was cancelled."""


class Errands(ABC):
    """All requests of one kind. `word` is what one of them is called in sentences.

    `timeout_s` is how long one may take unless told otherwise.
    """

    word = "errand"
    timeout_s = float("inf")

    def __init__(
        self,
        workspace: Workspace,
        python: str,
        env: Mapping[str, str],
        timeout_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._python = python
        self._env = dict(env)
        self._timeout_s = self.timeout_s if timeout_s is None else timeout_s
        self._monotonic = monotonic
        self._work: Work | None = None
        self._killed: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def find_next(self) -> Path | None:
        """The request whose turn it is; None when there is nothing to do."""

    @abstractmethod
    def read(self, request: Path) -> Errand:
        """What the request asks for.

        Raises OSError, or an error of ours, when it is no honest one; it is removed then.
        """

    @abstractmethod
    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        """Write down why there is no answer."""

    def keeps(self, errand: Errand) -> bool:
        """Whether the request stays although it was answered, for another try."""
        return False

    def tick(self) -> None:
        """One turn: look at the errand being done, or begin the next. Never waits."""
        self._killed = [process for process in self._killed if process.poll() is None]
        if self._work is not None:
            self._look_at(self._work)
        elif (request := self.find_next()) is not None:
            self._begin(request)

    def stop(self) -> None:
        """End the errand being done; its request stays for the next daemon."""
        if self._work is not None:
            self._kill(self._work.process)
            self._work = None

    def _begin(self, request: Path) -> None:
        asked = stamp(request)
        try:
            errand = self.read(request)
        except (OSError, TrainerUIError) as error:
            # Nobody can be waiting for it.
            log.warning("removed the request %s: %s", request.name, error)
            request.unlink(missing_ok=True)
            return
        errand.answer.unlink(missing_ok=True)
        try:
            process = self._spawn(errand)
        except OSError as error:
            self._settle(errand, asked, f"the {self.word} could not be started: {error}")
            return
        self._work = Work(errand, asked, process, self._monotonic() + self._timeout_s)

    def _spawn(self, errand: Errand) -> "subprocess.Popen[bytes]":
        command = [self._python, "-P", "-m", errand.module, *errand.arguments]
        env = {**self._env, "CUDA_VISIBLE_DEVICES": ""}
        with errand.log.open("wb") as output:
            return start_module(command, self._workspace, env, errand.request.parent, output)

    def _look_at(self, work: Work) -> None:
        errand, asked = work.errand, work.stamp
        code, now = work.process.poll(), self._monotonic()
        if code is not None:
            self._settle(errand, asked, self._trouble(errand, code), errand.is_cancel_wanted)
        elif now >= work.give_up_at:
            self._kill(work.process)
            self._settle(errand, asked, f"the {self.word} took longer than {self._timeout_s:g} s")
        elif now >= work.kill_at:
            self._kill(work.process)
            self._settle(errand, asked, f"the {self.word} was cancelled", is_cancelled=True)
        elif errand.is_cancel_wanted and work.kill_at == float("inf"):
            # It looks for the wish itself, and ends in good order if it can.
            self._work = replace(work, kill_at=now + CANCEL_GRACE_S)

    def _trouble(self, errand: Errand, code: int) -> str:
        """Why there is no answer, though the process has ended; empty when there is one."""
        if code == 0 and errand.answer.is_file():
            return ""
        words = "".join(read_tail(errand.log, LOG_TAIL_BYTES).strip().splitlines()[-1:])
        if code < 0:
            return f"the {self.word} was killed ({_name(-code)}): {words[:MAX_WORDS]}"
        return f"the {self.word} ended with code {code}: {words[:MAX_WORDS]}"

    def _settle(
        self, errand: Errand, asked: Stamp, trouble: str, is_cancelled: bool = False
    ) -> None:
        """Write the trouble down, if there is any, and be done with the request.

        Another request in its place is from somebody who has seen the answer, and wants a new one.
        """
        if stamp(errand.request) in (asked, MISSING):
            if trouble:
                self.refuse(errand, trouble, is_cancelled)
            if not self.keeps(errand):
                errand.request.unlink(missing_ok=True)
            if errand.cancel is not None:
                errand.cancel.unlink(missing_ok=True)
        self._work = None

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            # Later ticks collect it: dying can take a while, and a tick may not wait.
            self._killed.append(process)


def oldest(requests: Iterable[Path]) -> Path | None:
    """The request that has waited longest; only plain files that are not hidden are any."""
    return next(iter(in_order(requests)), None)


def newest(requests: Iterable[Path]) -> Path | None:
    """The request that was made last: somebody still looks at what it is about."""
    return next(reversed(in_order(requests)), None)


def in_order(requests: Iterable[Path]) -> list[Path]:
    """The requests, the oldest first."""
    waiting: list[tuple[int, Path]] = []
    for path in requests:
        try:
            info = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(info.st_mode) and not path.name.startswith("."):
            waiting.append((info.st_mtime_ns, path))
    return [path for _, path in sorted(waiting)]


def _name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return str(signum)
