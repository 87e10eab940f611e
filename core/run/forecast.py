"""When the waiting runs will probably start: values in, values out.

The queue is played through as the daemon gives out its lanes: in order, a run that waits for other
runs keeps the free GPUs it needs, and one that waits for other programs keeps nothing. Where
nobody knows when a run ends, no time is told of what comes after it, only after whom it comes.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

CPU = -1
"""The lane of runs that train without a GPU."""


@dataclass(frozen=True)
class Living:
    """A run that trains on these GPUs, none for the CPU; None seconds are left: nobody knows."""

    run_id: str
    gpus: tuple[int, ...]
    left_s: float | None


@dataclass(frozen=True)
class Asking:
    """A run that waits: how many GPUs it needs, or which, and how long it will take.

    It cannot start before `not_before_s` seconds from now, infinity where nobody knows when.
    """

    run_id: str
    gpus: int | tuple[int, ...] = 1
    takes_s: float | None = None
    not_before_s: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """When a run starts, in seconds from now and on which lanes; or else after whom.

    `after` are runs that must end first: all of them, or with `any_of` the first of them. A run
    that is `behind` another waiting run gets its turn after it. Nothing at all: no claim is made.
    """

    starts_in_s: float | None = None
    lanes: tuple[int, ...] = ()
    after: tuple[str, ...] = ()
    any_of: bool = False
    behind: str = ""


def forecast(
    waiting: Sequence[Asking],
    living: Sequence[Living],
    gpus: Sequence[int],
    out_of_reach: Collection[int] = (),
) -> dict[str, Forecast]:
    """The forecast of every waiting run, by run id; `waiting` is in the order of the queue.

    `gpus` are the indexes of the machine's GPUs, `out_of_reach` those that other programs use.
    """
    play = _Play(tuple(gpus), frozenset(out_of_reach), list(waiting))
    for run in living:
        play.take(run.gpus or (CPU,), run.run_id, math.inf if run.left_s is None else run.left_s)
    play.run()
    return {**play.told, **dict(play.explain())}


@dataclass
class _Play:
    """The lanes as they are given out: who has each, and until when."""

    gpus: tuple[int, ...]
    out_of_reach: frozenset[int]
    pending: list[Asking]
    now_s: float = 0.0
    users: dict[int, str] = field(default_factory=dict)
    until_s: dict[int, float] = field(default_factory=dict)
    told: dict[str, Forecast] = field(default_factory=dict)

    def take(self, lanes: Collection[int], run_id: str, until_s: float) -> None:
        """The run has the lanes until then."""
        self.users |= dict.fromkeys(lanes, run_id)
        self.until_s |= dict.fromkeys(lanes, until_s)

    def run(self) -> None:
        """From one end of a run to the next, as long as it is known when one ends."""
        while self.pending:
            self._give()
            moments = [*self.until_s.values(), *(run.not_before_s for run in self.pending)]
            later = [moment for moment in moments if self.now_s < moment < math.inf]
            if not later:
                return
            self.now_s = min(later)

    def _give(self) -> None:
        """Start what can start at this moment."""
        kept: set[int] = set()
        for run in list(self.pending):
            free = [lane for lane in self._free(run) if lane not in kept]
            if run.not_before_s > self.now_s or not self._may_start(run):
                continue
            if len(free) < self._count(run):
                kept |= set(free)
                continue
            lanes = tuple(sorted(free)[: self._count(run)])
            ends_s = math.inf if run.takes_s is None else self.now_s + run.takes_s
            self.take(lanes, run.run_id, ends_s)
            self.told[run.run_id] = Forecast(self.now_s, lanes)
            self.pending.remove(run)

    def explain(self) -> Iterator[tuple[str, Forecast]]:
        """After whom each of the others comes: what has no known end stands in its way."""
        ahead: list[Asking] = []
        for run in self.pending:
            if run.not_before_s > self.now_s or not self._may_start(run):
                yield run.run_id, Forecast()
                continue
            lanes = set(self._lanes(run))
            rivals = [other for other in ahead if lanes & set(self._lanes(other))]
            ahead.append(run)
            if rivals:
                yield run.run_id, Forecast(behind=rivals[-1].run_id)
            else:
                yield run.run_id, self._await(run)

    def _await(self, run: Asking) -> Forecast:
        missing = self._count(run) - len(self._free(run))
        taken = [lane for lane in self._lanes(run) if self._is_taken(lane)]
        holders = tuple(dict.fromkeys(self.users[lane] for lane in taken))
        if missing == len(taken) or len(holders) == 1:
            return Forecast(after=holders)
        return Forecast(after=holders, any_of=True) if missing == 1 else Forecast()

    def _lanes(self, run: Asking) -> tuple[int, ...]:
        """The lanes that it could get."""
        if not self.gpus or run.gpus == 0:
            return (CPU,)
        return run.gpus if isinstance(run.gpus, tuple) else self.gpus

    def _count(self, run: Asking) -> int:
        if not self.gpus or run.gpus == 0:
            return 1
        return len(run.gpus) if isinstance(run.gpus, tuple) else run.gpus

    def _may_start(self, run: Asking) -> bool:
        """Whether this machine has what it needs, and nobody else keeps it."""
        within = [lane for lane in self._lanes(run) if lane == CPU or lane in self.gpus]
        return len([lane for lane in within if self._is_ours(lane)]) >= self._count(run)

    def _is_ours(self, lane: int) -> bool:
        return lane not in self.out_of_reach or self._is_taken(lane)

    def _free(self, run: Asking) -> list[int]:
        return [
            lane
            for lane in self._lanes(run)
            if not self._is_taken(lane) and lane not in self.out_of_reach
        ]

    def _is_taken(self, lane: int) -> bool:
        return self.until_s.get(lane, -math.inf) > self.now_s
