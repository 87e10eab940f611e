"""Paging through and searching the rows of a dataset, however large its file is."""

import re
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from core.files import parse_json_lines, stamp

CHUNK_BYTES = 16 * 1024 * 1024
MAX_FOUND = 1000
SEARCH_BUDGET_S = 10.0
MAX_LINE_BYTES = 1024 * 1024
"""A longer row is not shown in a table."""


@dataclass(frozen=True)
class TableRow:
    """A row and its line in the file, counted from 1."""

    line: int
    value: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """Rows in which something was found; `is_all` tells whether the whole file was searched."""

    rows: list[TableRow]
    is_all: bool


def count_lines(path: Path) -> int:
    """The lines of the file; counted again only when it has changed."""
    counts = _lines_before(path, stamp(path))
    return counts[-1]


def read_page(path: Path, first_line: int, count: int) -> list[TableRow]:
    """Up to `count` rows from a line on (counted from 1); fewer at the end."""
    lines_before = _lines_before(path, stamp(path))
    chunk = max(0, bisect_left(lines_before, first_line - 1) - 1)
    with path.open("rb") as file:
        file.seek(chunk * CHUNK_BYTES)
        number = lines_before[chunk] + 1
        # The chunk may begin in the middle of a line, but of an earlier one than is looked for.
        while number < first_line and _read_line(file):
            number += 1
        rows = [_to_row(_read_line(file), number + at) for at in range(count)]
    return [row for row in rows if row is not None]


def _read_line(file: BinaryIO) -> bytes:
    """The next line, or the beginning of a very long one."""
    line = piece = file.readline(MAX_LINE_BYTES)
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(MAX_LINE_BYTES)
    return line


def search(
    path: Path, words: str, limit: int = MAX_FOUND, budget_s: float = SEARCH_BUDGET_S
) -> Found:
    """The first rows that hold the words, whatever the case of their Latin letters.

    As many as are found in about `budget_s` seconds.
    """
    give_up_at = time.monotonic() + budget_s
    # As the words stand in the file: quotes and line breaks are escaped there.
    needle = orjson.dumps(words.encode("utf-8", "replace").decode())[1:-1]
    if not needle:
        return Found([], True)
    pattern, rows = re.compile(re.escape(needle), re.IGNORECASE), list[TableRow]()
    for first_line, block in _read_blocks(path):
        for line, content in _lines_with(block, pattern):
            row = _to_row(content, first_line + line)
            if row is not None:
                rows.append(row)
            if len(rows) >= limit:
                return Found(rows, False)
        if time.monotonic() > give_up_at:
            return Found(rows, False)
    return Found(rows, True)


def _read_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file in blocks of whole lines, each with the number of its first line.

    One after the other, so that others get their turn while a large file is searched.
    """
    line, rest = 1, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield line, whole
                line += whole.count(b"\n") + 1
            # Of a very long line the beginning is enough.
            rest = rest[:MAX_LINE_BYTES]
    if rest:
        yield line, rest


def _lines_with(block: bytes, pattern: "re.Pattern[bytes]") -> Iterator[tuple[int, bytes]]:
    """Each line of the block that holds the pattern, with how many are before it."""
    at = line = 0
    while match := pattern.search(block, at):
        begin = block.rfind(b"\n", 0, match.start()) + 1
        end = block.find(b"\n", match.end())
        end = len(block) if end < 0 else end
        line += block.count(b"\n", at, begin)
        yield line, block[begin : min(end, begin + MAX_LINE_BYTES)]
        at, line = end + 1, line + 1


def _to_row(line: bytes, number: int) -> TableRow | None:
    values = parse_json_lines([line[:MAX_LINE_BYTES]]) if line.strip() else []
    if not line:
        return None
    return TableRow(number, values[0] if values else {"": "(not shown: too long, or no JSON)"})


@lru_cache(maxsize=64)
def _lines_before(path: Path, _: object) -> tuple[int, ...]:
    """For each chunk of the file the line ends before it; last, all of them."""
    counts, total, ends_whole = [0], 0, True
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            total += chunk.count(b"\n")
            ends_whole = chunk.endswith(b"\n")
            counts.append(total)
    if not ends_whole:
        counts[-1] += 1
    return tuple(counts)
