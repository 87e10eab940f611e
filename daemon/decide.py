"""What to start next, decided from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec


@dataclass(frozen=True)
class Waiting:
    """A queued run with what it asked for."""

    status: RunStatus
    spec: RunSpec


def order(waiting: Sequence[Waiting]) -> list[Waiting]:
    """The queue: higher priority first, then who came first."""
    return sorted(
        waiting,
        key=lambda run: (-run.spec.priority, run.status.submitted_at, run.status.run_id),
    )


def with_positions(waiting: Sequence[Waiting]) -> list[Waiting]:
    """The queue in order, each run knowing its place; 1 is next."""
    return [
        replace(run, status=replace(run.status, position=number))
        for number, run in enumerate(order(waiting), start=1)
    ]


def choose_next(waiting: Sequence[Waiting], live_count: int) -> Waiting | None:
    """The run to start now: the first in the queue once nothing else trains."""
    return order(waiting)[0] if waiting and live_count == 0 else None


def choose_gpus(spec: RunSpec, indexes: Sequence[int]) -> tuple[int, ...]:
    """The GPU indexes a run gets on a machine that has `indexes`; none means the CPU."""
    if not indexes or spec.gpus == 0:
        return ()
    if isinstance(spec.gpus, tuple):
        return spec.gpus
    return tuple(sorted(indexes)[: spec.gpus])


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
