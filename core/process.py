"""Which process is which: a pid alone is reused, a pid with its start time and boot is not."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

SESSION_TRIES = 10


@cache
def boot_id() -> str:
    """Which boot of the machine this is; another one after every start of it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none."""
    fields = _stat(pid)
    return None if not fields or fields[0] == "Z" else int(fields[19])


def is_same(pid: int, ticks: int) -> bool:
    """Whether the process that started then, in this boot, is still alive."""
    return started_ticks(pid) == ticks


def pids_with_environment(*assignments: str) -> Iterator[int]:
    """The living processes of this user with any of the `NAME=value` in their environment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        if _has_environment(pid, assignments) and started_ticks(pid) is not None:
            yield pid


def find_mark(pid: int, assignments: Iterable[str]) -> str | None:
    """Which of the `NAME=value` the process has in its environment; None if it has none."""
    found = _environment(pid)
    return next((text for text in assignments if text.encode() in found), None)


def signal_marked(pid: int, assignments: Sequence[str], signum: signal.Signals) -> bool:
    """Signal the process if it has one of the `NAME=value` in its environment; whether it had."""
    return _signal(pid, signum, lambda: _has_environment(pid, assignments))


def signal_child(pid: int, parent: int, signum: signal.Signals) -> bool:
    """Signal the process if it lives and has this parent; whether it was so."""
    return _signal(pid, signum, lambda: pid in children(parent))


def _signal(pid: int, signum: signal.Signals, is_meant: Callable[[], bool]) -> bool:
    """Signal the process if it is the one that is meant; whether it was.

    It is held by a descriptor while that is looked at, so that the signal cannot reach another one
    that got the same pid meanwhile.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not is_meant():
            return False
        signal.pidfd_send_signal(descriptor, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def set_session_niceness(niceness: int, pid: int | str = "self") -> None:
    """Let all of the process's session yield to other sessions (19), or not any more (0).

    Many kernels share the processor out by session, and let `nice` count only inside of one. It
    can be taken back without privileges, and does nothing where a kernel knows no such thing, or
    where this process is only one of somebody else's session.
    """
    if pid == "self" and os.getsid(0) != os.getpid():
        return
    for _ in range(SESSION_TRIES):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
        except BlockingIOError:  # not more often than ten times a second, on the whole machine
            time.sleep(0.05)
        except OSError:
            return
        else:
            return


def children(parent: int) -> list[int]:
    """The living children of the process."""
    try:
        pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []
    return [int(pid) for pid in pids if started_ticks(int(pid)) is not None]


def leaders(pids: Iterable[int]) -> list[int]:
    """Those of the processes whose parent is none of them."""
    family = set(pids)
    return [pid for pid in family if (fields := _stat(pid)) and int(fields[1]) not in family]


def _has_environment(pid: int, assignments: Iterable[str]) -> bool:
    return find_mark(pid, assignments) is not None


def _environment(pid: int) -> frozenset[bytes]:
    try:
        return frozenset(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:  # gone meanwhile, or another user's
        return frozenset()


def _stat(pid: int) -> list[str]:
    """State, parent and so on, as in `/proc/<pid>/stat` after the name; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The command name, in brackets, may itself hold brackets and spaces.
    return stat.rpartition(")")[2].split()
