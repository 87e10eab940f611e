"""Waiting for a fact, with a look every few milliseconds."""

import time
from collections.abc import Callable
from typing import TypeVar

TIMEOUT_S = 300

Fact = TypeVar("Fact")


def wait_for(fact: Callable[[], Fact | None], poll_s: float = 0.005) -> Fact:
    """What the fact gives, once it gives something; TimeoutError after far too long."""
    begun = time.monotonic()
    while not (found := fact()):
        if time.monotonic() - begun > TIMEOUT_S:
            raise TimeoutError(f"nothing for {TIMEOUT_S} s; see the workspace's daemon.log")
        time.sleep(poll_s)
    return found
