"""Whether the memory of a run that ended is back, and what others use: told from the readings."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from core import clock
from core.run.status import RunStatus
from daemon.lanes import GpuState
from daemon.nvml import Gpu, GpuReading

BACK_WITHIN_MIB = 256
"""So near to what it was before the run, the memory counts as back."""
RELEASE_LIMIT_S = 60.0
RELEASING = "still gives back the memory of the run that ended"


def memory_is_back(
    used_mib: int | None, before_mib: int | None, pids: frozenset[int], listed: frozenset[int]
) -> bool:
    """Whether a GPU has all its memory back after a run.

    `before_mib` was used before the run; `pids` are the driver's processes of the run, as far as
    they were seen, and `listed` those it lists now. Where nothing was seen there is nothing to
    wait for: what is left counts as others' memory.
    """
    measured = used_mib is not None and before_mib is not None
    if used_mib is not None and before_mib is not None and used_mib <= before_mib + BACK_WITHIN_MIB:
        return True
    return not pids & listed if pids else not measured


@dataclass(frozen=True)
class _Ended:
    """A run that ended on a GPU, and what was known of the GPU before and during it."""

    at: datetime
    until: float
    before_mib: int | None
    pids: frozenset[int]


class GpuMemory:
    """Follows the memory of every GPU before, during and after our runs."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._monotonic = monotonic
        self._now = now
        self._newest: dict[int, GpuReading] = {}
        self._idle: dict[int, GpuReading] = {}
        self._ended: dict[int, _Ended] = {}
        self._taken: frozenset[int] = frozenset()
        self._lost: set[int] = set()

    def follow(self, readings: Sequence[GpuReading], taken: Collection[int]) -> None:
        """Take in the newest readings; `taken` are the GPUs on which runs of ours train now.

        To be called at every turn, after the ends of runs were noticed and before others start.
        """
        for index in self._taken - set(taken):
            self._ended[index] = self._end(index)
        self._taken = frozenset(taken)
        seen = {reading.snapshot.index: reading for reading in readings}
        self._newest |= seen
        self._lost = set(self._newest) - set(seen)
        self._ended = {
            index: ended
            for index, ended in self._ended.items()
            if index not in self._taken and not self._is_back(index, ended)
        }
        self._idle |= {index: seen[index] for index in seen if index not in self._taken}

    def states(
        self,
        gpus: Sequence[Gpu],
        taken_by: Mapping[int, RunStatus],
        ours: Collection[int] = (),
        cooling: Mapping[int, str] = MappingProxyType({}),
    ) -> list[GpuState]:
        """The GPUs as the queue sees them.

        `taken_by` are our runs by GPU index. On the GPUs in `ours` another process of ours, one
        that makes room when asked, is what uses memory. Those in `cooling` are too hot to train
        on, with what to say of them.
        """
        releasing = {gpu.index for gpu in gpus if self.resting(gpu.index)}
        ours_too = {*ours, *taken_by, *releasing}
        return [
            GpuState(
                index=gpu.index,
                taken_by=taken_by.get(gpu.index),
                foreign_mib=None if gpu.index in ours_too else self._used_mib(gpu.index),
                leftover=self.leftover(gpu.index),
                resting=self._unread(gpu.index)
                or self.resting(gpu.index)
                or cooling.get(gpu.index, ""),
                lost=gpu.index in self._lost,
            )
            for gpu in gpus
        ]

    def _unread(self, index: int) -> str:
        return "" if index in self._newest else "was not read yet"

    def resting(self, index: int) -> str:
        """Why the GPU has to rest after a run; empty when its memory is back, or 60 s later."""
        ended = self._ended.get(index)
        return RELEASING if ended and not self._is_overdue(ended) else ""

    def leftover(self, index: int) -> str:
        """What of a run that ended is still there after 60 s, said of the GPU; empty if nothing."""
        ended = self._ended.get(index)
        if ended is None or not self._is_overdue(ended):
            return ""
        held = f"{((self._used_mib(index) or 0) - (ended.before_mib or 0)) / 1024:.1f} GiB"
        still = ended.pids & _pids(self._newest.get(index))
        if not still:
            return f"holds {held} more than before the last run"
        pids = ", ".join(map(str, sorted(still)))
        return f"still holds {held} of the run that ended (process {pids}); waiting for the driver"

    def _end(self, index: int) -> _Ended:
        idle, newest = self._idle.get(index), self._newest.get(index)
        return _Ended(
            at=self._now(),
            until=self._monotonic() + RELEASE_LIMIT_S,
            before_mib=idle.snapshot.memory_used_mib if idle else None,
            pids=_pids(newest) - _pids(idle),
        )

    def _is_back(self, index: int, ended: _Ended) -> bool:
        newest = self._newest.get(index)
        if newest is None:
            return True
        # A reading from before the end tells nothing of what came after it.
        if newest.snapshot.at <= ended.at:
            return False
        used_mib = newest.snapshot.memory_used_mib
        return memory_is_back(used_mib, ended.before_mib, ended.pids, _pids(newest))

    def _is_overdue(self, ended: _Ended) -> bool:
        return self._monotonic() >= ended.until

    def _used_mib(self, index: int) -> int | None:
        newest = self._newest.get(index)
        return newest.snapshot.memory_used_mib if newest else None


def _pids(reading: GpuReading | None) -> frozenset[int]:
    return frozenset(process.pid for process in reading.processes) if reading else frozenset()
