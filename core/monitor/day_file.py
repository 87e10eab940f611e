"""Day files, `<day>.csv` or `<day>.csv.gz` with a line per moment: only the lines that are wanted.

Every line begins with its moment, as `core.clock` writes it, so that lines sort as moments do.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO

from core.clock import to_text

BLOCK_BYTES = 16 * 1024
"""Nearer than this, reading on is cheaper than looking for the place."""

MOMENT_BYTES = len("2026-11-22T12:00:00")


def days_between(begin: datetime, end: datetime) -> Iterator[date]:
    """The UTC days that the time from `begin` to `end` touches, the oldest first."""
    day, last = begin.astimezone(UTC).date(), end.astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def read_from(path: Path, offset: int) -> tuple[list[str], int]:
    """The whole lines from byte `offset` on, and the offset to go on from.

    A line still being written is left for the next call. A day that is missing or damaged has no
    lines. `path` is the plain file; where there is none, its `.gz` is read.
    """
    with _open(path) as file:
        return _read(file, offset) if file else ([], offset)


def read_since(path: Path, since: datetime) -> tuple[list[str], int]:
    """The whole lines from about `since` on, a few older ones among them; else as `read_from`."""
    with _open(path) as file:
        return _read(file, _find_place(file, since)) if file else ([], 0)


def read_between(path: Path, since: datetime, until: datetime) -> list[str]:
    """The whole lines from about `since` to about `until`, a few others at both ends."""
    with _open(path) as file:
        if file is None:
            return []
        end = _find_place(file, until) + 2 * BLOCK_BYTES
        return _read(file, _find_place(file, since), end)[0]


def _read(file: IO[bytes], offset: int, end: int | None = None) -> tuple[list[str], int]:
    size = min(_size(file), end) if end else _size(file)
    if offset >= size:
        return [], offset
    file.seek(offset)
    data = file.read(size - offset)
    whole = data.rfind(b"\n") + 1
    return data[:whole].decode("utf-8", errors="replace").splitlines(), offset + whole


def _find_place(file: IO[bytes], since: datetime) -> int:
    """The offset of a line a little before the first one of `since` or later."""
    wanted = to_text(since).encode()[:MOMENT_BYTES]
    low, high = 0, _size(file)
    while high - low > BLOCK_BYTES:
        middle = (low + high) // 2
        line, moment = _first_moment(file, middle)
        # Where nothing can be read, the lines before it are looked at instead.
        if moment and moment < wanted:
            low = line
        else:
            high = middle
    return low


def _first_moment(file: IO[bytes], offset: int) -> tuple[int, bytes]:
    """Where the first line after `offset` with a moment begins, and the moment; 0 and empty."""
    file.seek(offset)
    file.readline(BLOCK_BYTES)
    for _ in range(8):  # a few may be torn, or headers
        begin = file.tell()
        line = file.readline(BLOCK_BYTES)
        if line[:2] == b"20" and line[10:11] == b"T":
            return begin, line[:MOMENT_BYTES]
    return 0, b""


def _size(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes] | None]:
    try:
        plain = path.open("rb")
    except OSError:
        yield _unpacked(path.with_name(f"{path.name}.gz"))
        return
    with plain:
        yield plain


def _unpacked(path: Path) -> IO[bytes] | None:
    try:
        return io.BytesIO(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error):
        return None
