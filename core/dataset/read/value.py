"""One JSON value as Python reads it, and what makes it unfit to be a row.

This is the second look, at what orjson refuses: it finds the words for what is wrong, and accepts
the one thing that JSON forbids but pandas writes, NaN for a cell that is empty.
"""

import json
import math
import re
from typing import Any

from core.dataset.format import show
from core.dataset.read.record import MAX_DEPTH, MAX_RECORD_CHARACTERS, TOO_LONG

MAX_DIGITS = 4300
"""Python turns no longer number into text."""
INFINITE = "a number that is too large, or infinite"
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Parser:
    """Python's parser of JSON, and what it met that is no value of JSON."""

    def __init__(self) -> None:
        self._met_infinite = False
        self._decoder = json.JSONDecoder(
            parse_float=self._read_float,
            parse_int=self._read_int,
            parse_constant=self._read_constant,
        )

    def parse(self, text: str, at: int = 0) -> tuple[Any, int]:
        """The value that begins there, and where it ends. Raises as `json` does."""
        self._met_infinite = False
        return self._decoder.raw_decode(text, at)

    def parse_all(self, text: str) -> Any:
        """The one value that the text holds. Raises as `json` does."""
        return self._decoder.decode(text)

    def flaw(self, value: Any, text: str) -> str:
        """Why the value, just read from the text, cannot be written again; empty when it can."""
        # Walking through every value would take longer than reading it.
        opened = text.count("[") + text.count("{")
        is_doubtful = self._met_infinite or opened > MAX_DEPTH or _SURROGATE.search(text)
        return flaw_in_value(value) if is_doubtful else ""

    def _read_float(self, digits: str) -> float:
        return self._check(float(digits))

    def _read_int(self, digits: str) -> float:
        return int(digits) if len(digits) <= MAX_DIGITS else self._check(math.inf)

    def _read_constant(self, name: str) -> float | None:
        return None if name == "NaN" else self._check(float(name))

    def _check(self, number: float) -> float:
        self._met_infinite = self._met_infinite or math.isinf(number)
        return number


def explain(error: Exception) -> str:
    """Why the text is no JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"broken JSON: {error.msg.removesuffix(' at')} at column {error.colno}"
    if isinstance(error, RecursionError):
        return TOO_DEEP
    return f"broken JSON: {show(str(error))}"


def flaw_in_value(value: Any, depth: int = 0) -> str:
    """Why the value cannot be written down again; empty when it can."""
    if isinstance(value, str):
        return "" if value.isascii() or _is_whole(value) else "half a character (a lone surrogate)"
    if isinstance(value, float):
        return "" if math.isfinite(value) else INFINITE
    if not isinstance(value, dict | list):
        return ""
    if depth == MAX_DEPTH:
        return TOO_DEEP
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    flaws = (flaw_in_value(part, depth + 1) for part in parts)
    return next(filter(None, flaws), "")


def to_plain(value: Any, depth: int = 0) -> Any:
    """A value of Parquet as JSON knows it. Raises ValueError saying why there is none."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | bytes):
        return _to_text(value)
    if isinstance(value, float):
        return _to_number(value)
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise ValueError(TOO_DEEP)
        # A map comes as a list of pairs.
        is_pairs = isinstance(value, list) and value and isinstance(value[0], tuple)
        pairs = dict(value) if is_pairs else value
        if isinstance(pairs, dict):
            return {str(key): to_plain(part, depth + 1) for key, part in pairs.items()}
        return [to_plain(part, depth + 1) for part in pairs]
    # Dates and times; then decimals and durations, which no number of JSON holds exactly.
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _to_text(value: str | bytes) -> str:
    if len(value) > MAX_RECORD_CHARACTERS:
        raise ValueError(TOO_LONG)
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ValueError("bytes that are no text in UTF-8") from error


def _to_number(value: float) -> float | None:
    if math.isinf(value):
        raise ValueError(INFINITE)
    return None if math.isnan(value) else value


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
