"""One record of an upload as it was read, before anybody asks what it means."""

from dataclasses import dataclass
from typing import Any

MAX_RECORD_CHARACTERS = 16 * 1024 * 1024
"""A longer record is reported instead of read."""

CHUNK = 64 * 1024
"""How many characters are looked at in one go."""


@dataclass(frozen=True)
class Record:
    """One record of the upload, and the line it begins at."""

    line: int
    value: Any
