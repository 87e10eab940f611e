"""Which colour and which line a run has on the compare page. Pure."""

from collections.abc import Mapping, Sequence

MAX_RUNS = 12
"""With more, nobody can tell the lines apart."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
"""Beside ten colours: no two of twelve runs have both the same colour and the same line."""


def assign_slots(chosen: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """A number from 0 for each run; a run keeps the one it had when others come and go."""
    kept = {run_id: before[run_id] for run_id in chosen if run_id in before}
    free = iter(sorted(set(range(len(chosen) + len(kept))) - set(kept.values())))
    return {run_id: kept[run_id] if run_id in kept else next(free) for run_id in chosen}
