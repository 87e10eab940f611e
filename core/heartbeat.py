"""Reading `daemon.json`: does the daemon live, and what does it see?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.clock import from_text, now
from core.errors import RecordError
from core.files import load_json
from core.gpu import NO_LIMITS, GpuLimits
from core.numbers import is_number

FRESH_S = 5.0


@dataclass(frozen=True)
class SeenProcess:
    """A process on a GPU: of the run `run_id`, or, where that is empty, a program of `user`.

    Memory is None where the driver does not tell; names are empty where nobody may look.
    """

    pid: int
    memory_mib: int | None = None
    run_id: str = ""
    name: str = ""
    user: str = ""


@dataclass(frozen=True)
class SeenGpu:
    """A GPU as the daemon last saw it; memory is None where the card does not tell."""

    index: int
    name: str
    memory_used_mib: int | None
    memory_total_mib: int | None
    processes: tuple[SeenProcess, ...] = ()
    limits: GpuLimits = NO_LIMITS


@dataclass(frozen=True)
class SeenStandby:
    """The trainers that wait for the next runs: `ready`, `preparing`, `none` or `off`, and why.

    `ranks` is how many processes the largest has, `memory_mib` what all of them take.
    """

    state: str = ""
    reason: str = ""
    ranks: int = 0
    memory_mib: int = 0


@dataclass(frozen=True)
class Heartbeat:
    """The daemon's last sign of life."""

    beat_at: datetime
    version: str
    gpus: tuple[SeenGpu, ...]
    free_gpus: tuple[int, ...]
    troubles: tuple[str, ...]
    standby: SeenStandby = SeenStandby()

    def is_fresh(self, at: datetime) -> bool:
        """Whether the daemon lived a moment before `at`."""
        # A clock that was set back leaves a beat of the future, which proves nothing.
        return abs(at - self.beat_at) <= timedelta(seconds=FRESH_S)


def find_daemon(path: Path) -> Heartbeat | None:
    """The heartbeat of a daemon that lived a moment ago; None when it is down."""
    heartbeat = read_heartbeat(path)
    return heartbeat if heartbeat is not None and heartbeat.is_fresh(now()) else None


def read_heartbeat(path: Path) -> Heartbeat | None:
    """The heartbeat in the file, or None when there is no readable one."""
    try:
        return _parse(load_json(path))
    except (OSError, RecordError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _parse(record: dict[str, Any]) -> Heartbeat:
    return Heartbeat(
        beat_at=from_text(record["beat_at"]),
        version=str(record.get("version", "")),
        gpus=tuple(_parse_gpu(gpu) for gpu in record.get("gpus") or ()),
        free_gpus=tuple(int(index) for index in record.get("free_gpus") or ()),
        troubles=tuple(str(trouble) for trouble in record.get("troubles") or ()),
        standby=_parse_standby(record.get("standby") or {}),
    )


def _parse_standby(record: dict[str, Any]) -> SeenStandby:
    return SeenStandby(
        state=str(record.get("state", "")),
        reason=str(record.get("reason", "")),
        ranks=int(record.get("ranks", 0)),
        memory_mib=int(record.get("memory_mib", 0)),
    )


def _parse_gpu(record: dict[str, Any]) -> SeenGpu:
    return SeenGpu(
        index=int(record["index"]),
        name=str(record.get("name", "")),
        memory_used_mib=_whole(record.get("memory_used_mib")),
        memory_total_mib=_whole(record.get("memory_total_mib")),
        processes=tuple(
            _parse_process(process) for process in record.get("processes") or () if "pid" in process
        ),
        limits=_parse_limits(record.get("limits") or {}),
    )


def _parse_process(record: dict[str, Any]) -> SeenProcess:
    return SeenProcess(
        pid=int(record["pid"]),
        memory_mib=_whole(record.get("memory_mib")),
        run_id=str(record.get("run_id", "")),
        name=str(record.get("name", "")),
        user=str(record.get("user", "")),
    )


def _parse_limits(record: dict[str, Any]) -> GpuLimits:
    known = {
        name: record[name] for name in GpuLimits.__dataclass_fields__ if is_number(record.get(name))
    }
    return GpuLimits(**known)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
