"""`make bench`: what supervision costs a training, and what the supervisor itself takes.

The seconds depend on the machine and on what else it does: measure where nothing else runs. The
load (waiting processes, as `uptime` tells it) before and after is printed with the numbers.
"""

import argparse
import os
import tempfile
from pathlib import Path

from bench.supervisor import Sizes, measure_supervisor
from bench.training import measure_training


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=("training", "supervisor"))
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each way")
    parser.add_argument("--steps", type=int, default=60, help="training steps per run")
    parser.add_argument("--finished", type=int, default=1000, help="finished runs on the disk")
    parser.add_argument("--drops", type=int, default=60, help="specs dropped one after another")
    parser.add_argument("--flood", type=int, default=1000, help="specs dropped at once")
    parser.add_argument("--idle-s", type=float, default=60, help="seconds of an idle daemon")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        load = os.getloadavg()[0]
        if given.only != "supervisor":
            print(measure_training(Path(folder, "training"), given.rounds, given.steps), end="\n\n")
        if given.only != "training":
            sizes = Sizes(given.finished, given.drops, given.flood, given.idle_s)
            print(measure_supervisor(Path(folder, "supervisor"), sizes), end="\n\n")
        print(f"load before and after: {load:.1f}, {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
