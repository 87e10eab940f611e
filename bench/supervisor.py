"""What the daemon itself takes: its share of a start, of an adoption, of an idle day."""

from dataclasses import dataclass
from pathlib import Path

from bench.adopting import measure_adopting
from bench.flooding import measure_flooding
from bench.furnished import make_workspace
from bench.idling import measure_idling
from bench.measure import table
from bench.progress import tell
from bench.starting import measure_starting

ADOPTIONS = 7


@dataclass(frozen=True)
class Sizes:
    """How much is measured: finished runs on the disk, specs one by one and at once, idle time."""

    finished: int
    drops: int
    flood: int
    idle_s: float


def measure_supervisor(folder: Path, sizes: Sizes) -> str:
    """All measurements of the daemon, as tables. None of them needs Axolotl."""
    tell("making the finished runs")
    workspace = make_workspace(folder / "furnished", sizes.finished)
    tell(f"an idle daemon, {sizes.idle_s:g} s")
    measures = measure_idling(workspace, sizes.idle_s)
    tell("a daemon that finds a living run")
    measures += measure_adopting(workspace, ADOPTIONS)
    tell(f"{sizes.drops:,} specs, one after another")
    measures += measure_starting(workspace, sizes.drops)
    tell(f"{sizes.flood:,} specs at once")
    flooding = measure_flooding(make_workspace(folder / "flooded"), sizes.flood)
    return "\n\n".join(
        [
            table(f"with {sizes.finished:,} finished runs", measures),
            table(f"{sizes.flood:,} specs dropped at once", flooding),
        ]
    )
