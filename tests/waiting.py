"""Waiting for a fact, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def wait_until(
    fact: Callable[[], Fact], tick: Callable[[], object] = lambda: None, timeout_s: float = 40
) -> Fact:
    """What the fact is once it holds; `tick` is called in between."""
    end = time.monotonic() + timeout_s
    while not (found := fact()):
        assert time.monotonic() < end, "waited in vain"
        tick()
        time.sleep(0.01)
    return found
