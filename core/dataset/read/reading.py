"""Reading an upload record by record, in constant memory, whatever it was saved with.

The name tells the kind of the rows. The first bytes tell how the file is compressed and whether it
is Parquet, whatever the name says: browsers unpack on their way, people rename.
"""

import codecs
import contextlib
import io
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO

from core.dataset.format import BadRow, show
from core.dataset.read.compressed import CHUNK_BYTES, NAMES, Unpacked, compression_of, spool
from core.dataset.read.csv_dialect import Dialect, find_dialect
from core.dataset.read.csv_rows import read_csv
from core.dataset.read.encoding import (
    ENCODINGS,
    MARK,
    PROBE_BYTES,
    codec_of,
    decode_head,
    find_encoding,
    require_text,
)
from core.dataset.read.json_lines import read_json_lines
from core.dataset.read.json_list import is_json_lines, read_json
from core.dataset.read.paragraphs import read_paragraphs
from core.dataset.read.parquet import read_parquet
from core.dataset.read.record import CHUNK, Record
from core.errors import DatasetError

KINDS = ("jsonl", "json", "csv", "tsv", "txt", "parquet")
COMPRESSIONS = ("gz", "zst")
PARQUET = b"PAR1"
EMPTY = "the file is empty. Choose one with rows in it"


def kind_of(file_name: str) -> tuple[str, str]:
    """What the name says: kind of rows, and compression or nothing.

    Raises DatasetError for a file that cannot be read.
    """
    name, _, last = Path(file_name).name.lower().rpartition(".")
    compression = last if last in COMPRESSIONS else ""
    if compression:
        name, _, last = name.rpartition(".")
    kind = "jsonl" if last == "ndjson" else last
    if not name or kind not in KINDS:
        known = ", ".join(f".{kind}" for kind in KINDS)
        raise DatasetError(
            f"{show(file_name)}: cannot be read. Save it as one of {known}, also with .gz or .zst"
        )
    return kind, compression


class Reading:
    """A file being read.

    `encoding` is one of ENCODINGS; without it, it is found out. Raises DatasetError, as `records`
    does, when the file cannot be read.
    """

    def __init__(self, path: Path, file_name: str, encoding: str = "") -> None:
        self.kind, _ = kind_of(file_name)
        self.compression = self.encoding = self.delimiter = ""
        self._path, self._name = path, show(file_name)
        self._raw: BinaryIO | None = None
        self._stream: io.BufferedReader | None = None
        self._done = 0
        self._has_lines = self._has_lone_returns = False
        self._dialect = Dialect()
        with self._told_errors():
            self.total_bytes = self._size()
            with self._open() as stream:
                head = stream.read(PROBE_BYTES)
                if not head:
                    raise DatasetError(_failure(stream) or EMPTY)
        self._find_kind(head)
        if self.kind != "parquet":
            self._find_form(head, encoding)
        self._done = 0

    @property
    def bytes_done(self) -> int:
        """How far the file on disk has been read."""
        if self._raw and not self._raw.closed:
            self._done = self._raw.tell()
        return self._done

    @property
    def is_plain_lines(self) -> bool:
        """Whether the file can be read from the beginning of any line on: JSON Lines in UTF-8."""
        is_utf8 = self.encoding == "utf-8" and not self._has_lone_returns
        return self._has_lines and is_utf8 and not self.compression

    def records(self) -> Iterator[Record | BadRow]:
        """Every record of the file in order; those that cannot be read come as BadRow.

        Raises DatasetError when nothing after some line can be read.
        """
        with self._told_errors(), self._open() as stream:
            if self.compression:
                yield from self._read_unpacked(stream)
            else:
                yield from self._read(stream)
        self._done = self.total_bytes

    def close(self) -> None:
        """Let go of the file."""
        if self._stream:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _told_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise DatasetError(f"{self._name} cannot be read: {reason}") from error

    def _size(self) -> int:
        found = self._path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DatasetError(f"{self._name} is no file that can be read")
        if not found.st_size:
            raise DatasetError(EMPTY)
        return found.st_size

    def _open(self) -> io.BufferedReader:
        """The bytes of the file, unpacked."""
        raw = self._raw = self._path.open("rb", buffering=0)
        self.compression = compression_of(raw.read(8))
        raw.seek(0)
        source = Unpacked(raw, self.compression) if self.compression else raw
        self._stream = io.BufferedReader(source, CHUNK_BYTES)
        return self._stream

    def _find_kind(self, head: bytes) -> None:
        twice = compression_of(head)
        if self.compression and twice:
            raise DatasetError(
                f"this is compressed twice, inside with {NAMES[twice]}: unpack it once"
            )
        if head.startswith(PARQUET):
            self.kind = "parquet"
            return
        require_text(head)
        if self.kind == "parquet":
            raise DatasetError(
                f"{self._name} is not Parquet. Give it the extension of what it is, such as .jsonl"
            )

    def _find_form(self, head: bytes, encoding: str) -> None:
        """Find out how text is written."""
        if encoding and encoding not in ENCODINGS:
            raise DatasetError(
                f"the encoding {show(encoding)} is not known: {', '.join(ENCODINGS)}"
            )
        self.encoding = encoding or find_encoding(head)
        text = decode_head(head, self.encoding)
        self._has_lone_returns = "\r" in text and "\n" not in text
        text = text.replace("\r", "\n") if self._has_lone_returns else text
        if self.kind in ("csv", "tsv"):
            self._dialect = find_dialect(text[:CHUNK], self.kind)
            self.delimiter = self._dialect.delimiter
        elif self.kind != "txt":
            self._has_lines = is_json_lines(text, self.kind)

    def _read_unpacked(self, stream: io.BufferedReader) -> Iterator[Record | BadRow]:
        """As `_read`, and where a broken archive ends, that is what is told."""
        line = 0
        try:
            for record in self._read(stream):
                line = record.line
                yield record
        except DatasetError:
            if not _failure(stream):
                raise
        if failure := _failure(stream):
            raise DatasetError(f"after line {line:,}: {failure}")

    def _read(self, stream: io.BufferedReader) -> Iterator[Record | BadRow]:
        if self.kind == "parquet":
            return self._read_parquet(stream)
        if self._has_lines and self.encoding == "utf-8" and not self._has_lone_returns:
            if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                stream.seek(0)
            return read_json_lines(stream)
        return self._read_text(stream)

    def _read_text(self, stream: io.BufferedReader) -> Iterator[Record | BadRow]:
        # A CSV keeps the ends of lines within its cells as they are.
        newline = "" if self.delimiter else None
        codec = codec_of(self.encoding)
        with io.TextIOWrapper(stream, codec, errors=MARK, newline=newline) as file:
            yield from self._read_letters(file)

    def _read_letters(self, file: TextIO) -> Iterator[Record | BadRow]:
        if self.delimiter:
            return read_csv(file, self._dialect)
        if self.kind == "txt":
            return read_paragraphs(file)
        return read_json_lines(file) if self._has_lines else read_json(file)

    def _read_parquet(self, stream: io.BufferedReader) -> Iterator[Record | BadRow]:
        file: BinaryIO = stream
        if self.compression:
            # Parquet is read from its end.
            file = spool(stream, self._path.parent)
            if failure := _failure(stream):
                raise DatasetError(failure)
        self._raw = None
        with file:
            yield from read_parquet(file, self._tell)

    def _tell(self, part: float) -> None:
        self._done = int(part * self.total_bytes)


def _failure(stream: io.BufferedReader) -> str:
    """Why the stream ended too early; empty when it did not."""
    source = stream.raw
    return source.failure if isinstance(source, Unpacked) else ""
