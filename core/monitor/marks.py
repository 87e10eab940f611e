"""What happened to a run besides its numbers, to be marked on its curves."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import file_size, read_block
from core.monitor.resumes import FIRST, attempt_of
from core.monitor.row import moment_s, parse_rows, position
from core.paths import RunPaths
from core.run.phase import FINISHED, LIVE, Phase

BLOCK_BYTES = 1024 * 1024
MAX_MARKS = 5000
MAX_TEXT = 200

CHECKPOINT, PAUSE, RESUME, RETRY = "checkpoint", "pause", "resume", "retry"


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step, at a moment in Unix seconds."""

    kind: str
    step: float
    at_s: float
    text: str


class Lines:
    """The records that a JSON Lines file has had added since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def shrank(self) -> bool:
        """Whether the file is shorter than what was read of it."""
        return file_size(self.path) < self.offset

    def new(self) -> Iterator[dict[str, Any]]:
        """The new records; a line that is half written waits."""
        while self.offset < file_size(self.path):
            data = read_block(self.path, self.offset, BLOCK_BYTES)
            end = data.rfind(b"\n") + 1
            if not end and len(data) < BLOCK_BYTES:
                return
            # A line longer than a block is no record of ours.
            self.offset += end or len(data)
            yield from parse_rows(data[:end].split(b"\n")[:-1])


class Marks:
    """Checkpoints, pauses and further attempts of a run; `refresh` reads only what is new.

    `generation` changes when a mark that was there is not any more. Threads may share it.
    """

    def __init__(self, paths: RunPaths) -> None:
        self.generation = 0
        self._journal = Lines(paths.journal)
        self._events = Lines(paths.events)
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self.marks: list[Mark] = []
        self._reasons: dict[int, tuple[str, str]] = {}
        self._came_from = ""

    def refresh(self) -> None:
        """Take in what was added since the last call; start over if a file shrank."""
        with self._lock:
            if self._journal.shrank() or self._events.shrank():
                self._journal.offset = self._events.offset = 0
                self.generation += 1
                self._forget()
            # The daemon tells of an attempt before the attempt tells of itself.
            for event in self._events.new():
                self._take_event(event)
            for entry in self._journal.new():
                self._take_entry(entry)

    def _take_event(self, event: dict[str, Any]) -> None:
        phase, reason = str(event.get("phase", "")), str(event.get("reason", ""))[:MAX_TEXT]
        if phase == Phase.QUEUED:
            kind = RESUME if self._came_from == Phase.PAUSED else RETRY
            self._reasons[attempt_of(event) + 1] = kind, reason
        if phase in LIVE | FINISHED | {Phase.PAUSED}:
            self._came_from = phase

    def _take_entry(self, entry: dict[str, Any]) -> None:
        kind, step = entry.get("entry"), position(entry, "step")
        if step is None:
            return
        at_s = moment_s(entry.get("at")) or 0.0
        if kind == "checkpoint":
            self._add(Mark(CHECKPOINT, step, at_s, "Checkpoint"))
        elif kind == "stopped":
            self._add(Mark(PAUSE, step, at_s, "Paused"))
        elif kind == "plan" and attempt_of(entry) > FIRST:
            self._begin(attempt_of(entry), step, at_s)

    def _begin(self, attempt: int, step: float, at_s: float) -> None:
        kept = [mark for mark in self.marks if mark.kind != CHECKPOINT or mark.step <= step]
        if len(kept) < len(self.marks):
            # In this order: whoever reads meanwhile looks again.
            self.marks = kept
            self.generation += 1
        kind, reason = self._reasons.get(attempt, (RETRY, ""))
        text = f"Attempt {attempt}: {reason}" if reason else f"Attempt {attempt}"
        self._add(Mark(kind, step, at_s, text))

    def _add(self, mark: Mark) -> None:
        self.marks.append(mark)
        if len(self.marks) > MAX_MARKS:
            self.marks = self.marks[MAX_MARKS // 10 :]
            self.generation += 1
