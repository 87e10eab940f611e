"""`make bench`: what supervision costs, against Axolotl's own command in the same session.

Each round trains the same LoRA on the starter twice: dropped into the queue of a real daemon, and
by hand with `axolotl train`. Data is prepared beforehand for both. Medians and ratios count; the
seconds depend on the machine.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.by_hand import train_by_hand
from bench.supervised import Bench, supervising, train_supervised
from bench.timing import Timing


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60, help="training steps per run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ours, bare = measure(Path(folder), arguments.rounds, arguments.steps)
    print(table(ours, bare))


def measure(folder: Path, rounds: int, steps: int) -> tuple[list[Timing], list[Timing]]:
    """The timings of every round, supervised and by hand, taken in turns."""
    bench = Bench.create(folder, steps)
    ours, bare = [], []
    with supervising(bench):
        tell("preparing the data")
        train_supervised(bench, "warm-up")
        for number in range(1, rounds + 1):
            tell(f"round {number} of {rounds}")
            ours.append(train_supervised(bench, f"round-{number}"))
            bare.append(train_by_hand(bench, number))
    return ours, bare


def table(ours: Sequence[Timing], bare: Sequence[Timing]) -> str:
    """Both ways of training side by side, as medians."""
    rows = [
        ("submit to first step, s", "first_step_s"),
        ("training steps per second", "steps_per_second"),
        ("submit to end of process, s", "end_s"),
    ]
    lines = [f"{'median of ' + str(len(ours)) + ' rounds':32}{'ours':>9}{'by hand':>9}{'ratio':>8}"]
    for title, name in rows:
        mine, theirs = (statistics.median(getattr(t, name) for t in way) for way in (ours, bare))
        lines.append(f"{title:32}{mine:9.2f}{theirs:9.2f}{mine / theirs:8.2f}")
    return "\n".join(lines)


def tell(text: str) -> None:
    """Progress goes beside the table, not into it."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
