"""The order of the queue, and what this machine can never do: decided from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec


@dataclass(frozen=True)
class Waiting:
    """A run that waits, in the queue or paused, with what it asked for."""

    status: RunStatus
    spec: RunSpec

    @property
    def run_id(self) -> str:
        return self.status.run_id


def order(waiting: Sequence[Waiting]) -> list[Waiting]:
    """The queue: higher priority first, then the lower rank, then who came first."""
    return sorted(waiting, key=_place)


def _place(run: Waiting) -> tuple[object, ...]:
    status = run.status
    return (-status.priority, status.rank, status.submitted_at, status.run_id)


def with_positions(waiting: Sequence[Waiting]) -> list[Waiting]:
    """The queue in order, each run knowing its place; 1 is next."""
    return [
        replace(run, status=replace(run.status, position=number))
        for number, run in enumerate(order(waiting), start=1)
    ]


def next_rank(waiting: Sequence[Waiting]) -> float:
    """The rank of a run that comes in last among those of its priority."""
    return max((run.status.rank for run in waiting), default=0.0) + 1


def at_place(status: RunStatus, waiting: Sequence[Waiting], place: int) -> RunStatus:
    """The status of a run that goes to the place, from 1, before the run that has it now.

    It takes that run's priority, or that of the last one, so that the order holds.
    """
    others = [run.status for run in order(waiting) if run.run_id != status.run_id]
    before, after = others[: place - 1][-1:], others[place - 1 :][:1]
    if not after:
        priority = before[0].priority if before else status.priority
        return replace(status, priority=priority, rank=next_rank(waiting))
    rank = after[0].rank - 1
    if before and before[0].priority == after[0].priority:
        rank = (before[0].rank + after[0].rank) / 2
    return replace(status, priority=after[0].priority, rank=rank)


def find_gpu_problem(spec: RunSpec, indexes: Sequence[int]) -> str:
    """Why this machine can never give the run its GPUs; empty when it can.

    A machine without any GPU trains on the CPU whatever was asked for.
    """
    if not indexes or spec.gpus == 0:
        return ""
    if isinstance(spec.gpus, tuple):
        missing = sorted(set(spec.gpus) - set(indexes))
        if missing:
            return f"`run.gpus` names GPU {missing[0]}; this machine has {_list(indexes)}."
    elif spec.gpus > len(indexes):
        return f"`run.gpus: {spec.gpus}` is more than this machine has ({len(indexes)})."
    return ""


def _list(indexes: Sequence[int]) -> str:
    return "GPU " + ", ".join(map(str, sorted(indexes)))
