"""`python -P -m tests.faults.fake_daemon`: the real daemon; only its trainers are fake ones.

With FAKE_STANDBYS in the environment it keeps them warm as well.
"""

import os
import sys
from functools import partial

from daemon import service, standby, standbys
from daemon.start import Start
from daemon.supervisor import Supervisor
from daemon.trainer_process import TrainerProcess, keep
from tests.supervision import FAKE_RANK, FAKE_TRAINER

STANDBYS_VARIABLE = "FAKE_STANDBYS"


def start_fake(start: Start) -> TrainerProcess:
    """As `start_trainer`, but a fake one."""
    return keep(start, [sys.executable, str(FAKE_TRAINER)])


def supervise() -> int:
    """The daemon's own `supervise`, with fake trainers."""
    if os.environ.get(STANDBYS_VARIABLE):
        standby.WARM_RANK = FAKE_RANK
        standbys.start_trainer = start_fake
    else:
        service.Supervisor = partial(Supervisor, obtain=start_fake)
    return service.supervise()


if __name__ == "__main__":
    sys.exit(supervise())
