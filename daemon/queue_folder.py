"""Specs in the queue folder: which are complete, and which only look so.

Events tell when a file was renamed into the folder (complete) or closed by its writer (most likely
complete). Where no event came, a file counts as complete once it has not changed for a while. The
folder itself is listed at every tick; events only make it sooner.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.spec.run_spec import FILE_NAME

CLOSED_QUIET_S = 0.2


@dataclass
class Arrival:
    """How a file in the queue last looked, and since when it has looked so."""

    seen_at: float
    size: int
    mtime_ns: int
    inode: int


@dataclass
class QueueFolder:
    """The queue folder with what is known of each file in it."""

    folder: Path
    quiet_s: float
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _arrivals: dict[str, Arrival] = field(default_factory=dict)
    _renamed: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_renamed(self, name: str) -> None:
        """A file was renamed into the folder: it is complete. Called from the watcher's thread."""
        with self._lock:
            self._renamed.add(name)

    def note_closed(self, name: str) -> None:
        """A writer closed a file. Called from the watcher's thread."""
        with self._lock:
            self._closed.add(name)

    def candidates(self) -> list[Path]:
        """The files that may be taken, the oldest first."""
        # Marks that come while we look are for the next turn: an earlier file may lack its own.
        with self._lock:
            renamed, closed = set(self._renamed), set(self._closed)
        found = list(self._look())
        self._forget({path.name for path, _ in found}, renamed, closed)
        ready = [
            (path, arrival)
            for path, arrival in found
            if path.name in renamed or self._has_rested(arrival, path.name in closed)
        ]
        return [path for path, arrival in sorted(ready, key=lambda x: (x[1].mtime_ns, x[0].name))]

    def is_settled(self, name: str) -> bool:
        """Whether the file is so surely complete that it may be rejected."""
        with self._lock:
            renamed = name in self._renamed
        return renamed or self._quiet_for(self._arrivals[name]) >= self.quiet_s

    def _look(self) -> Iterator[tuple[Path, Arrival]]:
        for path in self.folder.iterdir():
            if not FILE_NAME.fullmatch(path.name):
                continue
            try:
                stat = path.lstat()
            except FileNotFoundError:
                continue
            known = self._arrivals.get(path.name)
            looks = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            if known is None or (known.size, known.mtime_ns, known.inode) != looks:
                known = self._arrivals[path.name] = Arrival(self.clock(), *looks)
            yield path, known

    def _has_rested(self, arrival: Arrival, is_closed: bool) -> bool:
        return self._quiet_for(arrival) >= (CLOSED_QUIET_S if is_closed else self.quiet_s)

    def _quiet_for(self, arrival: Arrival) -> float:
        """Seconds without a change: as watched, or by the file's own time if that is old."""
        watched = self.clock() - arrival.seen_at
        by_file_time = self.wall_clock() - arrival.mtime_ns / 1e9
        # A file older than a minute was there before we came; a smaller age may be a clock's whim.
        return by_file_time if by_file_time > 60 else watched

    def _forget(self, present: set[str], renamed: set[str], closed: set[str]) -> None:
        """Forget the names that are gone, and of the marks only those that were seen."""
        self._arrivals = {n: a for n, a in self._arrivals.items() if n in present}
        with self._lock:
            self._renamed -= renamed - present
            self._closed -= closed - present
