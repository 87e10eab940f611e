"""How long a training will still take."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.clock import from_text

RECENT = 30


def estimate_s(rows: Sequence[dict[str, Any]], now: datetime) -> float | None:
    """Seconds left, from the pace over the recent log events of the last attempt.

    None until two events of one attempt are known. Time that has passed since the newest event is
    taken off, so that the estimate counts down between events.
    """
    steps = [row for row in rows[-RECENT:] if "loss" in row and row.get("total_steps")]
    steps = [row for row in steps if row.get("attempt") == steps[-1].get("attempt")]
    if len(steps) < 2 or steps[-1]["step"] <= steps[0]["step"]:
        return None
    first, last = steps[0], steps[-1]
    first_at, last_at = from_text(first["at"]), from_text(last["at"])
    pace = (last_at - first_at).total_seconds() / (last["step"] - first["step"])
    left: float = pace * (last["total_steps"] - last["step"])
    return max(0.0, left - max(0.0, (now - last_at).total_seconds()))
