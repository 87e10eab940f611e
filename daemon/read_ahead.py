"""Reads the data of runs beside the loop: a dataset may have many gigabytes."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread

from core.spec.prepared import ContentHasher, prepared_key
from daemon.decide import Waiting

SMALL_DATA_S = 0.2
"""So long the loop waits; small data is read meanwhile, and the run starts in the same turn."""

READ_AGAIN_S = 5.0
"""So often it is looked whether the data of a run that waits has changed."""


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


class KeyReader:
    """Knows the key of the prepared data of each run that waits, as of a moment ago."""

    def __init__(
        self, root: Path, hasher: ContentHasher, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root = root
        self.hasher = hasher
        self.clock = clock
        self._keys: dict[str, str] = {}
        self._reader: Thread | None = None
        self._read_at = float("-inf")
        self._read_ids: list[str] = []

    def follow(self, waiting: Sequence[Waiting]) -> Mapping[str, str]:
        """What is known by now, by run id; not of a run whose data cannot be read. Never waits."""
        if self._reader and self._reader.is_alive():
            return dict(self._keys)
        run_ids = [run.run_id for run in waiting]
        is_due = self.clock() - self._read_at >= READ_AGAIN_S
        if run_ids and (is_due or run_ids != self._read_ids):
            self._read_at, self._read_ids = self.clock(), run_ids
            self._keys = {key: self._keys[key] for key in run_ids if key in self._keys}
            # Not waited for when the daemon ends.
            self._reader = Thread(target=self._read, args=(list(waiting),), daemon=True)
            self._reader.start()
        return dict(self._keys)

    def _read(self, waiting: Sequence[Waiting]) -> None:
        """Read in the order of the queue, and tell of each at once."""
        for run in waiting:
            try:
                self._keys[run.run_id] = prepared_key(run.spec.axolotl, self.root, self.hasher)
            except Exception:
                # Whatever is wrong with it is told when the run is started.
                self._keys.pop(run.run_id, None)
