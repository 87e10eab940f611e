"""How far a fetch or an import is, as it stands in `progress.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from core.clock import from_text, to_text

MIN_MEASURED_S = 1.0
"""What a shorter time says of the speed is chance."""


@dataclass(frozen=True)
class Progress:
    """How far it is. `started_at` is when the stage began, `at` when this was told.

    `bytes_total` is 0 while nobody knows it.
    """

    stage: str
    started_at: datetime
    at: datetime
    bytes_done: int = 0
    bytes_total: int = 0
    rows: int = 0
    bad_rows: int = 0

    @property
    def fraction(self) -> float | None:
        """The part of the stage that is done, from 0 to 1; None while nobody knows it."""
        if self.bytes_total <= 0:
            return None
        return min(1.0, max(0.0, self.bytes_done / self.bytes_total))

    @property
    def bytes_per_s(self) -> float | None:
        """The speed of the stage so far; None before it can be told."""
        took_s = (self.at - self.started_at).total_seconds()
        return self.bytes_done / took_s if took_s >= MIN_MEASURED_S else None


def time_left_s(progress: Progress, now: datetime) -> float | None:
    """The seconds until the stage is done, at the speed so far; None when that cannot be told."""
    speed = progress.bytes_per_s
    if not speed or progress.bytes_total <= 0:
        return None
    left_s = (progress.bytes_total - progress.bytes_done) / speed
    return max(0.0, left_s - (now - progress.at).total_seconds())


def move_on(last: Progress | None, seen: Progress) -> Progress:
    """What was seen, with the time at which its stage began."""
    if last is None or last.stage != seen.stage:
        return replace(seen, started_at=seen.at)
    return replace(seen, started_at=last.started_at)


def to_record(progress: Progress) -> dict[str, Any]:
    """The progress as it stands in the file."""
    times = {"started_at": to_text(progress.started_at), "at": to_text(progress.at)}
    return asdict(progress) | times


def from_record(record: Mapping[str, Any]) -> Progress:
    """The progress in the file. Raises KeyError, TypeError or ValueError when it holds none."""
    return Progress(
        stage=str(record["stage"]),
        started_at=from_text(str(record["started_at"])),
        at=from_text(str(record["at"])),
        bytes_done=int(record.get("bytes_done", 0)),
        bytes_total=int(record.get("bytes_total", 0)),
        rows=int(record.get("rows", 0)),
        bad_rows=int(record.get("bad_rows", 0)),
    )
