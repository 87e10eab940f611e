"""CSV with whatever delimiter and quotes it was saved, row by row.

Python's csv module parses; around it are kept the line each row begins at and the lines to go on
with after a broken one. Others were tried on tests/data/messy and on 100 MB (MB per second of CPU,
peak memory):
- DuckDB 2.0 (133, 235 MB): no lines for good rows; an unclosed quote costs all rows after it or,
  where DuckDB guesses the quotes, becomes text; a header in the middle and NUL pass as rows.
- Polars 2.1 (145, 395 MB): drops and fills ragged cells without a word; no lines, no reasons; one
  bad quote or byte ends the file.
- PyArrow 26 (237, 109 MB): an unclosed quote swallows rows without a word; counts rows, not lines;
  Latin-1 comes as bytes; a row longer than its block ends the file.
- csv as used here (73, 24 MB): names and counts all of these, and goes on.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterator
from typing import TextIO

from core.dataset.format import BadRow, show
from core.dataset.read.csv_dialect import SEPARATOR, Dialect
from core.dataset.read.encoding import flaw_in
from core.dataset.read.record import CHUNK, MAX_RECORD_CHARACTERS, TOO_LONG, Record
from core.errors import DatasetError

NEVER_CLOSED = "a quote that begins here is never closed"
AFTER_QUOTE = "text stands behind a closing quote: a quote within a cell has to be doubled"


def read_csv(file: TextIO, dialect: Dialect) -> Iterator[Record | BadRow]:
    """Every row under the names of the first. Raises DatasetError when those cannot be read."""
    # A cell is never the first to be too long: its row is, and that is seen to.
    csv.field_size_limit(2 * MAX_RECORD_CHARACTERS)
    rows = _read_rows(_Lines(file), dialect)
    header = _read_header(rows)
    for row in rows:
        if isinstance(row, BadRow):
            yield row
        elif any(map(str.strip, row.value)):
            yield header.name(row.line, row.value)


class _Header:
    """The names of the columns."""

    def __init__(self, cells: list[str]) -> None:
        self._cells = cells
        self._width = len(cells)
        self._names = [cell.strip() or f"column {at}" for at, cell in enumerate(cells, 1)]
        self._all_named = all(map(str.strip, cells))

    def find_twice(self) -> str:
        """A name that two columns have."""
        return next((name for name, count in Counter(self._names).items() if count > 1), "")

    def name(self, line: int, cells: list[str]) -> Record | BadRow:
        """The cells under their names."""
        if cells == self._cells:
            return BadRow(line, "the names of the columns once more", show(" | ".join(cells)))
        if len(cells) != self._width and not self._fits(cells):
            count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            reason = f"{count} where the header names {self._width} columns"
            return BadRow(line, reason, show(" | ".join(cells)))
        row = dict(zip(self._names, cells, strict=False))
        return Record(line, row if self._all_named else self._without_empty(row))

    def _fits(self, cells: list[str]) -> bool:
        return len(cells) > self._width and not any(map(str.strip, cells[self._width :]))

    def _without_empty(self, row: dict[str, str]) -> dict[str, str]:
        # An empty column without a name is what a trailing delimiter leaves.
        return {
            name: cell
            for (name, cell), given in zip(row.items(), self._cells, strict=True)
            if given.strip() or cell.strip()
        }


def _read_header(rows: Iterator[Record | BadRow]) -> _Header:
    first = next(
        (row for row in rows if isinstance(row, BadRow) or any(map(str.strip, row.value))), None
    )
    if first is None:
        return _Header([])
    if isinstance(first, BadRow):
        raise DatasetError(
            f"line {first.line}: the names of the columns cannot be read: {first.reason}"
        )
    header = _Header(first.value)
    if twice := header.find_twice():
        raise DatasetError(
            f"line {first.line}: two columns are called `{show(twice)}`. Rename one of them"
        )
    return header


def _read_rows(lines: "_Lines", dialect: Dialect) -> Iterator[Record | BadRow]:
    """The cells of every row. After a broken one, reading goes on with the line that follows."""
    reader = dialect.reader(lines)
    while True:
        line = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_open = len(lines.row) > 1 or "unexpected end" in str(error)
            yield BadRow(line, NEVER_CLOSED if is_open else AFTER_QUOTE, lines.ahead())
            lines.give_back()
        except _TooLong:
            content = lines.ahead()
            is_closed = lines.skip_row(dialect)
            yield BadRow(line, TOO_LONG if is_closed else NEVER_CLOSED, content)
            if not is_closed:
                lines.rewind(line)
        else:
            if lines.flaw:
                yield BadRow(line, lines.flaw, lines.ahead())
            elif line > 1 or not SEPARATOR.match(lines.row[0]):
                yield Record(line, cells)


class _TooLong(Exception):
    """The lines of a row are too many to hold."""


class _Lines:
    """The lines of a file, which can be given back when they turn out to be no row."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._given_back: deque[str] = deque()
        self._size = 0
        self._number = 0
        self.row: list[str] = []
        self.flaw = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._given_back:
            line = self._given_back.popleft()
        else:
            line = self._file.readline(MAX_RECORD_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.row.append(line)
        self._size += len(line)
        if self._size > MAX_RECORD_CHARACTERS:
            raise _TooLong
        if not line.isascii() or "\0" in line:
            self.flaw = self.flaw or flaw_in(line)
        return line

    def begin(self) -> int:
        """Begin a row; returns its line."""
        self.row = []
        self._size = 0
        self.flaw = ""
        return self._number + 1

    def ahead(self) -> str:
        """How the row begins."""
        return show("".join(self.row[:50])[:1000].strip())

    def give_back(self) -> None:
        """All lines of the row but the first will come again."""
        self._given_back.extendleft(reversed(self.row[1:]))
        self._number -= len(self.row) - 1

    def skip_row(self, dialect: Dialect) -> bool:
        """Go to the end of a row that is too long; False when its quote is never closed."""
        is_open = sum(map(dialect.count_quotes, self.row)) % 2 == 1
        is_ended = self.row[-1].endswith(("\n", "\r"))
        while is_open or not is_ended:
            piece = self._file.readline(CHUNK)
            if not piece:
                return not is_open
            self._number += is_ended
            is_open ^= dialect.count_quotes(piece) % 2 == 1
            is_ended = piece.endswith(("\n", "\r"))
        return True

    def rewind(self, line: int) -> None:
        """Go on after this line, which was passed."""
        self._file.seek(0)
        self._number = 0
        is_ended = True
        while self._number < line or not is_ended:
            piece = self._file.readline(CHUNK)
            self._number += is_ended
            is_ended = piece.endswith(("\n", "\r")) or not piece
