"""The whole record of a run, and the one function that moves it."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from core.clock import from_text, to_text
from core.errors import PhaseError, RecordError
from core.run.phase import MOVES, Phase


@dataclass(frozen=True)
class Progress:
    """Steps and tokens done of those planned; `eta_s` seconds are left, if that can be told."""

    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    tokens: int = 0
    eta_s: float | None = None

    @property
    def fraction(self) -> float:
        """Done of planned, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


@dataclass(frozen=True)
class RunStatus:
    """What is true of a run now. History is in the event log."""

    run_id: str
    name: str
    submitted_at: datetime
    since: datetime
    kind: str = "train"
    owner: str = ""
    phase: Phase = Phase.QUEUED
    stage: str = ""
    reason: str = ""
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    gpus: tuple[int, ...] = ()
    progress: Progress = field(default_factory=Progress)
    latest_checkpoint: str = ""
    resumable: bool = False
    position: int = 0


TIME_FIELDS = ("submitted_at", "since", "started_at", "ended_at")


def move(status: RunStatus, phase: Phase, reason: str, at: datetime) -> RunStatus:
    """The status after a move. Raises PhaseError if the table does not allow it."""
    if phase not in MOVES[status.phase]:
        raise PhaseError(f"run {status.run_id} cannot go from {status.phase} to {phase}")
    return replace(status, phase=phase, stage="", reason=reason, since=at)


def to_record(status: RunStatus) -> dict[str, Any]:
    """The status as it stands in `status.json`."""
    record = asdict(status)
    for name in TIME_FIELDS:
        record[name] = to_text(record[name]) if record[name] else None
    record["gpus"] = list(status.gpus)
    return record


def from_record(record: dict[str, Any]) -> RunStatus:
    """The status in a `status.json`; unknown fields of newer versions are left out.

    Raises RecordError when a needed field is missing or of the wrong kind.
    """
    try:
        known = {name: record[name] for name in RunStatus.__dataclass_fields__ if name in record}
        for name in TIME_FIELDS:
            known[name] = from_text(known[name]) if known.get(name) else None
        progress = known.get("progress") or {}
        known["progress"] = Progress(
            **{name: progress[name] for name in Progress.__dataclass_fields__ if name in progress}
        )
        known["phase"] = Phase(known.get("phase", Phase.QUEUED))
        known["gpus"] = tuple(known.get("gpus") or ())
        return RunStatus(**known)
    except (TypeError, ValueError, AttributeError) as error:
        raise RecordError(
            f"status of {record.get('run_id', 'a run')} is unreadable: {error}"
        ) from error
