"""What the daemon itself takes: its share of a start, of an adoption, of an idle day."""

from pathlib import Path

from bench.adopting import measure_adopting
from bench.flooding import measure_flooding
from bench.furnished import make_workspace
from bench.idling import measure_idling
from bench.measure import table
from bench.progress import tell
from bench.starting import measure_starting


def measure_supervisor(folder: Path, drops: int, finished: int, idle_s: float, flood: int) -> str:
    """All measurements of the daemon, as tables."""
    tell("making the runs that have ended")
    full = make_workspace(folder / "full", finished)
    tell(f"an idle daemon, {idle_s:g} s")
    title = f"with {finished:,} finished runs"
    idling = measure_idling(full, idle_s)
    tell("adoption")
    adopting = measure_adopting(full, rounds=7)
    tell(f"{drops} drops, one after another")
    starting = measure_starting(full, drops)
    tell(f"{flood} specs at once")
    flooding = measure_flooding(make_workspace(folder / "flood"), flood)
    return "\n\n".join(
        [
            table(title, [*starting, *adopting, *idling]),
            table(f"{flood:,} specs dropped at once", flooding),
        ]
    )
