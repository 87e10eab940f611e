"""`status`: what runs, what waits and why, what is paused, what has ended."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from core.clock import now, to_text
from core.run.phase import FINISHED, LIVE, Phase
from core.run.status import RunStatus, to_record
from core.run.store import Run, Store
from daemon.shell.liveness import Daemon, describe, describe_standby, look_for_daemon, standby_of
from daemon.shell.terminal import (
    Colour,
    age_text,
    columns,
    duration_text,
    fit,
    one_line,
    paint,
    room,
)

LAST_FINISHED = 5
INDENT = " " * 5
HEAD = ("#", "RUN", "PHASE", "PROGRESS", "LEFT", "GPUS", "ATTEMPT", "SINCE", "WHY")
COLOURS = {Phase.FAILED: Colour.RED, Phase.COMPLETED: Colour.GREEN, Phase.PAUSED: Colour.YELLOW}


@dataclass(frozen=True)
class Overview:
    """Everything `status` shows; `unreadable` are runs without a readable record."""

    at: datetime
    daemon: Daemon
    groups: dict[str, list[Run]]
    finished: int
    dropped: list[str]
    rejected: list[str]
    unreadable: list[str]


def show_all(store: Store, with_all: bool, as_json: bool) -> int:
    """Print the overview; `with_all` lists every finished run, not only the last."""
    overview = look(store, with_all)
    if as_json:
        print(json.dumps(_to_json(overview), indent=1))
        return 0
    for text in (*_head_lines(overview), *_table_lines(overview), *_foot_lines(overview)):
        print(text)
    return 0


def look(store: Store, with_all: bool) -> Overview:
    """The workspace as it stands."""
    runs = store.runs()
    readable = {run.run_id for run in runs}
    finished = [run for run in runs if run.status.phase in FINISHED]
    finished.sort(key=lambda run: run.status.since, reverse=True)
    waiting = [run for run in runs if run.status.phase is Phase.QUEUED]
    return Overview(
        at=now(),
        daemon=look_for_daemon(store.workspace),
        groups={
            "Running": [run for run in runs if run.status.phase in LIVE],
            "Waiting": sorted(waiting, key=lambda run: (run.status.position, run.run_id)),
            "Paused": [run for run in runs if run.status.phase is Phase.PAUSED],
            "Finished": finished if with_all else finished[:LAST_FINISHED],
        },
        finished=len(finished),
        dropped=[path.name for path in store.dropped()],
        rejected=[rejected.name for rejected in store.rejected()],
        unreadable=[
            paths.run_id for paths in store.workspace.run_folders() if paths.run_id not in readable
        ],
    )


def gpus_text(status: RunStatus) -> str:
    """`0,1`, `CPU`, or nothing before the first start."""
    if status.gpus:
        return ",".join(map(str, status.gpus))
    return "CPU" if status.attempt else ""


def progress_text(status: RunStatus) -> str:
    """` 12%  120/1,000`, the steps alone where nobody knows how many there will be."""
    progress = status.progress
    if not progress.total_steps:
        return f"step {progress.step:,}" if progress.step else ""
    return f"{progress.fraction:4.0%}  {progress.step:,}/{progress.total_steps:,}"


def attempt_text(status: RunStatus) -> str:
    """`3`, with the number of retries that nobody asked for; nothing before the first."""
    retries = {0: "", 1: " (1 retry)"}.get(status.retries, f" ({status.retries} retries)")
    return f"{status.attempt}{retries}" if status.attempt else ""


def phase_text(status: RunStatus) -> str:
    """The phase, and the stage in brackets."""
    return f"{status.phase} ({one_line(status.stage)})" if status.stage else status.phase.value


def to_json(run: Run, store: Store) -> dict[str, Any]:
    """The whole record of a run, with what lies beside it on disk."""
    return to_record(run.status) | {
        "folder": str(run.paths.folder),
        "checkpoints": run.checkpoints(),
        "requested": [verb.value for verb in store.requested(run.run_id)],
    }


def _to_json(overview: Overview) -> dict[str, Any]:
    heartbeat, standby = overview.daemon.heartbeat, standby_of(overview.daemon)
    return {
        "daemon": {
            "lives": overview.daemon.lives,
            "version": heartbeat.version if heartbeat else None,
            "beat_at": to_text(heartbeat.beat_at) if heartbeat else None,
            "free_gpus": list(heartbeat.free_gpus) if heartbeat else [],
            "troubles": list(heartbeat.troubles) if heartbeat else [],
            "standby": asdict(standby) if standby else None,
        },
        **{
            name.lower(): [to_record(run.status) for run in runs]
            for name, runs in overview.groups.items()
        },
        "dropped": overview.dropped,
        "rejected": overview.rejected,
        "unreadable": overview.unreadable,
    }


def _head_lines(overview: Overview) -> list[str]:
    daemon = overview.daemon
    lines = [paint(describe(daemon), None if daemon.lives else Colour.RED)]
    if daemon.lives and daemon.heartbeat:
        troubles = [f"Trouble: {one_line(trouble)}" for trouble in daemon.heartbeat.troubles]
        lines += [paint(trouble, Colour.YELLOW) for trouble in troubles]
    if standby := describe_standby(daemon):
        lines.append(standby)
    return lines


def _table_lines(overview: Overview) -> list[str]:
    """The groups under their titles, all in the same columns."""
    groups = {name: runs for name, runs in overview.groups.items() if runs}
    if not groups:
        return ["No runs yet. Begin with: python -m daemon submit FILE"]
    cells = [_cells(run.status, overview.at) for runs in groups.values() for run in runs]
    head, *rows = _rows([HEAD, *cells])
    lines, rest = ["", head], iter(rows)
    for name, runs in groups.items():
        lines.append(paint(_title(name, len(runs), overview), Colour.BLUE))
        lines += [paint(next(rest), COLOURS.get(run.status.phase)) for run in runs]
    return lines


def _rows(cells: Sequence[Sequence[str]]) -> list[str]:
    """Each row as a line; on a terminal too narrow for that, the last cell below the others."""
    lines, width = columns(cells), room()
    if width is None or max(map(len, lines)) <= width:
        return lines
    short = columns([row[:-1] for row in cells])
    whys = ["", *(fit(f"{INDENT}{row[-1]}") if row[-1] else "" for row in cells[1:])]
    return [
        f"{fit(line)}\n{why}" if why else fit(line) for line, why in zip(short, whys, strict=True)
    ]


def _title(name: str, shown: int, overview: Overview) -> str:
    if name == "Finished" and shown < overview.finished:
        return f"{name} (the last {shown} of {overview.finished}; --all shows every one)"
    return name


def _cells(status: RunStatus, at: datetime) -> Sequence[str]:
    waits = status.phase is Phase.QUEUED
    return (
        str(status.position) if waits and status.position else "",
        status.run_id,
        phase_text(status),
        progress_text(status),
        duration_text(status.progress.eta_s) if status.phase in LIVE else "",
        gpus_text(status),
        attempt_text(status),
        age_text(status.since, at),
        "" if status.phase is Phase.COMPLETED else one_line(status.reason),
    )


def _foot_lines(overview: Overview) -> list[str]:
    lines = []
    if overview.dropped:
        lines.append(f"In runs/queue, not taken yet: {_listed(overview.dropped)}")
    if overview.rejected:
        lines.append(f"In runs/rejected, each with its reason: {_listed(overview.rejected)}")
    if overview.unreadable:
        lines.append(
            f"Without a readable record: {_listed(overview.unreadable)}. "
            "See: python -m daemon doctor"
        )
    return ["", *lines] if lines else []


def _listed(names: Sequence[str]) -> str:
    shown = [one_line(name) for name in names[:LAST_FINISHED]]
    more = [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
    return ", ".join([*shown, *more])
