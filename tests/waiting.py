"""Waiting for a fact, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def wait_until(
    fact: Callable[[], Fact | None],
    tick: Callable[[], object] = lambda: None,
    timeout_s: float = 40,
    pause_s: float = 0.01,
    told: Callable[[], str] = str,
) -> Fact:
    """What the fact is once it holds; `tick` is called in between, `told` when it never does."""
    end = time.monotonic() + timeout_s
    while not (found := fact()):
        assert time.monotonic() < end, f"waited in vain; {told()}"
        tick()
        time.sleep(pause_s)
    return found
