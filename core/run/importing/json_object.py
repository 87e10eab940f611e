"""A JSON object that may be of any length, read key by key in little memory."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from core.errors import RecordError

CHUNK = 256 * 1024
MAX_VALUE = 4 * 1024 * 1024
"""A single value of more characters is no record of a training."""

_SPACE = " \t\n\r"


def read_object(file: TextIO, listed: str) -> Iterator[tuple[str, Any]]:
    """Each key with its value; the list named `listed` comes entry by entry under its name.

    Takes NaN and Infinity, which Python writes. Raises RecordError where the text is no such
    object or ends too early.
    """
    window = _Window(file)
    window.expect("{")
    while window.peek() != "}":
        key = window.value()
        window.expect(":")
        if key == listed and window.peek() == "[":
            for entry in window.entries():
                yield listed, entry
        else:
            yield str(key), window.value()
        if window.peek() != "}":
            window.expect(",")


class _Window:
    """The part of the text that is being read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._is_last = False
        self._is_tried = False
        self._decoder = json.JSONDecoder()

    def peek(self) -> str:
        """The next character that is no white space; raises RecordError at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise RecordError("it is cut off")

    def expect(self, sign: str) -> None:
        """Pass over the sign."""
        if self.peek() != sign:
            raise RecordError(f"`{sign}` was expected, not {self._text[self._at]!r}")
        self._at += 1

    def entries(self) -> Iterator[Any]:
        """The entries of a list, which is passed over."""
        self.expect("[")
        while self.peek() != "]":
            yield from self._many() or [self.value()]
            if self.peek() != "]":
                self.expect(",")
        self.expect("]")

    def _many(self) -> list[Any]:
        """As many entries as were read whole, which are passed over; none where that is not easy.

        One by one they take four times as long.
        """
        end = self._text.rfind("},", self._at)
        if end < 0 or self._is_tried:
            return []
        self._is_tried = True
        try:
            values: list[Any] = json.loads(f"[{self._text[self._at : end + 1]}]")
        except (ValueError, RecursionError):
            # The list ends in between, or another object does.
            return []
        self._at = end + 1
        return values

    def value(self) -> Any:
        """The next value, which is passed over."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._fill():
                    raise RecordError(f"it holds no readable JSON: {error}") from error
                continue
            # A number may go on behind the end of what was read: 1 was 1e-5.
            if len(self._text) - end < len("e-5") and self._fill():
                continue
            self._at = end
            return value

    def _fill(self) -> bool:
        """Read on; False at the end of the file."""
        if self._is_last:
            return False
        if len(self._text) - self._at > MAX_VALUE:
            raise RecordError("it holds no readable JSON, or a value that is far too long")
        more = self._file.read(CHUNK)
        self._is_last, self._is_tried = not more, False
        if more:
            self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)
