"""Whether the daemon lives, as far as its files tell."""

from dataclasses import dataclass

from core.clock import now
from core.heartbeat import Heartbeat, SeenStandby, read_heartbeat
from core.lock import is_locked
from core.paths import Workspace
from daemon.shell.advice import HOW_TO_START
from daemon.shell.terminal import age_text, one_line


@dataclass(frozen=True)
class Daemon:
    """Its last sign of life; whether that is fresh; whether a daemon holds the workspace."""

    heartbeat: Heartbeat | None
    lives: bool
    holds: bool


def look_for_daemon(workspace: Workspace) -> Daemon:
    """The daemon of the workspace as it is now."""
    heartbeat = read_heartbeat(workspace.heartbeat)
    is_fresh = heartbeat is not None and heartbeat.is_fresh(now())
    holds = _holds(workspace)
    # Its last sign of life stays fresh for a moment after it has ended.
    return Daemon(heartbeat, is_fresh and holds is not False, holds or (holds is None and is_fresh))


def describe(daemon: Daemon) -> str:
    """One sentence on whether it lives, and what to do if not."""
    if daemon.lives and daemon.heartbeat:
        gpus = ", ".join(map(str, daemon.heartbeat.free_gpus)) or "none"
        free = f" Free GPUs: {gpus}." if daemon.heartbeat.gpus else ""
        return f"The daemon lives (version {one_line(daemon.heartbeat.version)}).{free}"
    if daemon.holds:
        last = f" for {age_text(daemon.heartbeat.beat_at, now())}" if daemon.heartbeat else ""
        return f"The daemon has not been heard of{last}, although it has not ended."
    return f"The daemon is not running: nothing starts. {HOW_TO_START}"


def describe_standby(daemon: Daemon) -> str:
    """One sentence on how soon the next run starts; empty where nothing tells."""
    standby = standby_of(daemon)
    if standby is None:
        return ""
    reason = f": {one_line(standby.reason)}" if standby.reason else ""
    memory = (
        f" It takes {standby.memory_mib / 1024:.1f} GiB of memory." if standby.memory_mib else ""
    )
    sentences = {
        "ready": f"Standby: ready, the next run starts in about a second.{memory}",
        "preparing": "Standby: getting ready.",
        "none": f"Standby: none{reason}.",
        "off": "Standby: switched off in the settings.",
    }
    return sentences.get(standby.state, "")


def standby_of(daemon: Daemon) -> SeenStandby | None:
    """What a living daemon says of its standby; None where none says anything."""
    if not daemon.lives or daemon.heartbeat is None or not daemon.heartbeat.standby.state:
        return None
    return daemon.heartbeat.standby


def _holds(workspace: Workspace) -> bool | None:
    """Whether a daemon holds the lock; None where it may not be looked at, as another user's."""
    try:
        return is_locked(workspace.daemon_lock)
    except OSError:
        return None
