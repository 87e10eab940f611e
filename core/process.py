"""Which process is which: a pid alone is reused, a pid with its start time is not."""

import os
from collections.abc import Iterator
from pathlib import Path


def started_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in brackets, may itself hold brackets and spaces.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def is_same(pid: int, ticks: int) -> bool:
    """Whether the process that started then is still alive."""
    return started_ticks(pid) == ticks


def pids_with_environment(assignment: str) -> Iterator[int]:
    """The living processes of this user that have `NAME=value` in their environment."""
    wanted = assignment.encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        if wanted in environment.split(b"\0") and started_ticks(int(entry.name)) is not None:
            yield int(entry.name)
