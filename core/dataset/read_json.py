"""JSON Lines, and JSON lists of any length, record by record."""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from core.dataset.format import BadRow, show
from core.dataset.record import CHUNK, MAX_RECORD_CHARACTERS, Record
from core.errors import DatasetError

WRAPPED = re.compile(r'\{\s*"(?:data|rows|examples|items|records|train)"\s*:\s*\[')
"""A list of rows under a name, as some programs save it."""


def read_json_lines(file: TextIO) -> Iterator[Record | BadRow]:
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


def read_json(file: TextIO) -> Iterator[Record | BadRow]:
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
