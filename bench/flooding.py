"""A thousand specs dropped at once: is each taken, in order, and does the daemon stay seen?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bench.daemon_process import WITH_STAND_IN_THAT_STAYS, end_training, supervising
from bench.furnished import spec_text
from bench.measure import Measure
from bench.process_use import read_memory
from bench.waiting import wait_for
from core.clock import from_text
from core.files import load_json
from core.heartbeat import FRESH_S
from core.paths import Workspace
from core.run.phase import LIVE
from core.run.status import RunStatus
from core.run.store import Store
from daemon.trainer_process import TrainerProcess

LOOK_S = 0.02
SETTLE_BEATS = 3


@dataclass
class Beats:
    """The heartbeats of a daemon, looked at often enough to see each."""

    workspace: Workspace
    seen: list[str] = field(default_factory=list)

    def look(self) -> int:
        """Note the beat that is there now; how many there have been."""
        beat_at = load_json(self.workspace.heartbeat)["beat_at"]
        if beat_at not in self.seen[-1:]:
            self.seen.append(beat_at)
        return len(self.seen)

    def longest_gap_s(self) -> float:
        """The longest time between two beats."""
        times = [from_text(text) for text in self.seen]
        return max((b - a).total_seconds() for a, b in pairwise(times))


def measure_flooding(workspace: Workspace, count: int) -> list[Measure]:
    """Drop the specs within a moment, and watch until each is a run."""
    with supervising(workspace, WITH_STAND_IN_THAT_STAYS) as daemon:
        beats = Beats(workspace)
        names = write_aside(workspace, count)
        begun = time.monotonic()
        for name in names:
            (workspace.queue / f".{name}.tmp").rename(workspace.queue / f"{name}.yaml")
        dropped_s = time.monotonic() - begun
        wait_for(lambda: beats.look() and not any(workspace.queue.glob("*.yaml")), LOOK_S)
        taken_s = time.monotonic() - begun
        until = len(beats.seen) + SETTLE_BEATS
        wait_for(lambda: beats.look() >= until, LOOK_S)
        memory = read_memory(daemon.pid)
    runs = [run.status for run in Store(workspace).runs() if run.status.name in set(names)]
    end_living(workspace, runs)
    return [
        Measure("dropping them", dropped_s, "s"),
        Measure("until each is taken", taken_s, "s"),
        Measure("longest time between heartbeats", beats.longest_gap_s(), "s", FRESH_S),
        Measure("not taken exactly once", count_wrong(names, runs), "", 1),
        Measure("out of order", count_disorder(names, runs), "", 1),
        Measure("memory at its peak (RSS)", memory.peak_rss, "MB"),
    ]


def write_aside(workspace: Workspace, count: int) -> list[str]:
    """The specs, complete under hidden names; the names they get, in the order of the drops."""
    names = [f"flood-{number}" for number in range(1, count + 1)]
    text = spec_text("flood-0")
    for name in names:
        # As quick as a script is: many are of the same moment, as the file system tells it.
        (workspace.queue / f".{name}.tmp").write_text(text.replace("flood-0", name))
    return names


def count_wrong(names: Sequence[str], runs: Sequence[RunStatus]) -> int:
    """How many specs became no run, or more than one."""
    taken = [run.name for run in runs]
    return sum(taken.count(name) != 1 for name in names)


def count_disorder(names: Sequence[str], runs: Sequence[RunStatus]) -> int:
    """How many runs have a run before them that was dropped after them."""
    dropped = {name: number for number, name in enumerate(names)}
    order = [dropped[run.name] for run in sorted(runs, key=lambda run: run.rank)]
    return sum(number < max(order[:place], default=-1) for place, number in enumerate(order))


def end_living(workspace: Workspace, runs: Sequence[RunStatus]) -> None:
    """Kill the trainings that the daemon left behind."""
    for run in runs:
        if run.phase in LIVE:
            end_training(TrainerProcess(workspace.run(run.run_id)))
