"""Parquet, row by row, a small batch at a time."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from core.dataset.format import BadRow, show
from core.dataset.read.compressed import MAX_RATIO, UNCHECKED_BYTES
from core.dataset.read.record import MAX_DEPTH, MAX_RECORD_CHARACTERS, Record
from core.dataset.read.value import to_plain
from core.errors import DatasetError

BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_ROWS = 1000
READ_BYTES = 1024 * 1024


def read_parquet(file: BinaryIO, tell: Callable[[float], None]) -> Iterator[Record | BadRow]:
    """Every row, the first being row 1; `tell` is told what part of the rows is read.

    Raises DatasetError when nothing after some row can be read.
    """
    # Takes a while to import, and only this reader needs it.
    import pyarrow
    import pyarrow.parquet

    row = 0
    try:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=READ_BYTES, pre_buffer=False)
        _check(table)
        size = _batch_rows(table.metadata)
        for batch in table.iter_batches(batch_size=size, use_threads=False):
            yield from _read_batch(batch, row)
            row += batch.num_rows
            tell(row / table.metadata.num_rows)
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        place = f"after row {row:,}: " if row else ""
        reason = show(str(error).strip())
        raise DatasetError(f"{place}the Parquet file cannot be read: {reason}") from error


def _check(table: Any) -> None:
    """Raises DatasetError when the columns cannot be told apart, or grow beyond measure."""
    names = Counter(table.schema_arrow.names)
    if twice := next((name for name, count in names.items() if count > 1), ""):
        raise DatasetError(f"two columns are called `{show(twice)}`. Rename one of them")
    for group in _groups(table.metadata):
        columns = [group.column(number) for number in range(group.num_columns)]
        packed = sum(column.total_compressed_size for column in columns)
        unpacked = sum(column.total_uncompressed_size for column in columns)
        if unpacked > max(UNCHECKED_BYTES, MAX_RATIO * packed):
            raise DatasetError(
                f"a row group grows to more than {MAX_RATIO} times its size, as no text does"
            )


def _batch_rows(metadata: Any) -> int:
    """So many rows as are a few MB together."""
    widths = [group.total_byte_size / group.num_rows for group in _groups(metadata)]
    return max(1, min(MAX_BATCH_ROWS, int(BATCH_BYTES / max([1.0, *widths]))))


def _groups(metadata: Any) -> list[Any]:
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    return [group for group in groups if group.num_rows]


def _read_batch(batch: Any, row: int) -> Iterator[Record | BadRow]:
    try:
        values = batch.to_pylist()
    except (ValueError, TypeError, OverflowError):
        # Some row holds what Python cannot: only that one is left out.
        for at in range(batch.num_rows):
            yield _read_one(batch.slice(at, 1), row + at + 1)
        return
    odd = _find_odd(batch)
    for line, value in enumerate(values, row + 1):
        yield _to_record(line, value, odd)


def _read_one(batch: Any, line: int) -> Record | BadRow:
    try:
        (value,) = batch.to_pylist()
    except (ValueError, TypeError, OverflowError) as error:
        return BadRow(line, f"a value cannot be read: {show(str(error))}", "")
    return _to_record(line, value, _find_odd(batch))


def _to_record(line: int, value: dict[str, Any], odd: list[str]) -> Record | BadRow:
    try:
        for name in odd:
            value[name] = to_plain(value[name])
    except ValueError as error:
        return BadRow(line, str(error), show(value))
    return Record(line, value)


def _find_odd(batch: Any) -> list[str]:
    """The columns whose values may not be as JSON knows them."""
    fields = list(batch.schema)
    may_be_long = batch.nbytes > MAX_RECORD_CHARACTERS
    return [field.name for field in fields if may_be_long or not _is_plain(field.type)]


def _is_plain(kind: Any, depth: int = 0) -> bool:
    from pyarrow import types

    if depth == MAX_DEPTH:
        return False
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type, depth + 1)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(at).type, depth + 1) for at in range(kind.num_fields))
    known = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean)
    return any(is_known(kind) for is_known in known)
