"""What people asked of a run: small files in its `requests/` folder, read with distrust."""

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import RecordError, TrainerUIError
from core.files import read_untrusted
from core.numbers import is_whole
from core.paths import RunPaths
from core.run.phase import Verb
from core.safe_yaml import MAX_BYTES, load_yaml_mapping
from core.spec.run_spec import NAME

log = logging.getLogger(__name__)

MAX_NAME_BYTES = 240
FRESH_S = 2.0
"""A folder changed so lately may change again without its time telling."""


@dataclass(frozen=True)
class Request:
    """A wish, who made it (empty if not told), and the place in the queue that a move is to."""

    path: Path
    verb: Verb
    by: str = ""
    to: int = 1

    def __str__(self) -> str:
        return f"on request of {self.by}" if self.by else "on request"


class Requests:
    """Finds new requests without listing folders that have not changed."""

    def __init__(self, quiet_s: float) -> None:
        self.quiet_s = quiet_s
        self._seen: dict[str, int] = {}

    def find(self, paths: RunPaths) -> list[Request]:
        """The requests of the run that are understood, the oldest first."""
        try:
            changed = paths.requests.stat().st_mtime_ns
        except OSError:
            return []
        if self._seen.get(paths.run_id) == changed:
            return []
        requests, half_written = read_requests(paths, self.quiet_s)
        if not half_written and time.time() - changed / 1e9 > FRESH_S:
            self._seen[paths.run_id] = changed
        return requests


def read_requests(paths: RunPaths, quiet_s: float) -> tuple[list[Request], bool]:
    """The requests that are understood, the oldest first; and whether others may become so.

    One that is not may still be being written: it is set aside only after `quiet_s` without a
    change.
    """
    understood, waits = [], False
    for path in sorted(paths.requests.glob("[!.]*.yaml")):
        try:
            understood.append(_read(path))
        except (TrainerUIError, ValueError) as error:
            waits |= not _set_aside(path, quiet_s, error)
    return understood, waits


def clear_requests(paths: RunPaths) -> None:
    """Forget what was asked of a run that has ended."""
    for path in paths.requests.glob("[!.]*.yaml"):
        _hide(path)


def _read(path: Path) -> Request:
    data = load_yaml_mapping(read_untrusted(path, MAX_BYTES))
    by, to = data.get("by") or "", data.get("to", 1)
    if not isinstance(by, str) or (by and not NAME.fullmatch(by)):
        raise RecordError(f"{path.name}: `by` must be a name")
    if not is_whole(to) or to < 1:
        raise RecordError(f"{path.name}: `to` must be a place in the queue, from 1")
    return Request(path, Verb(str(data.get("verb"))), by, to)


def _set_aside(path: Path, quiet_s: float, error: Exception) -> bool:
    """Whether it was out of the way: gone, or hidden after its quiet time."""
    try:
        rested_s = time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return True
    if rested_s < quiet_s:
        return False
    log.warning("request %s is not understood: %s", path, error)
    _hide(path)
    return True


def _hide(path: Path) -> None:
    # Renamed, since a folder or a link can be renamed as well as a file; a name of the greatest
    # length cannot grow.
    name = os.fsdecode(os.fsencode(path.name)[:MAX_NAME_BYTES])
    path.rename(path.with_name(f".{name}.done"))
