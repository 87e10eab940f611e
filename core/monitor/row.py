"""A log event of a training, as anyone may have written it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_NUMBER = 1e38
"""What a curve can hold: single precision, as losses are computed with at best."""

MAX_STEP = 2**53
KEY = re.compile(r"[A-Za-z][\w./@ -]{0,63}", re.ASCII)
WHERE = frozenset(
    {"at", "attempt", "step", "total_steps", "epoch", "tokens", "trainable_tokens", "not_finite"}
)
"""What tells where a row stands; all other numbers are curves."""


def parse_rows(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects among the lines; a torn or foreign line is left out."""
    for line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = _parse_loosely(line)
        if type(row) is dict:
            yield row


def _parse_loosely(line: bytes) -> Any:
    """A line with NaN, which is no JSON though Python writes it; None for any other."""
    try:
        return json.loads(line, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _whole(text: str) -> float:
    """A number too long to be counted with is as large as can be."""
    return int(text) if len(text) < 20 else float(text)


def is_value(value: Any) -> bool:
    """Whether it is a number that a curve can hold."""
    return type(value) in (int, float) and -MAX_NUMBER < value < MAX_NUMBER


def position(row: dict[str, Any], key: str, limit: float = MAX_STEP) -> float | None:
    """A number from 0 up to the limit; None where there is none."""
    value = row.get(key)
    if (type(value) is int or type(value) is float) and 0 <= value <= limit:
        return value
    return None


def moment_s(value: Any) -> float | None:
    """The moment written in a record in Unix seconds; None where there is none."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
