"""What the daemon alone writes of a run: its folder, its status, its events."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import from_text, now, to_text
from core.errors import RecordError
from core.files import (
    append_json_line,
    load_json,
    parse_json_lines,
    read_tail,
    read_untrusted,
    save_json,
    sync_folder,
    write_bytes,
    write_whole,
)
from core.paths import RunPaths, Workspace
from core.run.phase import Phase
from core.run.status import RunStatus, move, to_record
from core.run.store import free_pair, reason_path, slug
from core.safe_yaml import MAX_BYTES
from core.spec.run_spec import RunSpec


def create_run(
    workspace: Workspace, dropped: Path, spec: RunSpec, text: bytes, rank: float
) -> RunStatus:
    """Make the run's folder and move the dropped spec into it; `text` is what was checked.

    The rename is the claim: whoever moved the file owns the run. A crash after it leaves a
    folder without status, which the supervisor completes.
    """
    at = now()
    paths = _make_folder(workspace, at, spec.name)
    try:
        dropped.rename(paths.spec)
    except OSError:
        _remove_folder(paths)
        raise
    if not _holds(paths.spec, text):
        _give_back(paths, dropped)
        raise FileNotFoundError(f"{dropped.name} was replaced while it was checked")
    # A new file with what was checked: whoever still has the dropped one open writes elsewhere.
    write_bytes(paths.spec, text)
    for folder in (workspace.runs, dropped.parent):
        sync_folder(folder)
    return record_submission(paths, spec, at, rank)


def _holds(path: Path, text: bytes) -> bool:
    try:
        return read_untrusted(path, MAX_BYTES) == text
    except RecordError:
        return False


def _give_back(paths: RunPaths, dropped: Path) -> None:
    """Put a spec that is newer than the checked one back into the queue, for its own turn."""
    if os.path.lexists(dropped):
        paths.spec.unlink()  # replaced once more
    else:
        paths.spec.rename(dropped)
    _remove_folder(paths)


def _remove_folder(paths: RunPaths) -> None:
    paths.requests.rmdir()
    paths.folder.rmdir()


def record_submission(
    paths: RunPaths, spec: RunSpec, at: datetime, rank: float, attempt: int = 0
) -> RunStatus:
    """Write the first status of a run whose spec lies in its folder."""
    status = RunStatus(
        run_id=paths.run_id,
        name=spec.name,
        kind=spec.kind,
        owner=spec.owner,
        submitted_at=at,
        since=at,
        reason="waiting to start",
        attempt=attempt,
        priority=spec.priority,
        rank=rank,
    )
    # The status last: a run without one is taken up again.
    _append_event(paths, status, [])
    save(paths, status)
    return status


def reject(workspace: Workspace, dropped: Path, reason: str) -> None:
    """Put a spec that cannot run aside, verbatim, with one paragraph on why."""
    workspace.rejected.mkdir(parents=True, exist_ok=True)
    target = free_pair(workspace.rejected / dropped.name)
    # The reason first: a rejected spec without one would leave its owner guessing.
    write_whole(reason_path(target), reason.rstrip() + "\n")
    dropped.rename(target)


def save(paths: RunPaths, status: RunStatus, durable: bool = True) -> None:
    """Replace the run's status; what the trainer tells again need not survive a power cut."""
    save_json(paths.status, to_record(status), durable=durable)


def record_move(
    paths: RunPaths, status: RunStatus, phase: Phase, reason: str, changes: Sequence[str] = ()
) -> RunStatus:
    """Move the run, write the event and the new status, and return it."""
    moved = move(status, phase, reason, now())
    # The status is the truth: where it cannot be written, nothing has happened.
    save(paths, moved)
    _append_event(paths, moved, list(changes))
    return moved


def record_stage(paths: RunPaths, status: RunStatus, stage: str) -> RunStatus:
    """Note which stage a live run is in."""
    if status.stage == stage:
        return status
    staged = replace(status, stage=stage)
    save(paths, staged, durable=False)
    return staged


def rebuild(paths: RunPaths, spec: RunSpec, rank: float) -> RunStatus:
    """Make a status that is lost or unreadable again from what else the run left behind.

    A bad file is kept beside it. Without events the run is as it was when it was submitted.
    """
    events = parse_json_lines(read_tail(paths.events).splitlines())
    told = [event for event in events if event.get("phase") in set(Phase) and "at" in event]
    if paths.status.exists():
        aside = f".status.json.corrupt-{now():%Y%m%d-%H%M%S-%f}"
        paths.status.rename(paths.folder / aside)
    if not told:
        return record_submission(paths, spec, now(), rank, attempt=_last_attempt(paths, []))
    last = told[-1]
    status = RunStatus(
        run_id=paths.run_id,
        name=spec.name,
        kind=spec.kind,
        owner=spec.owner,
        submitted_at=from_text(told[0]["at"]),
        since=from_text(last["at"]),
        phase=Phase(last["phase"]),
        reason=str(last.get("reason", "")),
        attempt=_last_attempt(paths, told),
        priority=spec.priority,
        rank=rank,
    )
    save(paths, status)
    return status


def _last_attempt(paths: RunPaths, events: list[dict[str, Any]]) -> int:
    """The number of the newest attempt that anything tells of; a number is never used twice."""
    with contextlib.suppress(OSError, RecordError):
        events = [*events, load_json(paths.lock)]
    told = [*events, *parse_json_lines(read_tail(paths.journal).splitlines())]
    return max((int(record.get("attempt") or 0) for record in told), default=0)


def _append_event(paths: RunPaths, status: RunStatus, changes: list[str]) -> None:
    event: dict[str, object] = {
        "at": to_text(status.since),
        "phase": status.phase.value,
        "reason": status.reason,
        "attempt": status.attempt,
    }
    if status.phase is Phase.STARTING:
        event["gpus"] = list(status.gpus)
    append_json_line(paths.events, event | ({"changes": changes} if changes else {}))


def _make_folder(workspace: Workspace, at: datetime, name: str) -> RunPaths:
    stem = f"{at:%Y%m%d-%H%M%S}-{slug(name) or 'run'}"
    number = 1
    while True:
        paths = workspace.run(stem if number == 1 else f"{stem}-{number}")
        try:
            paths.folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        paths.requests.mkdir()
        return paths
