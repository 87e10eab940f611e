"""The whole record of a run, and the one function that moves it."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from core.clock import from_text, to_text
from core.errors import PhaseError, RecordError
from core.run.failure import Failure, FailureKind
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
    """What is true of a run now. History is in the event log.

    `attempt` counts the processes that trained it; `retries` only the restarts that nobody asked
    for, `died_at_step` where the last of them was needed, and `retry_at` when the next may start.
    `shrinks` is how often the micro batch was halved for want of GPU memory. `held_by` names the
    guard that paused it and will resume it. `trained_s` are the seconds of earlier attempts. The
    queue is in the order of `priority` (higher first) and then `rank` (lower first).
    """

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
    attempt_started_at: datetime | None = None
    ended_at: datetime | None = None
    trained_s: float = 0.0
    gpus: tuple[int, ...] = ()
    progress: Progress = field(default_factory=Progress)
    latest_checkpoint: str = ""
    resumable: bool = False
    position: int = 0
    priority: int = 0
    rank: float = 0.0
    retries: int = 0
    retry_at: datetime | None = None
    died_at_step: int | None = None
    shrinks: int = 0
    held_by: str = ""
    failure: Failure | None = None


TIME_FIELDS = (
    "submitted_at",
    "since",
    "started_at",
    "attempt_started_at",
    "ended_at",
    "retry_at",
)


def elapsed_s(status: RunStatus, at: datetime) -> float | None:
    """The seconds it has trained up to `at`, pauses and waiting left out; None before its start.

    A run of an older version, which kept no such count, tells the time from start to end.
    """
    if status.started_at is None:
        return None
    if status.attempt_started_at is None:
        before = status.trained_s
        return before or ((status.ended_at or at) - status.started_at).total_seconds()
    return status.trained_s + (at - status.attempt_started_at).total_seconds()


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
    if status.failure:
        record["failure"]["lines"] = list(status.failure.lines)
    return record


def from_record(record: dict[str, Any]) -> RunStatus:
    """The status in a `status.json`; unknown fields of newer versions are left out.

    Raises RecordError when a needed field is missing or of the wrong kind.
    """
    try:
        known = {name: record[name] for name in RunStatus.__dataclass_fields__ if name in record}
        _check_kinds(known)
        for name in TIME_FIELDS:
            known[name] = from_text(known[name]) if known.get(name) else None
        progress = known.get("progress") or {}
        known["progress"] = Progress(
            **{name: progress[name] for name in Progress.__dataclass_fields__ if name in progress}
        )
        known["phase"] = Phase(known.get("phase", Phase.QUEUED))
        known["gpus"] = tuple(known.get("gpus") or ())
        known["failure"] = _parse_failure(known.get("failure"))
        return RunStatus(**known)
    except (TypeError, ValueError, AttributeError) as error:
        raise RecordError(
            f"status of {record.get('run_id', 'a run')} is unreadable: {error}"
        ) from error


_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("run_id", "name", "kind", "owner", "stage", "reason", "held_by"), str),
    **dict.fromkeys(("attempt", "position", "priority", "retries", "shrinks"), int),
    **dict.fromkeys(("rank", "trained_s"), (int, float)),
}


def _check_kinds(record: dict[str, Any]) -> None:
    for name, kind in _KINDS.items():
        if name in record and not isinstance(record[name], kind):
            raise TypeError(f"`{name}` is {record[name]!r}")


def _parse_failure(record: dict[str, Any] | None) -> Failure | None:
    if not record:
        return None
    kinds = set(FailureKind)
    kind = FailureKind(record["kind"]) if record.get("kind") in kinds else FailureKind.OTHER
    return Failure(
        kind,
        str(record.get("sentence", "")),
        str(record.get("advice", "")),
        tuple(map(str, record.get("lines") or ())),
        record.get("step"),
    )
