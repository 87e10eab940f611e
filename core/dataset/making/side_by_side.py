"""Converting a large file in several processes at once, each a part of its lines."""

import itertools
import os
import pickle
import shutil
import threading
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, BinaryIO

from core.dataset.format import BadRow, Format
from core.dataset.making.choices import Choices
from core.dataset.making.row_writer import RowWriter
from core.dataset.making.watch import READING, Watch
from core.dataset.read.json_lines import read_json_lines
from core.dataset.read.record import Record

MIN_BYTES = 64 * 1024 * 1024
"""A smaller file is done before other processes are ready."""

MAX_PARTS = 8
BUFFER_BYTES = 1024 * 1024
TELL_EVERY_ROWS = 256
WATCH_EVERY_S = 0.1

DONE, ROWS, BAD, FIELDS = 0, 1, 2, 3
"""What each process tells of itself: bytes, rows and bad rows."""

_told: Any = None
"""In a process that converts a part: where all of them tell how far they are."""
_stop_at = 0
"""Behind what all tell stands a number that, once it is no longer zero, asks them to stop."""


@dataclass(frozen=True)
class Part:
    """Some of the lines of a file, as bytes from and to the beginnings of lines."""

    number: int
    path: Path
    begin: int
    end: int
    target: Path

    @property
    def counts(self) -> Path:
        """Where its process leaves what it counted."""
        return self.target.with_name(f"{self.target.name}.counts")


class StoppedError(Exception):
    """Nobody wants the rows any more."""


def can_share(path: Path) -> int:
    """In how many parts the file is best converted; 1 for one that is small."""
    cores = min(len(os.sched_getaffinity(0)), MAX_PARTS)
    return cores if path.stat().st_size >= MIN_BYTES else 1


def write_side_by_side(
    path: Path, target: Path, form: Format, choices: Choices, parts: int, watch: Watch
) -> RowWriter:
    """Write every good row of a file of JSON Lines in UTF-8, in their order.

    What `watch` raises ends the other processes too.
    """
    work = split_file(path, target, parts)
    told = RawArray("Q", FIELDS * parts + 1)
    context = get_context("spawn")
    with ProcessPoolExecutor(parts, context, _begin, (told, parts)) as pool:
        futures = [pool.submit(_write_part, part, form, choices) for part in work]
        try:
            _watch_over(futures, told, parts, path.stat().st_size, watch)
        except BaseException:
            told[FIELDS * parts] = 1
            raise
    _join(work, target)
    whole, lines = _take(work[0])
    for part in work[1:]:
        writer, count = _take(part)
        whole.merge(writer, lines)
        lines += count
    return whole


def split_file(path: Path, target: Path, parts: int) -> list[Part]:
    """The file in parts of about the same size, none of which cuts a line."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        borders = [begin, *(_next_line(file, size * at // parts) for at in range(1, parts)), size]
    return [
        Part(number, path, begin, max(begin, end), target.with_name(f"{target.name}.{number}"))
        for number, (begin, end) in enumerate(itertools.pairwise(borders))
    ]


def _next_line(file: BinaryIO, at: int) -> int:
    file.seek(at)
    while (piece := file.readline(BUFFER_BYTES)) and not piece.endswith(b"\n"):
        pass
    return file.tell()


def _begin(told: Any, parts: int) -> None:
    global _told, _stop_at
    _told, _stop_at = told, FIELDS * parts
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that was killed could tell nobody to stop."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_part(part: Part, form: Format, choices: Choices) -> None:
    writer = RowWriter(form, choices)
    with (
        part.path.open("rb", BUFFER_BYTES) as file,
        part.target.open("wb", BUFFER_BYTES) as target,
    ):
        file.seek(part.begin)
        lines = _Lines(file, part.end)
        writer.write(_telling(read_json_lines(lines), part, file, writer), target)
        _tell(part, part.end, writer)
    # Not through the pool's pipe: a process that is killed in the middle of so much would leave
    # the reader waiting for the rest.
    with part.counts.open("wb") as counts:
        pickle.dump((writer, lines.count), counts)


def _take(part: Part) -> tuple[RowWriter, int]:
    """What was counted in a part, and its lines."""
    with part.counts.open("rb") as counts:
        found: tuple[RowWriter, int] = pickle.load(counts)
    part.counts.unlink()
    return found


class _Lines:
    """The lines of a file up to a border, with the one way of reading that is needed."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._left = file, end - file.tell()
        self.count = 0

    def read(self, size: int) -> bytes:
        return b""

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(min(limit, self._left))
        self._left -= len(line)
        self.count += line.endswith(b"\n")
        return line


def _telling(
    records: Iterator[Record | BadRow], part: Part, file: BinaryIO, writer: RowWriter
) -> Iterator[Record | BadRow]:
    for number, record in enumerate(records):
        if number % TELL_EVERY_ROWS == 0:
            _tell(part, file.tell(), writer)
            if _told[_stop_at]:
                raise StoppedError
        yield record


def _tell(part: Part, at: int, writer: RowWriter) -> None:
    begin = FIELDS * part.number
    _told[begin + DONE] = at - part.begin
    _told[begin + ROWS] = writer.rows.rows
    _told[begin + BAD] = writer.rows.bad_rows


def _watch_over(
    futures: Sequence[Future[None]], told: Any, parts: int, total: int, watch: Watch
) -> None:
    """Tell how far all are together until the last is done, or one has failed."""
    sum_of = partial(_sum, told, parts)
    while not all(future.done() for future in futures):
        wait(futures, WATCH_EVERY_S)
        watch(READING, sum_of(DONE), total, sum_of(ROWS), sum_of(BAD))
        if any(future.done() and future.exception() for future in futures):
            break
    for future in futures:
        if future.done():
            future.result()


def _sum(told: Any, parts: int, what: int) -> int:
    return sum(told[FIELDS * number + what] for number in range(parts))


def _join(work: Sequence[Part], target: Path) -> None:
    """Put the parts behind each other."""
    work[0].target.rename(target)
    with target.open("ab") as whole:
        for part in work[1:]:
            with part.target.open("rb") as rows:
                shutil.copyfileobj(rows, whole, BUFFER_BYTES)
            part.target.unlink()
