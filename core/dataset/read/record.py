"""One record of an upload as it was read, before anybody asks what it means."""

from typing import Any, NamedTuple

MAX_RECORD_CHARACTERS = 16 * 1024 * 1024
"""A longer record is reported instead of read."""
TOO_LONG = "longer than 16 million characters"

MAX_DEPTH = 100
"""Values are not nested deeper than this, so that whoever gets one can walk through it."""

CHUNK = 64 * 1024
"""How many characters are looked at in one go."""


class Record(NamedTuple):
    """One record of the upload, and the line it begins at (the row, where there are no lines)."""

    line: int
    value: Any
