"""What supervision costs a training, against Axolotl's own command in the same session.

Each round trains the same LoRA on the starter twice: dropped into the queue of a real daemon, and
by hand with `axolotl train`. Data is prepared beforehand for both. Medians and ratios count; the
seconds depend on the machine.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.by_hand import train_by_hand
from bench.daemon_process import supervising
from bench.progress import tell
from bench.supervised import Bench, train_supervised
from bench.timing import Timing


def measure_training(folder: Path, rounds: int, steps: int) -> str:
    """Both ways of training, taken in turns, as a table."""
    bench = Bench.create(folder, steps)
    ours, bare = [], []
    with supervising(bench.workspace):
        tell("preparing the data")
        train_supervised(bench, "warm-up")
        for number in range(1, rounds + 1):
            tell(f"training, round {number} of {rounds}")
            ours.append(train_supervised(bench, f"round-{number}"))
            bare.append(train_by_hand(bench, number))
    return compare(ours, bare)


def compare(ours: Sequence[Timing], bare: Sequence[Timing]) -> str:
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
