"""The sign of life of a training: the step in a small file, changed as it goes on."""

import os
import time
from collections.abc import Callable
from pathlib import Path

TOUCH_EVERY_S = 1.0


class Beat:
    """Says in `.beat` which step is being trained, at every step and during evaluations."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.clock = clock
        self._file: int | None = None
        self._touched_at = -TOUCH_EVERY_S

    def step(self, step: int) -> None:
        """The step begins."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(self.path, flags, 0o644)
        # In place: steps only grow, so a reader never meets the end of an older one.
        os.pwrite(self._file, str(step).encode(), 0)

    def touch(self) -> bool:
        """Still alive in the same step; False if that was said less than a second ago."""
        now = self.clock()
        if self._file is None or now - self._touched_at < TOUCH_EVERY_S:
            return False
        self._touched_at = now
        os.utime(self._file)
        return True
