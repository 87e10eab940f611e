"""What runs already on this machine, and what that means for a launch."""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from core.errors import RecordError
from core.files import load_json
from core.lock import is_locked, sign, take_lock
from core.paths import Workspace
from core.run.phase import LIVE, Phase

HOST = "127.0.0.1"
HEALTH = "/_stcore/health"
PROBE_TIMEOUT_S = 0.5
LIVE_PHASES = LIVE - {Phase.CANCELLING}


class PortUse(Enum):
    """Who answers on the app's port."""

    FREE = auto()
    STREAMLIT = auto()
    OTHER = auto()


class Plan(Enum):
    """What a launch does."""

    START_BOTH = auto()
    START_APP = auto()
    ALREADY_RUNNING = auto()
    PORT_TAKEN = auto()


@dataclass(frozen=True)
class Found:
    """What runs already."""

    daemon: bool
    port: PortUse


def decide(found: Found) -> Plan:
    """What to do about it. Starts nothing."""
    if found.port is PortUse.FREE:
        return Plan.START_APP if found.daemon else Plan.START_BOTH
    # Any Streamlit app gives this answer; with our daemon alive beside it, it is ours.
    if found.daemon and found.port is PortUse.STREAMLIT:
        return Plan.ALREADY_RUNNING
    return Plan.PORT_TAKEN


def look(workspace: Workspace, port: int) -> Found:
    return Found(daemon=is_locked(workspace.daemon_lock), port=port_use(port))


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


@contextmanager
def launcher_lock(workspace: Workspace, port: int) -> Iterator[str | None]:
    """Hold the one launcher's lock, or give the address of the launcher that has it."""
    path = workspace.runs / ".launch.lock"
    lock = take_lock(path)
    if lock is None:
        yield path.read_text(encoding="utf-8").strip() or url(port)
        return
    try:
        sign(lock, url(port))
        yield None
    finally:
        os.close(lock)


def port_use(port: int) -> PortUse:
    if app_answers(port):
        return PortUse.STREAMLIT
    with socket.socket() as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        return PortUse.OTHER if probe.connect_ex((HOST, port)) == 0 else PortUse.FREE


def app_answers(port: int) -> bool:
    """True when a Streamlit server on the port says that it is well."""
    # http.client, unlike urllib, never sends a local question to a proxy.
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", HEALTH)
        answer = connection.getresponse()
        return answer.status == 200 and answer.read(16).strip() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def live_trainings(workspace: Workspace) -> list[str]:
    """The names of the runs whose training goes on without daemon and app."""
    return [name for path in workspace.run_folders() if (name := _live_name(path.status))]


def _live_name(status: Path) -> str | None:
    try:
        record = load_json(status)
    except (OSError, RecordError):
        return None
    return (
        str(record.get("name") or status.parent.name)
        if record.get("phase") in LIVE_PHASES
        else None
    )
