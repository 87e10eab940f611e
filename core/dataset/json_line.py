"""A row as one line of JSON."""

from typing import Any

import orjson


def to_line(row: dict[str, Any]) -> bytes:
    """The row as it stands in a file, with the end of its line."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half a surrogate pair, which a string can hold, cannot be written as UTF-8.
        return orjson.dumps(_without_surrogates(row), option=orjson.OPT_APPEND_NEWLINE)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value
