"""Talking to a process that waits for its run: records on a local socket, with open files.

A standby knocks at the daemon's door, and is handed a run there, with the run's lock and log. A
message is one JSON object. Neither side can lose the other without noticing: the kernel ends the
connection with the process.
"""

import array
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DOOR = "door"
MAX_BYTES = 192 * 1024
"""A message goes as a whole, and the kernel takes no more than its buffer holds."""

MAX_FILES = 4


def open_door(folder: Path) -> socket.socket:
    """Listen in the folder, which only we can enter. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / DOOR).unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with _address(folder) as address:
        door.bind(address)
    door.listen()
    door.setblocking(False)
    return door


def knock(folder: Path) -> socket.socket:
    """A connection to whoever listens in the folder. Raises OSError when nobody does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with _address(folder) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of one connection."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(connection: socket.socket, record: dict[str, Any], files: Sequence[int] = ()) -> None:
    """Send the record, and open files with it. Raises OSError when it cannot be taken."""
    data = json.dumps(record).encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    connection.sendmsg([data], rights, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next record with its open files; None when the other side is gone.

    Raises BlockingIOError where there is nothing yet and the connection does not wait for it.
    """
    try:
        data, files, _, _ = socket.recv_fds(connection, MAX_BYTES, MAX_FILES)
    except ConnectionError:
        return None
    return (json.loads(data), files) if data else None


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The door as a socket is told it: by a descriptor, as a path may be too long for it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{DOOR}"
    finally:
        os.close(descriptor)
