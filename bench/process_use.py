"""What a living process uses, as the kernel counts it."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """In MB of 1000 * 1000 bytes. `pss` counts what is shared with others in parts only."""

    rss: float
    pss: float
    peak_rss: float


def read_memory(pid: int) -> Memory:
    """The memory of the process without its children."""
    rollup = _read_kb(Path(f"/proc/{pid}/smaps_rollup"))
    status = _read_kb(Path(f"/proc/{pid}/status"))
    return Memory(*(kb * 1024 / 1e6 for kb in (rollup["Rss"], rollup["Pss"], status["VmHWM"])))


def cpu_s(pid: int) -> float:
    """The seconds of a core that the process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _read_kb(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1:] == ["kB"]}
