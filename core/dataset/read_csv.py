"""CSV with whatever delimiter it was saved, record by record."""

import contextlib
import csv
import io
import itertools
from collections.abc import Iterator
from typing import Any, TextIO

from core.dataset.format import BadRow, show
from core.dataset.record import CHUNK, MAX_RECORD_CHARACTERS, Record
from core.errors import DatasetError

DELIMITERS = ",;\t|"


def read_csv(file: TextIO) -> Iterator[Record | BadRow]:
    csv.field_size_limit(MAX_RECORD_CHARACTERS)
    sample = file.read(CHUNK)
    delimiter = find_delimiter(sample)
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        header = next((cells for cells in reader if any(cells)), [])
    except csv.Error as error:
        raise DatasetError(f"line 1: the names of the columns cannot be read: {error}") from error
    names = [name.strip() for name in header]
    twice = next((name for name in names if name and names.count(name) > 1), "")
    if twice:
        raise DatasetError(
            f"line {reader.line_num}: two columns are called `{show(twice)}`. Rename one of them"
        )
    yield from _csv_rows(reader, names)


def _csv_rows(reader: Any, header: list[str]) -> Iterator[Record | BadRow]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, _explain_csv(error, line, reader.line_num), "")
            continue
        if any(cell.strip() for cell in cells):
            yield _csv_record(line, header, cells)


def _csv_record(line: int, header: list[str], cells: list[str]) -> Record | BadRow:
    spare = cells[len(header) :]
    if len(cells) < len(header) or any(cell.strip() for cell in spare):
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        reason = f"{count} where the header names {len(header)} columns"
        return BadRow(line, reason, show(" | ".join(cells)))
    # A column without a name is what a trailing delimiter leaves.
    return Record(line, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def _explain_csv(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end" in str(error):
        return f"a quote that begins here is never closed; lines {first} to {last} are left out"
    return f"broken CSV: {error}"


def find_delimiter(sample: str) -> str:
    """The delimiter under which most lines have as many cells as the header; a comma at a loss."""
    scores = {delimiter: _score(sample, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    return best if scores[best] > (0.0, 1) else ","


def _score(sample: str, delimiter: str) -> tuple[float, int]:
    rows: list[int] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    # A sample that ends inside a quote is no fault of the delimiter: the rows before it count.
    with contextlib.suppress(csv.Error):
        for cells in itertools.islice(reader, 20):
            rows.append(len(cells))
    if not rows or rows[0] < 2:
        return 0.0, 1
    return sum(count == rows[0] for count in rows) / len(rows), rows[0]
