"""JSON lists of any length, and JSON objects one after the other, row by row.

Our own window over Python's parser. ijson 3.6 (yajl2_c, 239 MB/s against 120) was tried: it tells
neither the line of a row nor how it begins, ends at the first NaN, long number or broken row, and
turns half a character into a question mark without a word.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from core.dataset.format import BadRow, show
from core.dataset.read.encoding import flaw_in
from core.dataset.read.record import CHUNK, MAX_RECORD_CHARACTERS, TOO_LONG, Record
from core.dataset.read.value import TOO_DEEP, Parser
from core.errors import DatasetError

WINDOW = 4 * CHUNK

_FACT = r'"(?:[^"\\]|\\.)*+"\s*+:\s*+(?:"(?:[^"\\]|\\.)*+"|[-+.\w]++)\s*+,\s*+'
WRAPPED = re.compile(
    rf'\{{\s*+(?:{_FACT})*+"(?:data|rows|examples|items|records|train)"\s*+:\s*+\['
)
"""A list of rows under a name, as some programs save it, after facts about the file."""
_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r'["\[\]{}]')
_INSIDE = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


def is_json_lines(head: str, kind: str) -> bool:
    """Whether a file that begins so holds a row per line, whatever its name says."""
    text = head.lstrip()
    first, _, rest = text.partition("\n")
    if text.startswith("[") or WRAPPED.match(text):
        return bool(rest.strip()) and _is_row(first)
    if kind == "jsonl":
        return first.strip() != "{"
    # The first row may be broken.
    return any(_is_row(line) for line in text.split("\n", 5)[:5] if line.startswith("{"))


def _is_row(line: str) -> bool:
    """Whether the line is a value of its own, and not a list of rows."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return not (isinstance(value, list) and value and isinstance(value[0], dict))


def read_json(file: TextIO) -> Iterator[Record | BadRow]:
    """The entries of a JSON list, or JSON objects one after the other."""
    window = _Window(file)
    around = window.enter_list()
    while first := window.peek():
        if around and first == "]":
            window.skip_one()
            if around == "{" or window.peek() != "[":
                yield from _read_rest(window, around)
                return
            # One list after the other, as `cat` leaves them.
            window.skip_one()
        elif first == ",":
            window.skip_one()
        else:
            yield window.row()
    if around:
        raise DatasetError(f"line {window.line}: the list is not closed, so the file is cut off")


def _read_rest(window: "_Window", around: str) -> Iterator[BadRow]:
    """What follows the rows: facts about the file are passed over, anything else is told of."""
    while around == "{" and window.peek() == ",":
        window.skip_one()
        window.peek()
        name = window.value()
        if window.peek() == ":":
            window.skip_one()
        if window.peek() == "[":
            reason = f"the list `{show(name)}` beside the rows is not read: save it as a file"
            yield BadRow(window.line, reason, "")
            return
        window.value()
    if around == "{" and window.peek() == "}":
        window.skip_one()
    if window.peek():
        yield BadRow(window.line, "what follows the end of the list is not read", window.ahead())


class _Unfit(Exception):
    """The next value cannot be a row, but one can go on after it."""


class _Window:
    """A piece of the file that moves along, from which JSON values are taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._parser = Parser()
        self._text = ""
        self._at = 0
        self.line = 1

    def enter_list(self) -> str:
        """Step into the list that holds the rows; returns the brackets around them."""
        self.peek()
        wrapped = WRAPPED.match(self._text, self._at)
        if wrapped:
            self._move(wrapped.end())
            return "{"
        if self._text[self._at : self._at + 1] == "[":
            self._move(self._at + 1)
            return "["
        return ""

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            if space and space.end() > self._at:
                self._move(space.end())
            if self._at < len(self._text) or not self._read_more():
                return self._text[self._at : self._at + 1]

    def skip_one(self) -> None:
        """Go past the next character."""
        self._move(self._at + 1)

    def ahead(self) -> str:
        """How what comes next begins."""
        return show(self._text[self._at : self._at + CHUNK].strip())

    def row(self) -> Record | BadRow:
        """The next value as a row. Raises DatasetError when nothing after it can be read."""
        line = self.line
        try:
            value, end = self._parse()
        except _Unfit as error:
            content = self.ahead()
            self._skip_value()
            return BadRow(line, str(error), content)
        text = self._text[self._at : end]
        self._move(end)
        flaw = flaw_in(text) or self._parser.flaw(value, text)
        return BadRow(line, flaw, show(text)) if flaw else Record(line, value)

    def value(self) -> Any:
        """The next value. Raises DatasetError when it is broken."""
        try:
            value, end = self._parse()
        except _Unfit as error:
            raise DatasetError(f"line {self.line}: {error}") from error
        self._move(end)
        return value

    def _parse(self) -> tuple[Any, int]:
        while True:
            try:
                value, end = self._parser.parse(self._text, self._at)
            except json.JSONDecodeError as error:
                self._read_on_or_give_up(error)
            except RecursionError as error:
                raise _Unfit(TOO_DEEP) from error
            else:
                # A number that ends with the window may go on behind it.
                if end < len(self._text) or self._text[-1] in '}]"' or not self._read_more():
                    return value, end

    def _read_on_or_give_up(self, error: json.JSONDecodeError) -> None:
        # A value that the window cuts off fails at its end, or at the string that is not closed.
        may_be_cut = error.pos > len(self._text) - 16 or error.msg.startswith("Unterminated")
        fits = len(self._text) - self._at <= MAX_RECORD_CHARACTERS
        if may_be_cut and not fits:
            raise _Unfit(TOO_LONG) from error
        is_at_end = error.pos >= len(self._text.rstrip()) or error.msg.startswith("Unterminated")
        if may_be_cut and self._read_more():
            return
        if may_be_cut and is_at_end:
            raise DatasetError(f"line {self.line}: the file is cut off within a row") from error
        line = self.line + self._text.count("\n", self._at, error.pos)
        raise DatasetError(
            f"line {line}: broken JSON: {error.msg}. Mend it, or save the rows as JSON Lines, "
            "where one broken row does not spoil the others"
        ) from error

    def _skip_value(self) -> None:
        """Go past the next value, however long it is."""
        depth, in_string = 0, False
        while self._at < len(self._text) or self._read_more():
            if in_string:
                in_string = not self._leave_string()
            elif found := _SIGN.search(self._text, self._at):
                self._move(found.end())
                in_string = found.group() == '"'
                depth += {"[": 1, "{": 1, '"': 0}.get(found.group(), -1)
            else:
                self._move(len(self._text))
                continue
            if depth <= 0 and not in_string:
                return

    def _leave_string(self) -> bool:
        """Go to the end of the string that one is in; False when it is not in the window."""
        inside = _INSIDE.match(self._text, self._at)
        self._move(inside.end() if inside else self._at)
        if self._text[self._at : self._at + 1] == '"':
            self._move(self._at + 1)
            return True
        # What is left is nothing, or the first half of an escape.
        if not self._read_more():
            self._move(len(self._text))
        return False

    def _read_more(self) -> bool:
        rest = self._text[self._at :]
        more = self._file.read(max(WINDOW, len(rest)))
        self._text, self._at = rest + more, 0
        return bool(more)

    def _move(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to
