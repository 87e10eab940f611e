"""What a list shows of a run's numbers, read from what was added since the last look."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import parse_json_lines, read_tail
from core.monitor.resumes import Resumes
from core.monitor.row import is_value
from core.paths import RunPaths

BLOCK_BYTES = 4 * 1024 * 1024
TAIL_BYTES = (16 * 1024, 1024 * 1024)
"""The newest loss is near the end: most files need the first look only."""

_EVAL = b'"eval_loss"'


@dataclass(frozen=True)
class Losses:
    """The newest loss and speed (tokens per second) of a run, its newest and best validation loss.

    What a later attempt trained again is left out.
    """

    loss: float | None = None
    eval_loss: float | None = None
    best_eval_loss: float | None = None
    tokens_per_second: float | None = None


class LossReader:
    """Reads the losses of one run; threads may share it."""

    def __init__(self, paths: RunPaths) -> None:
        self.path = paths.metrics
        self._resumes = Resumes(paths.journal)
        self._evals: list[dict[str, Any]] = []
        self._offset = 0
        self._inode = 0
        self._lock = threading.Lock()

    def read(self, was_resumed: bool) -> Losses:
        """The losses as of now."""
        with self._lock:
            if was_resumed:
                self._resumes.refresh()
            self._read_evals()
            evals = [row["eval_loss"] for row in self._evals if self._resumes.keeps(row)]
            return Losses(
                **read_newest(self.path, self._resumes),
                eval_loss=evals[-1] if evals else None,
                best_eval_loss=min(evals, default=None),
            )

    def _read_evals(self) -> None:
        """Take in the validation losses that were added; start over with another file."""
        try:
            with self.path.open("rb") as file:
                inode, size_bytes = _identity(file.fileno())
                if inode != self._inode or size_bytes < self._offset:
                    self._evals, self._offset, self._inode = [], 0, inode
                file.seek(self._offset)
                while block := file.read(BLOCK_BYTES):
                    end = block.rfind(b"\n") + 1
                    if end == 0:
                        return
                    self._evals += find_evals(block[:end])
                    self._offset += end
                    file.seek(self._offset)
        except OSError:
            self._evals, self._offset = [], 0


def find_evals(block: bytes) -> list[dict[str, Any]]:
    """Step, attempt and validation loss of each line that has one."""
    found = []
    at = block.find(_EVAL)
    while at >= 0:
        start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
        end = len(block) if end < 0 else end
        for row in parse_json_lines([block[start:end]]):
            if is_value(row.get("eval_loss")):
                found.append({key: row.get(key) for key in ("step", "attempt", "eval_loss")})
        at = block.find(_EVAL, end)
    return found


def read_newest(path: Path, resumes: Resumes) -> dict[str, float | None]:
    """The newest loss and speed, looked for near the end of the file."""
    found: dict[str, float | None] = {}
    for size_bytes in TAIL_BYTES:
        text = read_tail(path, size_bytes)
        lines = text.splitlines()
        found = {key: _newest(lines, key, resumes) for key in ("loss", "tokens_per_second")}
        if found["loss"] is not None or len(text) < size_bytes // 2:
            break
    return found


def _newest(lines: list[str], key: str, resumes: Resumes) -> float | None:
    """The value in the last line that has one; only lines with the key are parsed."""
    word = f'"{key}"'
    rows = (row for line in reversed(lines) if word in line for row in parse_json_lines([line]))
    values: Iterator[Any] = (row.get(key) for row in rows if resumes.keeps(row))
    return next((float(value) for value in values if is_value(value)), None)


def _identity(descriptor: int) -> tuple[int, int]:
    info = os.fstat(descriptor)
    return info.st_ino, info.st_size
