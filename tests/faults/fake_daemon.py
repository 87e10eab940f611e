"""`python -P -m tests.faults.fake_daemon`: the real daemon; only its trainers are fake ones."""

import sys
from functools import partial

from daemon import service
from daemon.start import Start
from daemon.supervisor import Supervisor
from daemon.trainer_process import TrainerProcess, keep
from tests.supervision import FAKE_TRAINER


def obtain_fake(start: Start) -> TrainerProcess:
    """As `obtain_trainer`, but a fake one."""
    return keep(start, [sys.executable, str(FAKE_TRAINER)])


def supervise() -> int:
    """The daemon's own `supervise`, with fake trainers."""
    service.Supervisor = partial(Supervisor, obtain=obtain_fake)
    return service.supervise()


if __name__ == "__main__":
    sys.exit(supervise())
