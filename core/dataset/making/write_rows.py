"""From a file to the rows that Axolotl reads, in one pass and in constant memory."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.dataset.format import EXPECTED, BadRow, Format, recognise_rows, show
from core.dataset.making.choices import STOP, Choices
from core.dataset.making.row_tally import RowTally
from core.dataset.making.row_writer import BadRowsError, RowWriter
from core.dataset.making.side_by_side import can_share, write_side_by_side
from core.dataset.making.watch import READING, Watch
from core.dataset.read.reading import Reading
from core.dataset.read.record import Record
from core.errors import DatasetError

HEAD_ROWS = 50
WATCH_EVERY_ROWS = 256
BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A file that becomes a dataset. `is_ours` tells that it need not be copied."""

    path: Path
    file_name: str
    sha256: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class Written:
    """What became of the rows of one file."""

    form: Format
    writer: RowWriter
    encoding: str

    @property
    def rows(self) -> RowTally:
        return self.writer.rows


def write_rows(source: Source, target: Path, choices: Choices, watch: Watch) -> Written:
    """Write every good row to `target`. Raises DatasetError when there is none."""
    with Reading(source.path, source.file_name, choices.encoding) as reading:
        records = reading.records()
        head = list(itertools.islice(records, HEAD_ROWS))
        form = choices.form or recognise_head(head)
        parts = can_share(source.path) if reading.is_plain_lines else 1
        if parts > 1 and choices.on_bad_row != STOP:
            writer = write_side_by_side(source.path, target, form, choices, parts, watch)
        else:
            writer = RowWriter(form, choices)
            with target.open("wb", BUFFER_BYTES) as file:
                writer.write(_watched(itertools.chain(head, records), reading, writer, watch), file)
    if writer.rows.rows == 0:
        raise BadRowsError(_describe_all_bad(writer.rows), writer.rows)
    return Written(form, writer, reading.encoding)


def recognise_head(head: Iterable[Record | BadRow]) -> Format:
    """The format of the first rows. Raises DatasetError saying what there is instead of one."""
    head = list(head)
    values = [record.value for record in head if isinstance(record, Record)]
    found = recognise_rows(values)
    if found is None:
        raise DatasetError(_describe_unknown(head, values))
    return found.form


def _watched(
    records: Iterable[Record | BadRow], reading: Reading, writer: RowWriter, watch: Watch
) -> Iterator[Record | BadRow]:
    """The records, telling how far they are from time to time."""
    rows = writer.rows
    for number, record in enumerate(records):
        if number % WATCH_EVERY_ROWS == 0:
            watch(READING, reading.bytes_done, reading.total_bytes, rows.rows, rows.bad_rows)
        yield record


def _describe_unknown(head: list[Record | BadRow], values: list[object]) -> str:
    names = dict.fromkeys(
        show(name) for value in values if isinstance(value, dict) for name in value
    )
    if names:
        found = "the columns are " + ", ".join(f"`{name}`" for name in list(names)[:50])
        return f"{found}. Expected {EXPECTED}, or choose what each column is"
    bad = next((row for row in head if isinstance(row, BadRow)), None)
    if bad:
        return f"line {bad.line}: {bad.reason}. No row could be read; expected {EXPECTED}"
    if values:
        return f"the rows have no names for what they hold. Expected {EXPECTED}"
    return f"the file has no rows. Expected {EXPECTED}"


def _describe_all_bad(tally: RowTally) -> str:
    first = tally.bad[0]
    return (
        f"none of the {tally.bad_rows:,} rows can be used. The first problem is on line "
        f"{first.line}: {first.reason}. Expected {EXPECTED}"
    )
