"""Parquet, row by row, a small batch at a time."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from core.dataset.format import BadRow, show
from core.dataset.read.compressed import MAX_RATIO, UNCHECKED_BYTES
from core.dataset.read.record import MAX_DEPTH, MAX_RECORD_CHARACTERS, TOO_LONG, Record
from core.dataset.read.value import to_plain
from core.errors import DatasetError

PIECE_BYTES = 4 * 1024 * 1024
"""So much is made into values of Python at once, when more than one row takes it."""

BATCH_BYTES = 32 * 1024 * 1024
MAX_BATCH_ROWS = 1000
FEW_ROWS = 64
"""Of a column that holds much, where some rows may be far longer than others."""

SHARED_BYTES = 16 * 1024 * 1024
"""A column with no more beside its dictionary is read with the texts that occur again just once.

Not so larger ones: while a row group is read, all these texts are kept.
"""
READ_BYTES = 1024 * 1024
DICTIONARY_PAGE = 2
LEAF_BYTES, NODE_BYTES = 8, 64
"""What a value, and a list or an object, takes at least."""


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
        for batch in _batches(file, table.metadata):
            for piece in _pieces(batch):
                yield from _read_piece(piece, row)
                row += piece.num_rows
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


def _batches(file: BinaryIO, metadata: Any) -> Iterator[Any]:
    """The rows, a few at a time. A text that many rows refer to is in memory once."""
    import pyarrow.parquet

    tables: dict[frozenset[str], Any] = {}
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        if not group.num_rows:
            continue
        shared, size = _plan(file, group, metadata.schema)
        # Those before it are let go of, with what they hold.
        tables = {shared: tables.get(shared)}
        table = tables[shared] = tables[shared] or pyarrow.parquet.ParquetFile(
            file,
            metadata=metadata,
            read_dictionary=sorted(shared),
            buffer_size=READ_BYTES,
            pre_buffer=False,
        )
        # One group at a time: of nested columns, Arrow cannot join the dictionaries of two.
        yield from table.iter_batches(batch_size=size, row_groups=[at], use_threads=False)


def _plan(file: BinaryIO, group: Any, schema: Any) -> tuple[frozenset[str], int]:
    """The columns of the group to be read with shared texts, and how many rows at once."""
    shared: set[str] = set()
    widths = [1.0]
    for at in range(group.num_columns):
        column = group.column(at)
        held, values = column.total_uncompressed_size, column.num_values / group.num_rows
        if column.physical_type != "BYTE_ARRAY":
            widths.append(values * max(LEAF_BYTES, schema.column(at).length))
            continue
        if "DELTA_BYTE_ARRAY" in column.encodings:
            # Each value is told by how it differs from the one before it.
            widths.append(max(1.0, values) * held)
            continue
        longest = _dictionary_bytes(file, column)
        if held + column.num_values * longest <= SHARED_BYTES:
            continue
        # Sharing keeps the dictionary several times; only rows with lists cannot do without.
        has_lists = schema.column(at).max_repetition_level > 0
        can_share = 0 < longest >= held - SHARED_BYTES
        if can_share and (has_lists or longest <= SHARED_BYTES):
            shared.add(column.path_in_schema)
            widths.append(values * LEAF_BYTES)
        elif held > SHARED_BYTES:
            widths += [BATCH_BYTES / FEW_ROWS, max(1.0, values) * longest, held / group.num_rows]
    return frozenset(shared), max(1, min(MAX_BATCH_ROWS, int(BATCH_BYTES / max(widths))))


def _dictionary_bytes(file: BinaryIO, column: Any) -> int:
    """How long the column's dictionary is, and so its longest entry at most; 0 without one.

    It is told by the head of the page, with which the page is unpacked, and not by the footer.
    """
    file.seek(column.dictionary_page_offset or column.data_page_offset)
    numbers: list[int] = []
    head = iter(file.read(32))
    for _ in range(2):
        # Thrift's compact protocol: the next field, a number; low bits first, the sign last.
        if next(head, None) != 0x15:
            return int(column.total_uncompressed_size)
        number = shift = 0
        for byte in head:
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        numbers.append(number >> 1)
    kind, size = numbers
    return size if kind == DICTIONARY_PAGE else 0


def _groups(metadata: Any) -> list[Any]:
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    return [group for group in groups if group.num_rows]


def _pieces(batch: Any) -> Iterator[Any]:
    """The batch in parts that stay small when every row has its own copy of each text."""
    if batch.num_rows > 1 and sum(map(_size, batch.columns)) > PIECE_BYTES:
        half = batch.num_rows // 2
        yield from _pieces(batch.slice(0, half))
        yield from _pieces(batch.slice(half))
    else:
        yield batch


def _size(array: Any) -> int:
    """What the values take at least, each with its own copy of its text."""
    from pyarrow import compute, types

    kind = array.type
    if types.is_dictionary(kind):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return LEAF_BYTES * len(array) + int(compute.sum(lengths).as_py() or 0)
    if types.is_struct(kind):
        return NODE_BYTES * len(array) + sum(map(_size, array.flatten()))
    if types.is_map(kind):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        parts = (part.slice(start, end - start) for part in (array.keys, array.items))
        return NODE_BYTES * len(array) + sum(map(_size, parts))
    if types.is_nested(kind):
        return NODE_BYTES * len(array) + _size(array.flatten())
    return max(LEAF_BYTES * len(array), int(array.nbytes))


def _read_piece(piece: Any, row: int) -> Iterator[Record | BadRow]:
    if piece.num_rows == 1:
        yield _read_one(piece, row + 1)
        return
    try:
        values = _unshared(piece).to_pylist()
    except (ValueError, TypeError, OverflowError):
        # Some row holds what Python cannot: only that one is left out.
        for at in range(piece.num_rows):
            yield _read_one(piece.slice(at, 1), row + at + 1)
        return
    odd = _find_odd(piece)
    for line, value in enumerate(values, row + 1):
        yield _to_record(line, value, odd)


def _read_one(piece: Any, line: int) -> Record | BadRow:
    if sum(map(_size, piece.columns)) > MAX_RECORD_CHARACTERS:
        return BadRow(line, TOO_LONG, "")
    try:
        (value,) = _unshared(piece).to_pylist()
    except (ValueError, TypeError, OverflowError) as error:
        return BadRow(line, f"a value cannot be read: {show(str(error))}", "")
    return _to_record(line, value, _find_odd(piece))


def _unshared(piece: Any) -> Any:
    """The piece with a text of its own in every row: Python makes values of these faster."""
    import pyarrow

    schema = pyarrow.schema([(field.name, _unshared_type(field.type)) for field in piece.schema])
    if schema.types == piece.schema.types:
        return piece
    # A cast of a slice goes through all that its lists are slices of.
    return piece.take(pyarrow.array(range(piece.num_rows))).cast(schema)


def _unshared_type(kind: Any) -> Any:
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(kind):
        return kind.value_type
    if types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        return pyarrow.struct([field.with_type(_unshared_type(field.type)) for field in fields])
    if types.is_map(kind):
        return pyarrow.map_(
            kind.key_field.with_type(_unshared_type(kind.key_type)),
            kind.item_field.with_type(_unshared_type(kind.item_type)),
        )
    if types.is_list(kind):
        return pyarrow.list_(kind.value_field.with_type(_unshared_type(kind.value_type)))
    if types.is_large_list(kind):
        return pyarrow.large_list(kind.value_field.with_type(_unshared_type(kind.value_type)))
    return kind


def _to_record(line: int, value: dict[str, Any], odd: list[str]) -> Record | BadRow:
    try:
        for name in odd:
            value[name] = to_plain(value[name])
    except ValueError as error:
        return BadRow(line, str(error), show(value))
    return Record(line, value)


def _find_odd(batch: Any) -> list[str]:
    """The columns whose values may not be as JSON knows them."""
    return [field.name for field in batch.schema if not _is_plain(field.type)]


def _is_plain(kind: Any, depth: int = 0) -> bool:
    from pyarrow import types

    if depth == MAX_DEPTH:
        return False
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type, depth)
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type, depth + 1)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(at).type, depth + 1) for at in range(kind.num_fields))
    known = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean)
    return any(is_known(kind) for is_known in known)
