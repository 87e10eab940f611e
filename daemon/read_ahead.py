"""Reads the data of a run beside the loop: a dataset may have many gigabytes."""

import contextlib
from pathlib import Path
from threading import Thread

from core.spec.prepared import ContentHasher, prepared_key
from daemon.decide import Waiting

SMALL_DATA_S = 0.2
"""So long the loop waits; small data is read meanwhile, and the run starts in the same turn."""


class ReadAhead:
    """Lets the hasher know a run's files before the run is started, one run after the other."""

    def __init__(self, root: Path, hasher: ContentHasher) -> None:
        self.root = root
        self.hasher = hasher
        self._reader: Thread | None = None
        self._reads = ""

    def has_read(self, run: Waiting) -> bool:
        """Whether the run's data has been read; what cannot be read is told at the start."""
        if self._reader is None:
            self._reads = run.run_id
            # Not waited for when the daemon ends.
            self._reader = Thread(target=self._read, args=(run,), daemon=True)
            self._reader.start()
        self._reader.join(SMALL_DATA_S)
        if self._reader.is_alive():
            return False
        self._reader = None
        return self._reads == run.run_id

    def _read(self, run: Waiting) -> None:
        # Whatever is wrong with it is told when the run is started.
        with contextlib.suppress(Exception):
            prepared_key(run.spec.axolotl, self.root, self.hasher)
