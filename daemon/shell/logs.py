"""`logs`: the end of a run's log, and what is added to it."""

import os
import sys
import time
from pathlib import Path
from typing import BinaryIO, TextIO

from core.log_text import clean_log
from core.run.phase import FINISHED
from core.run.store import Run, Store
from daemon.shell.terminal import one_line, say

POLL_S = 0.2
BLOCK_BYTES = 64 * 1024
MAX_TAIL_BYTES = 8 * 1024 * 1024
MAX_HELD_BYTES = 64 * 1024


def show_log(store: Store, run: Run, line_count: int, follow: bool) -> int:
    """Print the last lines of the run's log; with `follow`, go on until the run is finished."""
    log = Log(run.paths.log)
    printer = Printer(sys.stdout)
    printer.write(log.read_last(line_count))
    if follow:
        _follow(store, run, log, printer)
    elif not run.paths.log.exists():
        reason = f": {one_line(run.status.reason)}" if run.status.reason else ""
        say(f"{run.run_id} has no log yet. It is {run.status.phase}{reason}")
    printer.close()
    return 0


class Log:
    """A growing file, read from its end on and never twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._inode = 0

    def read_last(self, line_count: int) -> bytes:
        """The last lines, a half one among them, of at most 8 MiB; nothing of a missing file."""
        try:
            with self.path.open("rb") as file:
                self._inode = os.fstat(file.fileno()).st_ino
                self._offset = file.seek(0, os.SEEK_END)
                return _last_lines(file, self._offset, line_count)
        except FileNotFoundError:
            return b""

    def read_new(self) -> bytes:
        """A piece of what was added; from the beginning if the file was replaced or cut."""
        try:
            with self.path.open("rb") as file:
                info = os.fstat(file.fileno())
                if info.st_ino != self._inode or info.st_size < self._offset:
                    self._inode, self._offset = info.st_ino, 0
                file.seek(self._offset)
                data = file.read(BLOCK_BYTES)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        return data


class Printer:
    """Writes a log: as it is into a file or pipe, whole clean lines onto a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = b""

    def write(self, data: bytes) -> None:
        """Print the data; on a terminal a line waits for its end."""
        if not self._stream.isatty():
            self._stream.buffer.write(data)
            self._stream.flush()
            return
        self._held += data
        end = self._held.rfind(b"\n") + 1
        if not end and len(self._held) > MAX_HELD_BYTES:
            end = len(self._held)
        self._show(self._held[:end])
        self._held = self._held[end:]

    def close(self) -> None:
        """Print what is left without an end."""
        self._show(self._held)
        self._held = b""

    def _show(self, data: bytes) -> None:
        if data:
            print(clean_log(data.decode("utf-8", errors="replace")), file=self._stream, flush=True)


def _follow(store: Store, run: Run, log: Log, printer: Printer) -> None:
    while True:
        # In this order: what a finished run wrote lies there before it counts as finished.
        now = store.find_run(run.run_id)
        while data := log.read_new():
            printer.write(data)
        if now and now.status.phase in FINISHED:
            printer.close()
            reason = f": {one_line(now.status.reason)}" if now.status.reason else ""
            say(f"{now.run_id} is {now.status.phase}{reason}")
            return
        if not run.paths.folder.exists():
            say(f"{run.run_id} is gone: its folder was removed.")
            return
        time.sleep(POLL_S)


def _last_lines(file: BinaryIO, end: int, line_count: int) -> bytes:
    """The last lines before the offset `end`, read in blocks from there backwards."""
    data, start = b"", end
    while start > 0 and data.count(b"\n") <= line_count and len(data) < MAX_TAIL_BYTES:
        size = min(start, max(BLOCK_BYTES, len(data)))
        start -= size
        file.seek(start)
        data = file.read(size) + data
    # Split at newlines alone: progress bars are many returns in one line.
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    shown = line_count + (0 if lines[-1] else 1)
    return b"".join(lines[max(0, len(lines) - shown) :])
