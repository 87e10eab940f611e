"""The first rows of an arrival, from which its format is recognised. Reads no more than them."""

import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.dataset.arrival.folder import FolderReading, open_reading
from core.dataset.convert import Converter
from core.dataset.format import BadRow, Format, Recognition, Row, RowError, recognise_rows, show
from core.dataset.making.write_rows import HEAD_ROWS
from core.dataset.read.compressed import CHUNK_BYTES, Unpacked
from core.dataset.read.reading import Reading
from core.dataset.read.record import Record
from core.errors import DatasetError
from core.files import Stamp

MAX_HEAD_BYTES = 64 * 1024 * 1024
MAX_COLUMNS = 200
PACKED_PARQUET = "Unpack it first: Parquet is compressed already."


@dataclass(frozen=True)
class Head:
    """The first rows and bad rows, the columns in them, and what format they seem to have.

    `problem` is a sentence on why nothing can be read.
    """

    records: tuple[Record | BadRow, ...] = ()
    columns: tuple[str, ...] = ()
    recognition: Recognition | None = None
    facts: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Converted:
    """A row as it came and the row that is made of it; without one, why it would be left out."""

    line: int
    raw: object
    row: Row | None
    reason: str = ""


@st.cache_resource(max_entries=4, show_spinner=False)
def look(path: Path, changed: Stamp) -> Head:
    """The head of a file, or of a folder of .txt files; read again only when it has changed."""
    try:
        with open_reading(path) as reading:
            if _must_be_unpacked(reading, path):
                return Head(facts=_facts(reading), problem=PACKED_PARQUET)
            return _look(reading)
    except (DatasetError, OSError) as error:
        return Head(problem=str(error))


def _must_be_unpacked(reading: Reading | FolderReading, path: Path) -> bool:
    """Whether the first rows cost as much as many: Parquet is read from its end."""
    if reading.kind != "parquet" or not reading.compression:
        return False
    if reading.total_bytes > MAX_HEAD_BYTES:
        return True
    unpacked = 0
    with Unpacked(path.open("rb", buffering=0), reading.compression) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            unpacked += len(chunk)
            if unpacked > MAX_HEAD_BYTES:
                return True
    return False


def _look(reading: Reading | FolderReading) -> Head:
    records: list[Record | BadRow] = []
    problem = ""
    held = 0
    try:
        for record in itertools.islice(reading.records(), HEAD_ROWS):
            records.append(record)
            held += _size(record.value) if isinstance(record, Record) else 0
            if max(held, reading.bytes_done) > MAX_HEAD_BYTES:
                break
    except DatasetError as error:
        problem = "" if records else str(error)
    values = [record.value for record in records if isinstance(record, Record)]
    names = dict.fromkeys(
        str(name) for value in values if isinstance(value, dict) for name in value
    )
    return Head(
        records=tuple(records),
        columns=tuple(itertools.islice(names, MAX_COLUMNS)),
        recognition=recognise_rows(values),
        facts=_facts(reading),
        problem=problem or ("" if records else "There are no rows in it."),
    )


def _size(value: object) -> int:
    """What the value and all within it take in memory."""
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = itertools.chain(value, value.values())
    elif isinstance(value, list):
        parts = value
    return sys.getsizeof(value) + sum(map(_size, parts))


def _facts(reading: Reading | FolderReading) -> tuple[str, ...]:
    """How the file is read, as far as that is worth a word."""
    return tuple(
        text
        for text in (
            f".{reading.kind}",
            f"compressed (.{reading.compression})" if reading.compression else "",
            reading.encoding,
            f"columns parted by {_delimiter_text(reading.delimiter)}" if reading.delimiter else "",
        )
        if text
    )


def _delimiter_text(delimiter: str) -> str:
    return {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}.get(delimiter, show(delimiter))


def convert_head(head: Head, form: Format, system_prompt: str) -> list[Converted]:
    """Each of the first rows as it would be written."""
    converter = Converter(form, system_prompt.strip())
    return [_convert(record, converter) for record in head.records]


def _convert(record: Record | BadRow, converter: Converter) -> Converted:
    if isinstance(record, BadRow):
        return Converted(record.line, record.content, None, record.reason)
    try:
        return Converted(record.line, record.value, converter.convert(record.value))
    except RowError as error:
        return Converted(record.line, record.value, None, str(error))
