"""How long after its rename into the queue a spec's trainer process is there."""

import statistics
import time

from bench.daemon_process import WITH_STAND_IN, supervising
from bench.furnished import spec_text
from bench.measure import Measure, percentile
from bench.stand_in import MARK
from bench.waiting import wait_for
from core.files import read_tail
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED
from core.run.store import Store

GOAL_MS = 100.0
TURN_S = 0.5
REST_S = 0.3


def measure_starting(workspace: Workspace, drops: int) -> list[Measure]:
    """Drop specs one after another, each when the run before it has ended."""
    with supervising(workspace, WITH_STAND_IN):
        drop(workspace, "warm-up", REST_S)
        # At another point of the loop's turn each time.
        rests = [REST_S + TURN_S * number / drops for number in range(drops)]
        times = [
            drop(workspace, f"drop-{number}", rest_s) * 1000 for number, rest_s in enumerate(rests)
        ]
    return [
        Measure("drop to process, median", statistics.median(times), "ms"),
        Measure("drop to process, 95th percentile", percentile(times, 95), "ms", GOAL_MS),
        Measure("drop to process, longest", max(times), "ms"),
    ]


def drop(workspace: Workspace, name: str, rest_s: float) -> float:
    """The seconds from the rename to the trainer's first act; returns when the run has ended."""
    aside = workspace.queue / f".{name}.tmp"
    aside.write_text(spec_text(name))
    time.sleep(rest_s)
    dropped_at = time.monotonic()
    aside.rename(workspace.queue / f"{name}.yaml")
    paths = wait_for(lambda: find_folder(workspace, name))
    mark = paths.folder / MARK
    started_at = float(wait_for(lambda: read_tail(mark)))
    store = Store(workspace)
    wait_for(lambda: (run := store.find_run(paths.run_id)) and run.status.phase in FINISHED)
    return started_at - dropped_at


def find_folder(workspace: Workspace, name: str) -> RunPaths | None:
    """The folder of the run of that name, once there is one."""
    found = (path for path in workspace.run_folders() if path.run_id.endswith(f"-{name}"))
    return next(found, None)
