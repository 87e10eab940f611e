"""`daemon.json`: proof that the daemon lives, and what it sees of the GPUs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any

from core.clock import now_text, to_text
from core.files import save_json
from core.heartbeat import SeenStandby
from core.paths import Workspace
from core.run.status import RunStatus
from core.version import VERSION
from daemon.gpu_processes import look_at
from daemon.nvml import GpuReading
from daemon.roster import Roster


def beat(
    workspace: Workspace,
    started_at: datetime,
    readings: Sequence[GpuReading],
    used_gpus: Sequence[int],
    troubles: Sequence[str],
    standby: SeenStandby,
    marks: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Replace the heartbeat. `troubles` are sentences a person should see.

    `marks` are the living runs by what marks their processes.
    """
    record = {
        "pid": os.getpid(),
        "version": VERSION,
        "started_at": to_text(started_at),
        "beat_at": now_text(),
        "gpus": [_describe(reading, marks) for reading in readings],
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


def _describe(reading: GpuReading, marks: Mapping[str, str]) -> dict[str, Any]:
    snapshot = reading.snapshot
    return {
        "index": snapshot.index,
        "uuid": snapshot.uuid,
        "name": snapshot.name,
        "memory_used_mib": snapshot.memory_used_mib,
        "memory_total_mib": snapshot.memory_total_mib,
        "processes": [asdict(look_at(process, marks)) for process in reading.processes],
        "limits": asdict(reading.limits),
    }
