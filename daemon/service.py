"""The daemon as a process: supervise the workspace until told to stop."""

import logging
import os
import signal
import sys
from types import FrameType

from core.errors import SettingsError
from core.furnish import furnish
from core.lock import take_lock
from core.paths import find_workspace
from core.settings import load_settings
from daemon import notify
from daemon.supervisor import Supervisor

EXIT_BUSY = 75
EXIT_SETTINGS = 78


def supervise() -> int:
    """The exit code: 0 after an orderly stop, 75 if a daemon runs already, 78 for bad settings."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Others may not read what is trained on; the group may if whoever started us lets it.
    os.umask(os.umask(0) | 0o007)
    notify.begin()
    workspace = find_workspace()
    workspace.runs.mkdir(parents=True, exist_ok=True)
    lock = take_lock(workspace.daemon_lock)
    if lock is None:
        print(
            f"a daemon already supervises {workspace.root}; see `python -m daemon status`",
            file=sys.stderr,
        )
        return EXIT_BUSY
    furnish(workspace)
    try:
        settings = load_settings(workspace.settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    if not settings.hub_allowed:
        environment["HF_HUB_OFFLINE"] = "1"
    supervisor = Supervisor(workspace, settings, environment)

    def on_stop(signum: int, frame: FrameType | None) -> None:
        # Only a flag: an event's lock is not reentrant, and the loop may be holding it.
        supervisor.stopping = True

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    logging.info("supervising %s (pid %s)", workspace.root, os.getpid())
    if sys.stderr.isatty():
        print("Ctrl+C stops the daemon. Commands: python -m daemon --help", file=sys.stderr)
    supervisor.run()
    return 0
