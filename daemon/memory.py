"""How much memory there is, and what processes take of it."""

from collections.abc import Iterable
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def available_mib(meminfo: Path = MEMINFO) -> int:
    """What new processes could use without anything being pushed out to the disk, in MiB."""
    return _read_kib(meminfo, "MemAvailable") // 1024


def used_mib(pids: Iterable[int]) -> int:
    """The memory of the processes together, in MiB; what is shared counts once in all (PSS)."""
    return sum(_read_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids) // 1024


def _read_kib(path: Path, key: str) -> int:
    """The number of KiB that the file names under the key; 0 when it does not."""
    try:
        lines = path.read_text().splitlines()
    except OSError:  # gone meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
