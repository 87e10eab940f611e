"""What a run went through, read from its small files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import from_text
from core.files import parse_json_lines, read_complete_lines


@dataclass(frozen=True)
class Event:
    """A change of phase."""

    at: datetime
    phase: str
    reason: str
    attempt: int
    changes: tuple[str, ...]


def read_records(path: Path) -> list[dict[str, Any]]:
    """Every whole JSON line of the file; none when it is missing."""
    return parse_json_lines(read_complete_lines(path)[0])


def events(records: Sequence[dict[str, Any]]) -> list[Event]:
    """The changes of phase, oldest first; what cannot be read is left out."""
    return [event for event in map(_event, records) if event]


def saved_at(journal: Sequence[dict[str, Any]]) -> dict[int, datetime]:
    """When the checkpoint of each step was complete, the newest attempt's word."""
    times = {}
    for entry in journal:
        at = find_moment(entry.get("at"))
        if entry.get("entry") == "checkpoint" and at and isinstance(entry.get("step"), int):
            times[entry["step"]] = at
    return times


def find_moment(text: Any) -> datetime | None:
    """The moment written in a record; None where there is none."""
    try:
        return from_text(str(text))
    except ValueError:
        return None


def folder_bytes(folder: Path) -> int:
    """The size of the files in the folder and below."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.lstat().st_size if path.is_file() else 0)
        except OSError:  # gone meanwhile: old checkpoints are dropped
            continue
    return sum(sizes)


def _event(record: dict[str, Any]) -> Event | None:
    at = find_moment(record.get("at"))
    if at is None:
        return None
    attempt = record.get("attempt")
    changes = record.get("changes")
    return Event(
        at=at,
        phase=str(record.get("phase", "")),
        reason=str(record.get("reason", "")),
        attempt=attempt if isinstance(attempt, int) else 0,
        changes=tuple(map(str, changes)) if isinstance(changes, list) else (),
    )
