"""What is measured of one training."""

import re
from dataclasses import dataclass

STEPS_PER_SECOND = re.compile(r"'train_steps_per_second': '?([0-9.]+)")


@dataclass(frozen=True)
class Timing:
    """Seconds from the submit (or the command) on, and the pace that the trainer itself reports."""

    first_step_s: float
    end_s: float
    steps_per_second: float


def reported_pace(log: str) -> float:
    """Steps per second over the training loop, as Axolotl's log has it."""
    found = STEPS_PER_SECOND.findall(log)
    if not found:
        raise ValueError(f"the log names no pace; it ends with: {log[-500:]}")
    return float(found[-1])
