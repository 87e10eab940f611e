"""`make bench`: how soon trainings start, what supervising and watching take, how fast data comes.

The seconds depend on the machine and on what else it does: measure where nothing else runs. The
load (waiting processes, as `uptime` tells it) before and after is printed with the numbers.
"""

import argparse
import os
import tempfile
from pathlib import Path

from bench import monitor
from bench.between import measure_between
from bench.data_import import measure_import
from bench.starts import measure_starts
from bench.supervisor import Sizes, measure_supervisor
from bench.token_rates import measure_tokens
from bench.whole import measure_whole

ROWS = (100, 10_000, 1_000_000)
PARTS = ("starts", "whole", "between", "supervisor", "import", "tokens", "monitor")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--rounds", type=int, default=5, help="trainings of each way")
    parser.add_argument("--steps", type=int, default=20, help="steps of a training that starts")
    parser.add_argument("--whole-steps", type=int, default=270, help="steps of a whole job")
    parser.add_argument("--finished", type=int, default=1000, help="finished runs on the disk")
    parser.add_argument("--drops", type=int, default=60, help="specs dropped one after another")
    parser.add_argument("--flood", type=int, default=1000, help="specs dropped at once")
    parser.add_argument("--idle-s", type=float, default=60, help="seconds of an idle daemon")
    parser.add_argument("--import-mb", type=int, default=1000, help="size of the imported file")
    parser.add_argument("--token-rows", type=int, default=100_000, help="chats that are audited")
    parser.add_argument("--rows", type=int, default=ROWS, nargs="+", help="of watched runs")
    parser.add_argument("--watch-s", type=float, default=20, help="seconds of watching a page")
    parser.add_argument("--browsers", type=int, default=20, help="that watch one run at once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        load, root = os.getloadavg()[0], Path(folder)
        for part in given.only:
            print(measure(part, root / part, given), end="\n\n", flush=True)
        print(f"load before and after: {load:.1f}, {os.getloadavg()[0]:.1f}")


def measure(part: str, folder: Path, given: argparse.Namespace) -> str:
    """One part of the bench, as a table."""
    if part == "starts":
        return measure_starts(folder, given.rounds, given.steps)
    if part == "whole":
        return measure_whole(folder, given.rounds, given.whole_steps)
    if part == "between":
        return measure_between(folder, given.rounds, given.steps)
    if part == "import":
        return measure_import(folder, given.rounds, given.import_mb)
    if part == "tokens":
        return measure_tokens(folder, given.rounds, given.token_rows)
    if part == "monitor":
        return monitor.measure_monitor(
            folder, monitor.Sizes(given.rows, given.watch_s, given.browsers)
        )
    sizes = Sizes(given.finished, given.drops, given.flood, given.idle_s)
    return measure_supervisor(folder, sizes)


if __name__ == "__main__":
    main()
