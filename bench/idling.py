"""What a daemon costs that has nothing to do."""

import time

from bench.daemon_process import supervising
from bench.measure import Measure
from bench.process_use import cpu_s, read_memory
from core.paths import Workspace

GOAL_MB = 80.0
GOAL_PERCENT = 1.0
SETTLE_S = 3.0


def measure_idling(workspace: Workspace, seconds: float) -> list[Measure]:
    """Leave a daemon alone for so long."""
    with supervising(workspace) as daemon:
        # What is new in the first turns, such as folders that changed a moment ago, is not idle.
        time.sleep(SETTLE_S)
        begun, used_before = time.monotonic(), cpu_s(daemon.pid)
        time.sleep(seconds)
        share = (cpu_s(daemon.pid) - used_before) / (time.monotonic() - begun)
        memory = read_memory(daemon.pid)
    return [
        Measure("idle daemon, CPU of one core", share * 100, "%", GOAL_PERCENT),
        Measure("idle daemon, memory (RSS)", memory.rss, "MB", GOAL_MB),
        Measure("idle daemon, memory (PSS)", memory.pss, "MB"),
    ]
