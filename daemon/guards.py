"""What keeps trainings from filling the disk, cooking the GPUs or running at the wrong hour.

A guard holds a run that trains, keeps others from starting, and lets them go on once the danger is
well over: further than the limit at which it holds, so that a run is not paused over and over.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import time as TimeOfDay
from enum import StrEnum

from core.run.disk_need import DiskNeed
from core.settings import Settings

GIB = 1024**3
MIB = 1024**2
HOT_FOR_S = 10.0
UNKNOWN_FOR_S = 60.0
ROOM_TO_GO_ON_BYTES = GIB


class Guard(StrEnum):
    """What a run can be held by."""

    DISK = "disk"
    TEMPERATURE = "temperature"
    HOURS = "hours"


@dataclass(frozen=True)
class Hold:
    """Why a run must not train now: the guard, and the sentence for people."""

    kind: Guard
    sentence: str


@dataclass(frozen=True)
class Machine:
    """What the guards look at: the workspace's disk, the time of day, and how warm each GPU is.

    Temperatures are in degrees C by GPU index, None where one cannot be read.
    """

    free_bytes: int
    local_time: TimeOfDay
    temperatures: Mapping[int, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """What the guards look at of a run that has begun.

    `gpus` are those it trains on, or trained on before its pause; `checkpoint_bytes` is the size
    of its newest checkpoint, else the predicted one, 0 while unknown. One that is `saving` has
    part of the next checkpoint on the disk already.
    """

    gpus: Collection[int]
    checkpoint_bytes: int
    saving: bool = False


class Guards:
    """Decides at every turn what must be held and what may go on."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._began_at = clock()
        self._read_at: dict[int, float] = {}
        self._hot_since: dict[int, float] = {}
        self._hot: frozenset[int] = frozenset()
        self._machine: Machine

    def look(self, machine: Machine) -> None:
        """Take in how the machine is now; to be called at every turn, before the questions."""
        self._machine = machine
        now = self._clock()
        known = {index: c for index, c in machine.temperatures.items() if c is not None}
        self._read_at |= dict.fromkeys(known, now)
        limit = self._settings.max_gpu_temperature_c
        # A missing reading ends the row: nothing is paused without proof.
        too_warm = [index for index, c in known.items() if limit is not None and c >= limit]
        self._hot_since = {index: self._hot_since.get(index, now) for index in too_warm}
        hot = {index for index, since in self._hot_since.items() if now - since >= HOT_FOR_S}
        self._hot = frozenset(index for index in self._hot | hot if not self._is_cool(index))

    def find_hold(self, run: Held) -> Hold | None:
        """Why a run that trains must be paused; None when it may train on."""
        return self._disk_hold(run) or self._heat_hold(run) or self._hours_hold()

    def may_go_on(self, kind: str, run: Held) -> bool:
        """Whether a paused run that the guard held may be queued again."""
        if kind == Guard.DISK:
            return self._machine.free_bytes > self._room_to_go_on(run)
        if kind == Guard.TEMPERATURE:
            return all(self._is_cool(index) for index in run.gpus)
        return self._hours_hold() is None

    def hold_for_start(self, need: DiskNeed | None, have_bytes: int = 0) -> Hold | None:
        """Why a waiting run must not start now; `have_bytes` of its need are on the disk already.

        Which GPUs it may not get is told by `cooling`.
        """
        sentence = check_disk_before(
            need, self._machine.free_bytes, self._min_free_bytes, have_bytes
        )
        return self._hours_hold() or (Hold(Guard.DISK, sentence) if sentence else None)

    def cooling(self) -> dict[int, str]:
        """The GPUs that have to cool down before anything trains on them, with what to say."""
        return {index: f"cools down to below {self._cool_c:g} °C" for index in self._hot}

    @property
    def _min_free_bytes(self) -> int:
        return int(self._settings.min_free_disk_gib * GIB)

    def _room_to_go_on(self, run: Held) -> int:
        return self._min_free_bytes + run.checkpoint_bytes + ROOM_TO_GO_ON_BYTES

    @property
    def _cool_c(self) -> float:
        cool_c = self._settings.cool_gpu_c
        return float("inf") if cool_c is None else cool_c

    def _is_cool(self, index: int) -> bool:
        """Whether the GPU has cooled down; one without a reading for 60 s is taken to have."""
        temperature_c = self._machine.temperatures.get(index)
        if temperature_c is not None:
            return temperature_c < self._cool_c
        # A sensor that is gone for good must not hold a run for ever; one that stutters must
        # not let it go on hot.
        return self._clock() - self._read_at.get(index, self._began_at) >= UNKNOWN_FOR_S

    def _disk_hold(self, run: Held) -> Hold | None:
        next_bytes = 0 if run.saving else run.checkpoint_bytes
        if self._machine.free_bytes >= self._min_free_bytes + next_bytes:
            return None
        takes = f"a checkpoint takes {size_text(run.checkpoint_bytes)} and "
        return Hold(
            Guard.DISK,
            f"only {size_text(self._machine.free_bytes)} are free on the disk; "
            f"{takes if run.checkpoint_bytes else ''}{size_text(self._min_free_bytes)} are to stay "
            f"free; goes on when there are {size_text(self._room_to_go_on(run))}",
        )

    def _heat_hold(self, run: Held) -> Hold | None:
        hot = sorted(self._hot & set(run.gpus))
        if not hot:
            return None
        temperature_c = self._machine.temperatures.get(hot[0])
        now = "was too hot" if temperature_c is None else f"is at {temperature_c:g} °C"
        return Hold(
            Guard.TEMPERATURE,
            f"GPU {hot[0]} {now}, the limit is {self._settings.max_gpu_temperature_c:g} °C; "
            f"goes on below {self._cool_c:g} °C",
        )

    def _hours_hold(self) -> Hold | None:
        hours = self._settings.training_hours
        if hours is None or hours.include(self._machine.local_time):
            return None
        return Hold(
            Guard.HOURS, f"outside of the training hours ({hours}); goes on at {hours.start:%H:%M}"
        )


def check_disk_before(
    need: DiskNeed | None, free_bytes: int, min_free_bytes: int, have_bytes: int = 0
) -> str:
    """Why the disk has no room for a run that wants to start; empty when it has.

    `have_bytes` of its need are on the disk already. Of a run whose need cannot be told (None),
    only what is to stay free is asked for.
    """
    missing_bytes = max(need.total_bytes - have_bytes, need.checkpoint_bytes) if need else 0
    if free_bytes >= min_free_bytes + missing_bytes:
        return ""
    sentence = f"waits for room on the disk: {size_text(free_bytes)} are free"
    if need is None:
        return f"{sentence} and {size_text(min_free_bytes)} are to stay free"
    return (
        f"{sentence}, it needs about {size_text(missing_bytes)} more for up to {need.kept} "
        f"checkpoints of {size_text(need.checkpoint_bytes)} and its result, and "
        f"{size_text(min_free_bytes)} are to stay free"
    )


def size_text(size_bytes: int) -> str:
    """Bytes for people: `2.9 GiB`, or `12 MiB` below one GiB."""
    if size_bytes >= GIB:
        return f"{size_bytes / GIB:.1f} GiB"
    return f"{size_bytes / MIB:.0f} MiB"
