"""How much memory there is, and what processes take of it."""

from collections.abc import Iterable
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/proc/self/cgroup")
MIB = 1024 * 1024


def available_mib(meminfo: Path = MEMINFO, group: Path | None = None) -> int:
    """What new processes could use without anything being pushed out to the disk, in MiB.

    No more than what their control group still may have, in a container, say.
    """
    available = _read_kib(meminfo, "MemAvailable") // 1024
    left = _left_mib(group or _find_group())
    return available if left is None else min(available, left)


def total_mib(meminfo: Path = MEMINFO, group: Path | None = None) -> int:
    """The memory there is, in MiB: that of the machine, or what the control group may have."""
    total = _read_kib(meminfo, "MemTotal") // 1024
    most = _bound_mib(group or _find_group())
    return total if most is None else min(total, most)


def swap_mib(meminfo: Path = MEMINFO) -> tuple[int, int]:
    """How much swap there is, and how much of it is free, in MiB."""
    return _read_kib(meminfo, "SwapTotal") // 1024, _read_kib(meminfo, "SwapFree") // 1024


def _find_group() -> Path:
    """The folder of this process's control group (version 2)."""
    name = CGROUP.read_text().rpartition("::")[2].strip() if CGROUP.exists() else ""
    return Path("/sys/fs/cgroup") / name.lstrip("/")


def _left_mib(group: Path) -> int | None:
    """What the group may still take, in MiB; None where it has no bound."""
    try:
        most, used = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        return max(0, int(most) - int(used)) // MIB
    except (OSError, ValueError):  # no such group, or `max`
        return None


def _bound_mib(group: Path) -> int | None:
    try:
        return int((group / "memory.max").read_text()) // MIB
    except (OSError, ValueError):  # no such group, or `max`
        return None


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
