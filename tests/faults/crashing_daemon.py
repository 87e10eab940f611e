"""Forks daemons to which something happens right before their k-th change of a file or process.

`python -P -m tests.faults.crashing_daemon` reads lines `WORKSPACE KILL_AT FAIL_FROM FAIL_TO`, and
forks a daemon for each, one after the other: loading the daemon's code anew would take longer than
all it does. It says the daemon's pid, and how it ended. The daemon is killed at the operation
KILL_AT (0 is never), and those from FAIL_FROM up to, but not, FAIL_TO fail as on a full disk. The
workspace's first daemon lists what it does in `operations.txt`.
"""

import errno
import fcntl
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.paths import CODE_ROOT, WORKSPACE_VARIABLE
from daemon import dispatch, supervisor
from tests.faults.fake_daemon import supervise

CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
AUDITED = {
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.truncate",
    "os.link",
    "os.symlink",
    "os.utime",
    "os.chmod",
    "subprocess.Popen",
    "socket.sendmsg",
}
NOT_AUDITED = ((os, "write"), (os, "fsync"), (signal, "pidfd_send_signal"))
OPERATIONS = "operations.txt"


class Countdown:
    """Counts operations; kills this process before one of them, and lets some fail."""

    def __init__(self, kill_at: int, failing: range, listing: int) -> None:
        self.kill_at = kill_at
        self.failing = failing
        self.listing = listing
        self.write = os.write
        self.done = 0

    def count(self, operation: str) -> None:
        """The operation is about to happen."""
        self.done += 1
        self.write(self.listing, f"{operation}\n".encode())
        if self.done == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.done in self.failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), operation)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python tells before it does something."""
        changes = event in AUDITED
        if event == "open":
            changes = bool(arguments[2] & CHANGES) and "/dev/" not in str(arguments[0])
        if event == "fcntl.flock":
            changes = bool(arguments[1] & fcntl.LOCK_EX)
        if event == "os.mkdir":
            changes = not Path(arguments[0]).exists()
        if changes:
            self.count(f"{event} {arguments[0]}")

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted: what Python does not tell of."""

        def call(*arguments: Any) -> Any:
            self.count(name)
            return function(*arguments)

        return call


def be_daemon(root: Path, kill_at: int, failing: range) -> None:
    """Supervise the workspace in this process, which does not return."""
    log = os.open(root / "runs" / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ |= {WORKSPACE_VARIABLE: str(root), "PYTHONPATH": str(CODE_ROOT)}
    # What could not be done is tried again soon.
    dispatch.START_AGAIN_S = supervisor.LOOK_INTERVAL_S = 0.1
    countdown = Countdown(kill_at, failing, open_listing(root / OPERATIONS))
    for module, name in NOT_AUDITED:
        setattr(module, name, countdown.counted(name, getattr(module, name)))
    sys.addaudithook(countdown.audit)
    os._exit(supervise())


def open_listing(path: Path) -> int:
    """A new file to list operations in, or nowhere if there is one already."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return os.open(os.devnull, os.O_WRONLY)


def serve() -> None:
    """Fork a daemon for each line of the standard input, and wait for its end."""
    for line in sys.stdin:
        root, *numbers = line.rsplit(maxsplit=3)
        kill_at, first, end = map(int, numbers)
        pid = os.fork()
        if pid == 0:
            try:
                be_daemon(Path(root), kill_at, range(first, end))
            except BaseException:
                traceback.print_exc()
            os._exit(70)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    serve()
