"""A folder of .txt files, read as if it were one file."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.dataset.format import BadRow, show
from core.dataset.read.reading import Reading
from core.dataset.read.record import Record
from core.errors import DatasetError

SUFFIX = ".txt"


def open_reading(path: Path, encoding: str = "") -> "Reading | FolderReading":
    """Read a file, or the .txt files of a folder."""
    return FolderReading(path, encoding) if path.is_dir() else Reading(path, path.name, encoding)


def list_documents(folder: Path) -> list[Path]:
    """The .txt files in the folder and in those below it, sorted; hidden ones and links are not."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == SUFFIX
        and not path.is_symlink()
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def total_bytes(path: Path) -> int:
    """The size of a file, or of all the documents of a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(document.stat().st_size for document in list_documents(path))


class FolderReading:
    """Reads the documents one after the other, in constant memory: a record per paragraph.

    Each record names its `file`; lines are counted within it.
    """

    kind = "txt"
    compression = ""
    delimiter = ""

    def __init__(self, folder: Path, encoding: str = "") -> None:
        self.encoding = encoding
        self._folder = folder
        self._documents = list_documents(folder)
        sizes = [document.stat().st_size for document in self._documents]
        self.total_bytes = sum(sizes)
        self._read_bytes = 0
        self._reading: Reading | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reading = None

    @property
    def bytes_done(self) -> int:
        """How far it is, in bytes of the files."""
        return self._read_bytes + (self._reading.bytes_done if self._reading else 0)

    def records(self) -> Iterator[Record | BadRow]:
        """Every paragraph of every document; a document that is no text comes as one BadRow."""
        for document in self._documents:
            name = show(document.relative_to(self._folder).as_posix())
            try:
                yield from self._records_of(document, name)
            except (DatasetError, OSError) as error:
                yield BadRow(1, f"{name}: {error}", "")
            self._reading = None
            self._read_bytes += document.stat().st_size if document.exists() else 0

    def _records_of(self, document: Path, name: str) -> Iterator[Record | BadRow]:
        if document.stat().st_size == 0:
            yield BadRow(1, f"{name}: the file is empty", "")
            return
        with Reading(document, document.name, self.encoding) as reading:
            self._reading = reading
            for record in reading.records():
                yield _named(record, name)


def _named(record: Record | BadRow, name: str) -> Record | BadRow:
    if isinstance(record, BadRow):
        return BadRow(record.line, f"{name}: {record.reason}", record.content)
    value: Any = record.value
    return Record(record.line, {"file": name, **value} if isinstance(value, dict) else value)
