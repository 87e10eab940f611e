"""The time between two queued runs, and what wishes take: checkpoint, pause, resume, cancel."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.daemon_process import supervising
from bench.measure import Measure, table
from bench.progress import tell
from bench.starts import require_warm
from bench.supervised import Bench, Watched, drop, find_named, phase_of, wait_for_standby, watch
from bench.waiting import wait_for
from core.clock import from_text
from core.heartbeat import find_daemon
from core.run.journal import JournalReader
from core.run.phase import Phase, Verb
from core.run.store import Run, Store

GAP_GOAL_S = 1.5
LONG_STEPS = 4000


def measure_between(folder: Path, rounds: int, steps: int) -> str:
    """Gaps and wishes, as a table."""
    bench = Bench.create(folder, steps)
    with supervising(bench.workspace):
        wait_for_standby(bench)
        gaps = [measure_gap(bench, f"gap-{number}") for number in range(rounds)]
        memory_mib = standby_memory_mib(bench)
        wishes = [measure_wishes(bench, f"wishes-{number}") for number in range(rounds)]
    rows = [
        Measure("idle between two queued runs, median", statistics.median(gaps), "s", GAP_GOAL_S)
    ]
    rows += [Measure("idle between two queued runs, longest", max(gaps), "s", GAP_GOAL_S)]
    for title in wishes[0]:
        rows.append(Measure(f"{title}, median", statistics.median(w[title] for w in wishes), "s"))
    rows.append(Measure("memory of the standby (PSS)", memory_mib, "MiB"))
    return table("between runs", rows)


def measure_gap(bench: Bench, name: str) -> float:
    """Seconds from the last step of one run to the first of the next, which waited behind it."""
    tell(f"two runs in the queue: {name}")
    names = [f"{name}-first", f"{name}-second"]
    long = bench.asking(max_steps=bench.spec["max_steps"] * 10)
    dropped = [drop(one, each) for one, each in zip((long, bench), names, strict=True)]
    first, second = (watch(bench, each, at) for each, at in zip(names, dropped, strict=True))
    require_warm(second)
    return moment(second, "first_step") - moment(first, "stage", stage="ending")


def moment(watched: Watched, entry: str, **values: str) -> float:
    """When the run's journal tells the entry with the values (Unix time)."""
    wanted = {"entry": entry, **values}
    found = next(line for line in watched.journal if wanted.items() <= line.items())
    return from_text(found["at"]).timestamp()


def measure_wishes(bench: Bench, name: str) -> dict[str, float]:
    """Seconds from each wish to its fulfilment, of one training."""
    tell(f"wishes: {name}")
    wait_for_standby(bench)
    drop(bench.asking(max_steps=LONG_STEPS), name)
    store = Store(bench.workspace)
    run = wait_for(lambda: find_named(store, name))
    wait_for(lambda: has_entry(run, 1, "first_step"))
    saved_s = wish(store, run, Verb.CHECKPOINT, lambda: has_entry(run, 1, "checkpoint"))
    paused_s = wish(store, run, Verb.PAUSE, lambda: phase_of(store, run) is Phase.PAUSED)
    wait_for_standby(bench)
    return {
        "checkpoint": saved_s,
        "pause, until its processes are gone": paused_s,
        "resume, to the next step": wish(
            store, run, Verb.RESUME, lambda: has_entry(run, 2, "first_step")
        ),
        "cancel, until its processes are gone": wish(
            store, run, Verb.CANCEL, lambda: phase_of(store, run) is Phase.CANCELLED
        ),
    }


def wish(store: Store, run: Run, verb: Verb, fulfilled: Callable[[], bool]) -> float:
    """The seconds until it is fulfilled."""
    begun = time.monotonic()
    store.request(run.run_id, verb)
    wait_for(fulfilled)
    return time.monotonic() - begun


def has_entry(run: Run, attempt: int, entry: str) -> bool:
    """Whether the journal of the attempt has such an entry."""
    reader = JournalReader(run.paths.journal, attempt)
    reader.refresh()
    return reader.last(entry) is not None


def standby_memory_mib(bench: Bench) -> int:
    """What the daemon tells of the memory that its standby takes."""
    wait_for_standby(bench)

    def told() -> int:
        daemon = find_daemon(bench.workspace.heartbeat)
        return daemon.standby.memory_mib if daemon else 0

    return wait_for(told)
