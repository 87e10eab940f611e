"""One process that the launcher starts, with its output in a file of its own."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from core.clock import now_text
from core.files import read_tail
from core.paths import CODE_ROOT

STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.1
START_MARK = "--- started "
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


class Child:
    """A started process and its log."""

    def __init__(self, name: str, command: list[str], log: Path, env: dict[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("a", encoding="utf-8") as output:
            output.write(f"{START_MARK}{now_text()}\n")
            output.flush()
            self._process = subprocess.Popen(
                command,
                cwd=CODE_ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl+C goes to the launcher alone, which then stops its children in order.
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid()),
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            self._process.terminate()

    def kill(self) -> None:
        if self.exit_code is None:
            self._process.kill()
            self._process.wait()

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of what it wrote since this start."""
        return read_tail(self.log).rpartition(START_MARK)[2].splitlines()[1:][-count:]


def stop_all(children: Iterable[Child], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Ask all to stop, and kill what is still there after the time allowed."""
    children = list(children)
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and any(child.exit_code is None for child in children):
        time.sleep(POLL_INTERVAL_S)
    for child in children:
        child.kill()


def _end_with_parent(parent: int) -> Callable[[], None]:
    """What a child does first: ask for a SIGTERM should the launcher itself be killed."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
