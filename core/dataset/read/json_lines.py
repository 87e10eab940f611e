"""JSON Lines, row by row.

orjson reads several times as fast as Python's json, and takes bytes as they lie in the file.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, AnyStr

import orjson

from core.dataset.format import BadRow, show
from core.dataset.read.encoding import flaw_in
from core.dataset.read.record import CHUNK, MAX_DEPTH, MAX_RECORD_CHARACTERS, TOO_LONG, Record
from core.dataset.read.value import Parser, explain, flaw_in_value


def read_json_lines(file: Any) -> Iterator[Record | BadRow]:
    """Every row of a file of bytes (in UTF-8) or of text."""
    nothing = file.read(0)
    lines = iter(partial(file.readline, MAX_RECORD_CHARACTERS + 1), nothing)
    brace, bracket = ("{", "[") if nothing == "" else (b"{", b"[")
    parse = orjson.loads
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_RECORD_CHARACTERS:
            _skip_rest(file, line)
            yield BadRow(number, TOO_LONG, _show(line))
            continue
        try:
            value = parse(line)
        except ValueError:
            if not line.isspace():
                yield _look_again(number, line)
            continue
        # orjson goes a thousand levels deep, where whoever walks through the value would fall.
        if line.count(brace) + line.count(bracket) > MAX_DEPTH and (flaw := flaw_in_value(value)):
            yield BadRow(number, flaw, _show(line))
        else:
            yield Record(number, value)


def _skip_rest(file: Any, line: AnyStr) -> None:
    while line and line[-1:] not in ("\n", b"\n"):
        line = file.readline(CHUNK)


def _look_again(number: int, line: str | bytes) -> Record | BadRow:
    """A line that orjson refuses, as Python reads it."""
    text = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
    flaw = flaw_in(text)
    if not flaw:
        try:
            value = Parser().parse_all(text)
        except (ValueError, RecursionError) as error:
            flaw = explain(error)
        else:
            flaw = flaw_in_value(value)
    return BadRow(number, flaw, _show(text)) if flaw else Record(number, value)


def _show(line: str | bytes) -> str:
    start = line[:1000]
    return show((start if isinstance(start, str) else start.decode("utf-8", "replace")).strip())
