"""Reading an upload record by record, in constant memory, whatever it was saved with."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from core.dataset.format import BadRow, show
from core.dataset.read_csv import read_csv
from core.dataset.read_json import WRAPPED, read_json, read_json_lines
from core.dataset.read_text import read_paragraphs
from core.dataset.record import CHUNK, Record
from core.errors import DatasetError

EXTENSIONS = ("jsonl", "json", "csv", "txt")


def extension_of(file_name: str) -> str:
    """The extension of a file that can be read. Raises DatasetError for any other."""
    extension = Path(file_name).suffix.lower().removeprefix(".")
    if extension not in EXTENSIONS:
        known = ", ".join(f".{name}" for name in EXTENSIONS)
        raise DatasetError(f"{show(file_name)}: cannot be read. Save it as one of {known}")
    return extension


def read_records(path: Path, extension: str, encoding: str) -> Iterator[Record | BadRow]:
    """Every record of the file in order; those that cannot be read come as BadRow.

    Raises DatasetError when nothing after some line can be read.
    """
    reader = _choose_reader(path, extension, encoding)
    newline = "" if extension == "csv" else None
    with path.open(encoding=encoding, errors="replace", newline=newline) as file:
        yield from reader(file)


def _choose_reader(
    path: Path, extension: str, encoding: str
) -> Callable[[TextIO], Iterator[Record | BadRow]]:
    if extension == "csv":
        return read_csv
    if extension == "txt":
        return read_paragraphs
    with path.open(encoding=encoding, errors="replace") as file:
        head = file.read(CHUNK).lstrip()
    if head.startswith("[") or WRAPPED.match(head):
        return read_json
    if extension == "json" and not _is_json(head.partition("\n")[0]):
        return read_json
    return read_json_lines


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
