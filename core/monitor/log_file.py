"""A log on disk, read by byte offsets, a bounded piece at a time."""

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.secret import mask_bytes

SLICE_BYTES = 1024 * 1024
"""What is read at once where much has to be gone through."""

MARGIN_BYTES = 512
"""So far a token of an account may reach over the edge of what is read."""

HEAD_BYTES = 256


@dataclass(frozen=True)
class LogFile:
    """An open log as of one moment: what is added later is not there."""

    descriptor: int
    size: int
    generation: str
    """Another one when the file was replaced or begun anew; empty when there is no file."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`; fewer where the file ends. Tokens are not masked."""
        # Not mapped into memory: a map of a file that is cut meanwhile would end this process.
        start, end = max(0, start), min(end, self.size)
        data = bytearray()
        while start + len(data) < end:
            piece = os.pread(self.descriptor, end - start - len(data), start + len(data))
            if not piece:
                break
            data += piece
        return bytes(data)

    def read_masked(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end` with no token of an account in them, nor half of one."""
        start = max(0, start)
        before = min(start, MARGIN_BYTES)
        data = mask_bytes(self.read(start - before, end + MARGIN_BYTES))
        return data[before : before + max(0, min(end, self.size) - start)]

    def stream(self) -> Iterator[bytes]:
        """The whole log, slice by slice, with no token of an account in it."""
        for start in range(0, self.size, SLICE_BYTES):
            data = self.read_masked(start, start + SLICE_BYTES)
            # What was announced is sent, even of a file that was cut meanwhile.
            yield data.ljust(min(SLICE_BYTES, self.size - start), b"\n")


NO_LOG = LogFile(-1, 0, "")


@contextmanager
def open_log(path: Path) -> Iterator[LogFile]:
    """The log as it is now; an empty one when there is none, or no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield NO_LOG
        return
    try:
        yield _look(descriptor)
    finally:
        os.close(descriptor)


def _look(descriptor: int) -> LogFile:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        return NO_LOG
    # An inode is soon used again, so the first line tells as well: it holds when the run started.
    first, newline, _ = os.pread(descriptor, HEAD_BYTES, 0).partition(b"\n")
    head = zlib.crc32(first) if newline else 0
    return LogFile(descriptor, info.st_size, f"{info.st_ino:x}-{head:x}")
