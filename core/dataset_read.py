"""Reading an upload record by record, in constant memory, whatever it was saved with."""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from core.dataset_format import BadRow, show
from core.errors import DatasetError

EXTENSIONS = ("jsonl", "json", "csv", "txt")
MAX_RECORD_CHARACTERS = 16 * 1024 * 1024
MAX_TEXT_CHARACTERS = 15_000
"""Axolotl cuts off a text after 64 times `sequence_len` tokens; shorter pieces lose nothing."""

CHUNK = 64 * 1024
DELIMITERS = ",;\t|"
WRAPPED = re.compile(r'\{\s*"(?:data|rows|examples|items|records|train)"\s*:\s*\[')
CONTROLS = frozenset(map(chr, [*range(9), *range(14, 32)]))
NO_TEXT = "this is no text: save it as JSON Lines, JSON, CSV or text"
SIGNATURES = {
    b"PK\x03\x04": "a ZIP or Excel file: unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"PAR1": "a Parquet file: save it as JSON Lines first",
    b"%PDF": "a PDF: save its text as .txt first",
}


@dataclass(frozen=True)
class Record:
    """One record of the upload, and the line it begins at."""

    line: int
    value: Any


class TextProbe:
    """Finds out how bytes that pass by are to be decoded."""

    def __init__(self) -> None:
        self._head = b""
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._is_windows = True
        self._has_nul = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if len(self._head) < 4096:
            self._head += chunk[:4096]
        self._has_nul = self._has_nul or b"\0" in chunk
        if not self._is_utf8:
            undefined = chunk.translate(None, b"\x81\x8d\x8f\x90\x9d")
            self._is_windows = self._is_windows and len(undefined) == len(chunk)
            return
        try:
            # Not told when the end has come: a file that stops inside a letter is still UTF-8.
            self._utf8.decode(chunk)
        except UnicodeDecodeError:
            self._is_utf8 = False

    def encoding(self) -> str:
        """The codec to read the text with. Raises DatasetError when it is no text."""
        for signature, advice in SIGNATURES.items():
            if self._head.startswith(signature):
                raise DatasetError(f"this is {advice}")
        codec = self._guess()
        head = self._head.decode(codec, errors="ignore")
        if sum(letter in CONTROLS for letter in head) > 0.02 * len(head):
            raise DatasetError(NO_TEXT)
        return codec

    def _guess(self) -> str:
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if self._has_nul:
            return self._encoding_with_nuls()
        if self._is_utf8:
            return "utf-8-sig"
        return "cp1252" if self._is_windows else "latin-1"

    def _encoding_with_nuls(self) -> str:
        """Letters of two bytes, of which every second is zero in Western text."""
        even, odd = self._head[0::2], self._head[1::2]
        if odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
            return "utf-16-le"
        if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
            return "utf-16-be"
        raise DatasetError(NO_TEXT)


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


def cut_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> Iterator[str]:
    """The text in pieces of at most `limit` characters, parted between words where possible."""
    while len(text) > limit:
        end = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        end = limit if end < 0 else end
        yield text[:end]
        text = text[end:].lstrip()
    yield text


def _choose_reader(
    path: Path, extension: str, encoding: str
) -> Callable[[TextIO], Iterator[Record | BadRow]]:
    if extension == "csv":
        return _read_csv
    if extension == "txt":
        return _read_paragraphs
    with path.open(encoding=encoding, errors="replace") as file:
        head = file.read(CHUNK).lstrip()
    if head.startswith("[") or WRAPPED.match(head):
        return _read_json
    if extension == "json" and not _is_json(head.partition("\n")[0]):
        return _read_json
    return _read_json_lines


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _read_json_lines(file: TextIO) -> Iterator[Record | BadRow]:
    number = 0
    while line := file.readline(MAX_RECORD_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_RECORD_CHARACTERS:
            _skip_line(file)
            yield BadRow(number, "longer than 16 million characters", show(line))
        elif line.strip():
            yield _parse_json_line(line, number)


def _skip_line(file: TextIO) -> None:
    while piece := file.readline(CHUNK):
        if piece.endswith("\n"):
            return


def _parse_json_line(line: str, number: int) -> Record | BadRow:
    try:
        return Record(number, json.loads(line))
    except json.JSONDecodeError as error:
        reason = f"broken JSON: {error.msg.removesuffix(' at')} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        reason = f"broken JSON: {show(str(error))}"
    return BadRow(number, reason, show(line.strip()))


def _read_json(file: TextIO) -> Iterator[Record | BadRow]:
    """The entries of a JSON list, or JSON objects one after the other."""
    window = _JsonWindow(file)
    in_list = window.enter_list()
    while first := window.peek():
        if in_list and first == "]":
            return
        if first == ",":
            window.skip_one()
            continue
        line = window.line
        yield Record(line, window.value())
    if in_list:
        raise DatasetError(f"line {window.line}: the list is not closed, so the file is cut off")


class _JsonWindow:
    """A piece of the file that moves along, from which JSON values are taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._decoder = json.JSONDecoder()
        self.line = 1

    def enter_list(self) -> bool:
        """Step into the list that holds the rows; False when the file has none around them."""
        self.peek()
        wrapped = WRAPPED.match(self._text, self._at)
        if wrapped:
            self._move(wrapped.end())
        elif self._text[self._at : self._at + 1] == "[":
            self._move(self._at + 1)
        else:
            return False
        return True

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._move(self._at + 1)
            if self._at < len(self._text) or not self._read_more():
                return self._text[self._at : self._at + 1]

    def skip_one(self) -> None:
        """Go past the next character."""
        self._move(self._at + 1)

    def value(self) -> Any:
        """The next JSON value. Raises DatasetError when it is broken."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                self._read_on_or_give_up(error)
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"line {self.line}: broken JSON: {show(str(error))}") from error
            else:
                self._move(end)
                return value

    def _read_on_or_give_up(self, error: json.JSONDecodeError) -> None:
        # A value that the window cuts off fails at its end, or at the string that is not closed.
        may_be_cut = error.pos > len(self._text) - 16 or error.msg.startswith("Unterminated")
        fits = len(self._text) - self._at <= MAX_RECORD_CHARACTERS
        if not (may_be_cut and fits and self._read_more()):
            line = self.line + self._text.count("\n", self._at, error.pos)
            raise DatasetError(
                f"line {line}: broken JSON: {error.msg}. Mend it, or save the rows as JSON Lines, "
                "where one broken row does not spoil the others"
            ) from error

    def _read_more(self) -> bool:
        rest = self._text[self._at :]
        more = self._file.read(max(CHUNK, len(rest)))
        self._text, self._at = rest + more, 0
        return bool(more)

    def _move(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to


def _read_csv(file: TextIO) -> Iterator[Record | BadRow]:
    csv.field_size_limit(MAX_RECORD_CHARACTERS)
    sample = file.read(CHUNK)
    delimiter = find_delimiter(sample)
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        header = next((cells for cells in reader if any(cells)), [])
    except csv.Error as error:
        raise DatasetError(f"line 1: the names of the columns cannot be read: {error}") from error
    yield from _csv_rows(reader, [name.strip() for name in header])


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
    try:
        for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            rows.append(len(cells))
            if len(rows) == 20:
                break
    except csv.Error:
        pass
    if not rows or rows[0] < 2:
        return 0.0, 1
    return sum(count == rows[0] for count in rows) / len(rows), rows[0]


def _read_paragraphs(file: TextIO) -> Iterator[Record | BadRow]:
    """Blocks of text between blank lines; a very long one in several pieces."""
    block: list[str] = []
    number, begun, size = 0, 1, 0
    while line := file.readline(MAX_TEXT_CHARACTERS):
        if line.strip() and size + len(line) <= MAX_TEXT_CHARACTERS:
            begun = begun if block else number + 1
            block.append(line)
            size += len(line)
        else:
            if block:
                yield Record(begun, {"text": "".join(block).strip()})
            block = [line] if line.strip() else []
            begun, size = number + 1, len(line) if block else 0
        number += line.endswith("\n")
    if block:
        yield Record(begun, {"text": "".join(block).strip()})
