"""Importing torch and its like without the garbage collector in the way."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def long_imports() -> Iterator[None]:
    """Spare the collector the search through modules, while they load and ever after.

    Thousands of modules would be searched at every few hundred new objects, and at every load and
    save later on. For the start of a process: what lives at the end is never collected as a cycle.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
