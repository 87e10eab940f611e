"""`python -P -m bench.small_daemon train|stay`: the daemon, with the stand-in as its trainer."""

import os
import signal
import sys
from functools import partial

from bench.stand_in import command
from core.paths import find_workspace
from core.settings import Settings
from daemon.supervisor import Supervisor
from daemon.trainer_process import keep


def main() -> None:
    """Supervise with the default settings until told to stop."""
    obtain = partial(keep, command=command(sys.argv[1]))
    supervisor = Supervisor(find_workspace(), Settings(), dict(os.environ), obtain)

    def on_stop(signum: int, frame: object) -> None:
        supervisor.stopping = True

    signal.signal(signal.SIGTERM, on_stop)
    supervisor.run()


if __name__ == "__main__":
    main()
