"""`daemon.json`: proof that the daemon lives, and what it sees of the GPUs."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.clock import now_text, to_text
from core.files import save_json
from core.heartbeat import SeenStandby
from core.paths import Workspace
from core.run.status import RunStatus
from core.version import VERSION
from daemon.nvml import GpuReading
from daemon.roster import Roster


def beat(
    workspace: Workspace,
    started_at: datetime,
    readings: Sequence[GpuReading],
    used_gpus: Sequence[int],
    troubles: Sequence[str],
    standby: SeenStandby,
) -> None:
    """Replace the heartbeat. `troubles` are sentences a person should see."""
    record = {
        "pid": os.getpid(),
        "version": VERSION,
        "started_at": to_text(started_at),
        "beat_at": now_text(),
        "gpus": [_describe(reading) for reading in readings],
        "free_gpus": [
            reading.snapshot.index
            for reading in readings
            if reading.snapshot.index not in used_gpus
        ],
        "troubles": list(troubles),
        "standby": asdict(standby),
    }
    save_json(workspace.heartbeat, record, durable=False)


def tell(roster: Roster) -> str:
    """What runs and what waits, in one line."""
    runs = [_tell_run(run.status) for run in roster.live.values()]
    waiting = f"{len(roster.waiting)} waiting" if roster.waiting else ""
    paused = f"{len(roster.paused)} paused" if roster.paused else ""
    return "; ".join(filter(None, [*runs, waiting, paused])) or "idle"


def _tell_run(status: RunStatus) -> str:
    progress = status.progress
    steps = f" {progress.step:,} of {progress.total_steps:,} steps" if progress.total_steps else ""
    return f"{status.name}: {status.phase}{steps}"


def _describe(reading: GpuReading) -> dict[str, Any]:
    snapshot = reading.snapshot
    return {
        "index": snapshot.index,
        "uuid": snapshot.uuid,
        "name": snapshot.name,
        "memory_used_mib": snapshot.memory_used_mib,
        "memory_total_mib": snapshot.memory_total_mib,
        "processes": [
            {"pid": process.pid, "memory_mib": process.memory_mib} for process in reading.processes
        ],
    }
