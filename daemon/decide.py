"""The order of the queue, and what this machine can never do: decided from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec

FAR_AHEAD = 1e11
"""In seconds, longer than any clock shows: what is ranked by a time less this comes first."""


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
        run
        if run.status.position == number
        else replace(run, status=replace(run.status, position=number))
        for number, run in enumerate(order(waiting), start=1)
    ]


def next_rank(waiting: Sequence[Waiting]) -> float:
    """The rank of a run that comes in last among those of its priority."""
    return max((run.status.rank for run in waiting), default=0.0) + 1


def ahead(status: RunStatus) -> RunStatus:
    """The status of a run that had begun: before those of its priority that had not.

    Several such runs keep the order in which they first started.
    """
    began_at = status.started_at or status.submitted_at
    return replace(status, rank=began_at.timestamp() - FAR_AHEAD)


def moved(waiting: Sequence[Waiting], run_id: str, place: int) -> list[Waiting]:
    """The queue after one of its runs went to the place, from 1, before the run that had it.

    It takes that run's priority, or that of the last one, so that the order holds.
    """
    others = [run for run in order(waiting) if run.run_id != run_id]
    (run,) = (run for run in waiting if run.run_id == run_id)
    neighbours = [*others[place - 1 :][:1], *others[-1:]]
    if neighbours:
        priority = neighbours[0].status.priority
        run = replace(run, status=replace(run.status, priority=priority))
    ordered = [*others[: place - 1], run, *others[place - 1 :]]
    return [
        replace(run, status=replace(run.status, rank=float(number)))
        for number, run in enumerate(ordered, start=1)
    ]


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
