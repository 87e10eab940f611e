"""How long a training will still take."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from core.clock import from_text

RECENT = 30


def estimate_s(rows: Sequence[dict[str, Any]], now: datetime) -> float | None:
    """Seconds left, from the pace between the recent log events of the last attempt.

    The pace is the median, so that an evaluation or a checkpoint between two events does not count.
    None until two events of one attempt are known. Time that has passed since the newest event is
    taken off, so that the estimate counts down between events.
    """
    steps = [row for row in rows[-RECENT:] if "loss" in row and row.get("total_steps")]
    steps = [row for row in steps if row.get("attempt") == steps[-1].get("attempt")]
    paces = [pace for before, row in pairwise(steps) if (pace := _pace(before, row)) is not None]
    if not paces:
        return None
    last = steps[-1]
    left_s: float = median(paces) * (last["total_steps"] - last["step"])
    return max(0.0, left_s - max(0.0, (now - from_text(last["at"])).total_seconds()))


def _pace(before: dict[str, Any], row: dict[str, Any]) -> float | None:
    """Seconds per step between two events; None where there is no step between them."""
    seconds = (from_text(row["at"]) - from_text(before["at"])).total_seconds()
    count = row["step"] - before["step"]
    return seconds / count if count > 0 and seconds >= 0 else None
