"""What a run went through, read from its small files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import from_text
from core.files import parse_json_lines, read_complete_lines
from core.run.phase import Phase, Stage


@dataclass(frozen=True)
class Event:
    """A change of phase."""

    at: datetime
    phase: str
    reason: str
    attempt: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class StageTime:
    """How long a stage took; `is_open` while it still goes on."""

    stage: str
    seconds: float
    is_open: bool = False


def read_records(path: Path) -> list[dict[str, Any]]:
    """Every whole JSON line of the file; none when it is missing."""
    return parse_json_lines(read_complete_lines(path)[0])


def events(records: Sequence[dict[str, Any]]) -> list[Event]:
    """The changes of phase, oldest first; what cannot be read is left out."""
    return [event for event in map(_event, records) if event]


def stage_times(
    events: Sequence[Event], journal: Sequence[dict[str, Any]], attempt: int, now: datetime
) -> list[StageTime]:
    """The stages of one attempt up to its first step of training, with their seconds."""
    begun = [
        event.at for event in events if event.phase == Phase.STARTING and event.attempt == attempt
    ]
    if not begun:
        return []
    marks = [(Stage.SPAWN.value, begun[-1]), *_journal_marks(journal, attempt)]
    times = []
    for (stage, at), after in zip(marks, [*marks[1:], None], strict=True):
        if stage in (Stage.TRAINING, Stage.EVALUATING):
            break
        end = after[1] if after else now
        seconds = max(0.0, (end - max(at, begun[-1])).total_seconds())
        times.append(StageTime(stage, seconds, is_open=after is None))
    return times


def saved_at(journal: Sequence[dict[str, Any]]) -> dict[int, datetime]:
    """When the checkpoint of each step was complete, the newest attempt's word."""
    times = {}
    for entry in journal:
        at = _moment(entry.get("at"))
        if entry.get("entry") == "checkpoint" and at and isinstance(entry.get("step"), int):
            times[entry["step"]] = at
    return times


def folder_bytes(folder: Path) -> int:
    """The size of the files in the folder and below."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.lstat().st_size if path.is_file() else 0)
        except OSError:  # gone meanwhile: old checkpoints are dropped
            continue
    return sum(sizes)


def _journal_marks(journal: Sequence[dict[str, Any]], attempt: int) -> list[tuple[str, datetime]]:
    marks = []
    for entry in journal:
        at = _moment(entry.get("at"))
        if entry.get("entry") == "stage" and entry.get("attempt") == attempt and at:
            marks.append((str(entry.get("stage")), at))
    return marks


def _event(record: dict[str, Any]) -> Event | None:
    at = _moment(record.get("at"))
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


def _moment(text: Any) -> datetime | None:
    try:
        return from_text(str(text))
    except ValueError:
        return None
