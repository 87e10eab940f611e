"""How long a daemon that starts needs until it lives and follows what it found."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.daemon_process import end_training, has_beaten, starting
from bench.furnished import spec_text
from bench.measure import Measure
from bench.stand_in import command
from bench.waiting import wait_for
from core.clock import now
from core.paths import Workspace
from core.run.phase import Phase
from core.run.status import RunStatus
from core.run.store import Store
from core.settings import Settings
from daemon import records
from daemon.roster import Roster
from daemon.start import Start
from daemon.take_up import TakeUp
from daemon.trainer_process import keep

GOAL_S = 1.0


def measure_adopting(workspace: Workspace, rounds: int) -> list[Measure]:
    """Start daemons one after another beside one training that lives on."""
    with living_run(workspace) as status:
        times = [adopt(workspace, status) for _ in range(rounds)]
        alone = [take_up(workspace, status) for _ in range(rounds)]
    return [
        Measure("start of the daemon to adoption, median", statistics.median(times), "s", GOAL_S),
        Measure("start of the daemon to adoption, longest", max(times), "s", GOAL_S),
        Measure("looking through the runs alone, median", statistics.median(alone), "s"),
    ]


def adopt(workspace: Workspace, status: RunStatus) -> float:
    """Seconds from the start of the process until it has beaten and tells the run's progress."""
    records.save(workspace.run(status.run_id), status)
    store = Store(workspace)
    begun = time.monotonic()
    with starting(workspace) as daemon:
        wait_for(lambda: has_beaten(workspace, daemon))
        wait_for(lambda: (run := store.find_run(status.run_id)) and run.status.progress.step)
        return time.monotonic() - begun


def take_up(workspace: Workspace, status: RunStatus) -> float:
    """Seconds that the daemon's own look through all runs takes."""
    records.save(workspace.run(status.run_id), status)
    roster = Roster(workspace)
    begun = time.monotonic()
    TakeUp(roster, Settings()).all()
    taken_s = time.monotonic() - begun
    if list(roster.live) != [status.run_id]:
        raise RuntimeError(f"{status.run_id} was not taken up")
    return taken_s


@contextmanager
def living_run(workspace: Workspace) -> Iterator[RunStatus]:
    """A training that an earlier daemon left behind, as its last status told of it."""
    at = now()
    paths = workspace.run(f"{at:%Y%m%d-%H%M%S}-live")
    paths.requests.mkdir(parents=True)
    paths.spec.write_text(spec_text("live"))
    process = keep(Start(paths, workspace.root, 1, {}, ()), command("stay"))
    wait_for(paths.metrics.exists)
    queued = RunStatus(paths.run_id, "live", submitted_at=at, since=at)
    try:
        yield replace(queued, phase=Phase.STARTING, attempt=1, started_at=at, attempt_started_at=at)
    finally:
        end_training(process)
