"""Which waiting runs start now, and on which GPUs: decided from values alone.

A machine without GPUs has one lane, the CPU. One with GPUs has the CPU beside them, for runs that
ask for it, and as many lanes as its GPUs can be shared out to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting, find_gpu_problem


@dataclass(frozen=True)
class GpuState:
    """A GPU as the queue sees it.

    `taken_by` is the run of ours that trains on it. `foreign_mib` is the memory that others use,
    None while it is unknown, and `leftover` what is known of it. `resting` is why it is kept idle
    for a moment. Both are said of the GPU: "still holds 3.1 GiB of the run that ended". A `lost`
    one does not answer.
    """

    index: int
    taken_by: RunStatus | None = None
    foreign_mib: float | None = None
    leftover: str = ""
    resting: str = ""
    lost: bool = False


@dataclass(frozen=True)
class Lane:
    """A run with the GPUs it gets, none for the CPU, and the number of its processes."""

    run: Waiting
    gpus: tuple[int, ...]
    ranks: int


@dataclass(frozen=True)
class Plan:
    """The runs that start now, and by run id why each other one waits."""

    starts: tuple[Lane, ...]
    reasons: dict[str, str]


def plan_starts(
    waiting: Sequence[Waiting],
    gpus: Sequence[GpuState],
    cpu_taken_by: RunStatus | None,
    busy_gpu_mib: float,
    blocked: Mapping[str, str],
    cpu_cores: int,
) -> Plan:
    """Give out the lanes to the queue, in its order.

    A run in `blocked` (run id to sentence) is passed over. One that waits for GPUs of our own
    runs keeps the free ones it needs, so that smaller runs behind it cannot starve it; one that
    waits for other programs keeps nothing, as nobody knows for how long.
    """
    room = _Room(gpus, busy_gpu_mib, cpu_cores, cpu_taken_by.name if cpu_taken_by else "")
    starts: list[Lane] = []
    reasons: dict[str, str] = {}
    for run in waiting:
        given = blocked[run.run_id] if run.run_id in blocked else room.give(run)
        if isinstance(given, Lane):
            starts.append(given)
        else:
            reasons[run.run_id] = given
    return Plan(tuple(starts), reasons)


@dataclass
class _Room:
    """What is left to give while the queue is gone through."""

    gpus: Sequence[GpuState]
    busy_gpu_mib: float
    cpu_cores: int
    cpu_user: str
    users: dict[int, str] = field(init=False)
    keepers: dict[int, Waiting] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.users = {gpu.index: gpu.taken_by.name for gpu in self.gpus if gpu.taken_by}

    def give(self, run: Waiting) -> Lane | str:
        """The run's lane, or why it has to wait."""
        if not self.gpus and run.status.gpus:
            # Its driver is not up; on the CPU it would be another run.
            return f"waits for {_names(run.status.gpus)}, on which it trained: no GPU answers"
        if not self.gpus or run.spec.gpus == 0:
            return self._give_cpu(run)
        problem = find_gpu_problem(run.spec, [gpu.index for gpu in self.gpus])
        return problem or self._give_gpus(run)

    def _give_cpu(self, run: Waiting) -> Lane | str:
        if self.cpu_user:
            return f"waits for the CPU: {self.cpu_user} trains on it"
        self.cpu_user = run.status.name
        return Lane(run, (), max(1, min(_count(run.spec), self.cpu_cores)))

    def _give_gpus(self, run: Waiting) -> Lane | str:
        count = _count(run.spec)
        named = run.spec.gpus if isinstance(run.spec.gpus, tuple) else None
        wanted = [gpu for gpu in self.gpus if named is None or gpu.index in named]
        free = sorted((gpu for gpu in wanted if self._is_free(gpu)), key=_preference)
        if len(free) < count:
            return self._wait(run, wanted, free)
        chosen = named or tuple(sorted(gpu.index for gpu in free[:count]))
        self.users |= dict.fromkeys(chosen, run.status.name)
        return Lane(run, chosen, count)

    def _wait(self, run: Waiting, wanted: list[GpuState], free: list[GpuState]) -> str:
        """Why the run waits; keeps the free GPUs for it when only our own runs are in its way."""
        out_of_reach = [gpu for gpu in wanted if self._is_out_of_reach(gpu)]
        if len(wanted) - len(out_of_reach) < _count(run.spec):
            return self._explain(run, out_of_reach)
        self.keepers |= {gpu.index: run for gpu in free}
        return self._explain(run, [gpu for gpu in wanted if gpu not in [*free, *out_of_reach]])

    def _is_free(self, gpu: GpuState) -> bool:
        ours = gpu.index in self.users or gpu.index in self.keepers
        return not ours and not self._is_out_of_reach(gpu) and not gpu.resting

    def _is_out_of_reach(self, gpu: GpuState) -> bool:
        """Whether nobody knows when the GPU will be free."""
        if gpu.index in self.users:
            return False
        return gpu.lost or (gpu.foreign_mib or 0) > self.busy_gpu_mib

    def _explain(self, run: Waiting, in_the_way: Sequence[GpuState]) -> str:
        alone = len(in_the_way) == 1
        indexes: dict[tuple[str, str], list[int]] = {}
        for gpu in in_the_way:
            indexes.setdefault(self._obstacle(gpu), []).append(gpu.index)
        told = [
            f"{before}{'it' if alone else _names(of)}{after}"
            for (before, after), of in indexes.items()
        ]
        return f"waits for {self._missing(run, in_the_way)}: {'; '.join(told)}"

    def _missing(self, run: Waiting, in_the_way: Sequence[GpuState]) -> str:
        if len(self.gpus) == 1:
            return "the only GPU"
        if len(in_the_way) == 1 or isinstance(run.spec.gpus, tuple):
            return _names([gpu.index for gpu in in_the_way])
        return _amount(run.spec)

    def _obstacle(self, gpu: GpuState) -> tuple[str, str]:
        """What is in the way on the GPU: the words before its name, and those after."""
        if gpu.index in self.users:
            return f"{self.users[gpu.index]} trains on ", ""
        if gpu.index in self.keepers:
            keeper = self.keepers[gpu.index]
            needs = _amount(keeper.spec)
            return f"{keeper.status.name} needs {needs}, is ahead in the queue and keeps ", ""
        if gpu.lost:
            return "", " does not answer; `nvidia-smi` may tell why"
        if gpu.resting and not self._is_out_of_reach(gpu):
            return "", f" {gpu.resting}"
        if gpu.leftover:
            return "", f" {gpu.leftover}"
        return f"other programs use {(gpu.foreign_mib or 0) / 1024:.1f} GiB of ", ""


def _count(spec: RunSpec) -> int:
    return len(spec.gpus) if isinstance(spec.gpus, tuple) else spec.gpus


def _preference(gpu: GpuState) -> tuple[float, int]:
    """Least used by others first; a GPU of which that is unknown comes last."""
    return (float("inf") if gpu.foreign_mib is None else gpu.foreign_mib, gpu.index)


def _names(indexes: Sequence[int]) -> str:
    return "GPU " + ", ".join(map(str, sorted(indexes)))


def _amount(spec: RunSpec) -> str:
    if isinstance(spec.gpus, tuple):
        return _names(spec.gpus)
    return "a GPU" if spec.gpus == 1 else f"{spec.gpus} GPUs"
