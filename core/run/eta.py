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

    The pace is the median, so that what was evaluated or saved between two events does not count.
    None until two events of one attempt are known. The estimate counts down between two events, by
    no more than what the next one is due after: an evaluation brings nothing nearer.
    """
    steps = [row for row in rows[-RECENT:] if "loss" in row and row.get("total_steps")]
    steps = [row for row in steps if row.get("attempt") == steps[-1].get("attempt")]
    gaps = [gap for before, row in pairwise(steps) if (gap := _gap(before, row))]
    if not gaps:
        return None
    pace = median(seconds / count for seconds, count in gaps)
    due_s = pace * median(count for _, count in gaps)
    last = steps[-1]
    passed_s = max(0.0, (now - from_text(last["at"])).total_seconds())
    left_s: float = pace * (last["total_steps"] - last["step"])
    return max(0.0, left_s - min(passed_s, due_s))


def _gap(before: dict[str, Any], row: dict[str, Any]) -> tuple[float, int] | None:
    """Seconds and steps between two events; None where there is no step between them."""
    count = row["step"] - before["step"]
    seconds = (from_text(row["at"]) - from_text(before["at"])).total_seconds()
    return (seconds, count) if count > 0 and seconds >= 0 else None
