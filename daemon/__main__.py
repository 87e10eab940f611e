"""`python -P -m daemon`: supervise the workspace until told to stop."""

import fcntl
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from core.errors import SettingsError
from core.furnish import furnish
from core.paths import CODE_ROOT, find_workspace
from core.settings import load_settings
from daemon.supervisor import Supervisor

EXIT_BUSY = 75
EXIT_SETTINGS = 78


def main() -> int:
    """The exit code: 0 after an orderly stop, 75 if a daemon runs already, 78 for bad settings."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    os.umask(0o077)
    workspace = find_workspace()
    workspace.runs.mkdir(parents=True, exist_ok=True)
    lock = take_lock(workspace.daemon_lock)
    if lock is None:
        print(f"a daemon already supervises {workspace.root}", file=sys.stderr)
        return EXIT_BUSY
    furnish(workspace)
    try:
        settings = load_settings(workspace.settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    environment = {**os.environ, "PYTHONPATH": str(CODE_ROOT), "PYTHONSAFEPATH": "1"}
    if not settings.hub_allowed:
        environment["HF_HUB_OFFLINE"] = "1"
    supervisor = Supervisor(workspace, settings, environment)

    def on_stop(signum: int, frame: FrameType | None) -> None:
        supervisor.stopping = True
        supervisor.watch.woken.set()

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    logging.info("supervising %s (pid %s)", workspace.root, os.getpid())
    supervisor.run()
    return 0


def take_lock(path: Path) -> int | None:
    """Hold the workspace's lock for as long as this process lives; None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


if __name__ == "__main__":
    sys.exit(main())
