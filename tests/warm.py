"""Real standbys without a daemon, for tests that train the same twice: cold, and warm."""

import os
from pathlib import Path

from core.paths import Workspace
from core.run.trainer_env import STANDBY_VARIABLE
from core.settings import Settings
from daemon.standby import Standby
from daemon.standbys import Standbys
from daemon.start import Start, trainer_environment
from daemon.trainer_process import TrainerProcess
from tests.waiting import wait_until

PLENTY_MIB = 64 * 1024


def start_warm(start: Start) -> TrainerProcess:
    """As `start_trainer`, in processes that were ready before they were told of the run."""
    standbys = Standbys(make_desk(start), Settings(), available_mib=lambda: PLENTY_MIB)
    standbys.open()
    standby = wait_until(lambda: find_ready(standbys, start), timeout_s=200, pause_s=0.05)
    standbys.standbys.remove(standby)
    # Given without a look at whether it fits: the test's own plugin would speak against it.
    environment = trainer_environment(start, os.environ)
    process = standby.give(start, {**environment, STANDBY_VARIABLE: standby.birth.name})
    standbys.close()
    assert process is not None, "the standby did not answer"
    return process


def find_ready(standbys: Standbys, start: Start) -> Standby | None:
    """The standby, once it is ready."""
    standbys.tick((start.ranks,), start.gpu_uuids, may_prepare=True)
    assert not standbys.trouble, standbys.trouble
    return next((standby for standby in standbys.standbys if standby.is_ready), None)


def make_desk(start: Start) -> Workspace:
    """A place for a door of its own, beside those of runs that start at the same time."""
    desk = Workspace(start.root / "desks" / f"{start.paths.run_id}-{start.attempt}")
    desk.runs.mkdir(parents=True)
    desk.models.symlink_to(Path(start.root / "models"))
    return desk
