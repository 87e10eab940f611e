"""Locks that the kernel releases when their last holder dies: proof of life without a pid."""

import fcntl
import os
import time
from pathlib import Path

LOOKED_AT_S = 0.1
"""Whoever only looks holds the lock for a moment; longer than this it is held in earnest."""


def take_lock(path: Path) -> int | None:
    """Hold the lock for as long as the returned descriptor is open; None if another holds it.

    The descriptor may be handed to a child, which then holds the lock as well.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    deadline = time.monotonic() + LOOKED_AT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.001)
        else:
            return descriptor


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock. Two that only look do not disturb each other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sign(descriptor: int, text: str) -> None:
    """Write into a held lock who holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
