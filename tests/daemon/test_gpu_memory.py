"""After a run a GPU rests until its memory is back, but not for ever."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.gpu import GpuProcess, GpuSnapshot
from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting
from daemon.gpu_memory import BACK_WITHIN_MIB, RELEASE_LIMIT_S, RELEASING, GpuMemory, memory_is_back
from daemon.lanes import plan_starts
from daemon.nvml import Gpu, GpuReading
from tests.clock import Clock

AT = datetime(2026, 11, 22, tzinfo=UTC)
RUN = RunStatus("id", "run", submitted_at=AT, since=AT)
NONE: frozenset[int] = frozenset()


class Machine:
    """A machine with one GPU, and the memory of it under test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.memory = GpuMemory(self.clock, self.now)

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.clock.now)

    def reading(self, used_mib: int | None, *pids: int) -> GpuReading:
        snapshot = GpuSnapshot(
            self.now(), 0, "GPU-0", "card", used_mib, 24_000, 0, 40, 0, 20.0, 300.0, 200, ""
        )
        return GpuReading(snapshot, tuple(GpuProcess(pid, None) for pid in pids))

    def second(
        self, used_mib: int | None, *pids: int, taken: bool = False, both: bool = False
    ) -> None:
        """A second passes, the GPU is read, and the turn comes."""
        self.clock.now += 1
        other = replace(self.reading(10).snapshot, index=1)
        readings = [self.reading(used_mib, *pids), *([GpuReading(other, ())] if both else [])]
        self.memory.follow(readings, {0} if taken else ())


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One that has seen a run of 8 GiB, process 42, on a GPU of which another uses 500 MiB."""
    machine = Machine()
    machine.second(500, 7)
    machine.second(8500, 7, 42, taken=True)
    yield machine


def test_a_gpu_rests_until_its_memory_is_back(machine: Machine) -> None:
    assert not machine.memory.resting(0)
    machine.second(8500, 7, 42)
    assert machine.memory.resting(0) == RELEASING
    machine.second(500 + BACK_WITHIN_MIB + 1, 7, 42)
    assert machine.memory.resting(0) == RELEASING
    machine.second(500 + BACK_WITHIN_MIB, 7, 42)
    assert not machine.memory.resting(0)


def test_what_was_measured_before_the_end_proves_nothing(machine: Machine) -> None:
    before = machine.reading(500, 7)
    machine.clock.now += 0.5
    machine.memory.follow([before], ())
    assert machine.memory.resting(0) == RELEASING
    machine.second(500, 7)
    assert not machine.memory.resting(0)


def test_once_its_processes_are_gone_the_rest_is_other_programs_memory(machine: Machine) -> None:
    machine.second(9000, 7, 8)
    machine.second(9000, 7, 8)
    assert not machine.memory.resting(0)
    assert not machine.memory.leftover(0)
    assert machine.memory.states([Gpu(0, "GPU-0", "card", 24_000)], {})[0].foreign_mib == 9000


def test_a_driver_that_keeps_the_memory_is_waited_for_a_minute_and_then_named(
    machine: Machine,
) -> None:
    machine.second(8500, 7, 42)
    machine.clock.now += RELEASE_LIMIT_S
    machine.second(3700, 7, 42)
    assert not machine.memory.resting(0)
    assert machine.memory.leftover(0) == (
        "still holds 3.1 GiB of the run that ended (process 42); waiting for the driver"
    )
    machine.second(500, 7)
    assert not machine.memory.leftover(0)


def test_without_processes_to_see_what_is_left_is_not_blamed_on_the_run() -> None:
    machine = Machine()
    machine.second(500)
    machine.second(8500, taken=True)
    machine.second(8500)
    assert machine.memory.resting(0) == RELEASING
    machine.clock.now += RELEASE_LIMIT_S
    machine.second(2548)
    assert machine.memory.leftover(0) == "holds 2.0 GiB more than before the last run"


def test_a_new_run_ends_what_was_said_of_the_last_one(machine: Machine) -> None:
    machine.second(8500, 7, 42)
    machine.clock.now += RELEASE_LIMIT_S
    machine.second(1500, 7, 42)
    machine.second(1500, 7, 42, taken=True)
    assert not machine.memory.leftover(0)
    # What was there when it started is none of its own.
    machine.second(1500, 7, 42)
    machine.second(1500, 7, 42)
    assert not machine.memory.resting(0)


def test_a_run_whose_beginning_nobody_saw_is_told_by_its_processes() -> None:
    machine = Machine()
    machine.second(8500, 42, taken=True)
    machine.second(8500, 42)
    assert machine.memory.resting(0) == RELEASING
    machine.second(900)
    assert not machine.memory.resting(0)


def test_the_queue_sees_each_gpu_as_it_is(machine: Machine) -> None:
    gpus = [Gpu(0, "GPU-0", "card", 24_000), Gpu(1, "GPU-1", "card", 24_000)]
    taken, unread = machine.memory.states(gpus, {0: RUN}, cooling={0: "cools down"})
    assert (taken.taken_by, taken.lost, taken.resting) == (RUN, False, "cools down")
    # Nobody knows who uses it: nothing starts there before it was read.
    assert (unread.taken_by, unread.foreign_mib, unread.resting) == (None, None, "was not read yet")
    # One that was never read is not known to be lost.
    assert not unread.lost
    assert machine.memory.states(gpus, {}, ours=[0])[0].foreign_mib is None
    machine.memory.follow([], {})
    assert machine.memory.states(gpus, {})[0].lost


def test_the_memory_of_our_own_runs_lets_nobody_overtake_who_waits_for_it(
    machine: Machine,
) -> None:
    gpus = [Gpu(index, f"GPU-{index}", "card", 24_000) for index in (0, 1)]
    large = Waiting(RUN, RunSpec("large", {}, gpus=2))
    small = Waiting(replace(RUN, run_id="other"), RunSpec("small", {}, gpus=1))
    for taken_by in ({0: RUN}, {}):
        machine.second(8500, 7, 42, taken=bool(taken_by), both=True)
        states = machine.memory.states(gpus, taken_by)
        assert plan_starts([large, small], states, None, 2048, {}, 2).starts == ()
    machine.second(500, 7, both=True)
    plan = plan_starts([large, small], machine.memory.states(gpus, {}), None, 2048, {}, 2)
    assert [lane.run for lane in plan.starts] == [large]


@pytest.mark.parametrize(
    ("used", "before", "pids", "listed", "back"),
    [
        (700, 500, NONE, NONE, True),
        (900, 500, NONE, NONE, False),
        (900, 500, frozenset({42}), frozenset({7}), True),
        (900, 500, frozenset({42}), frozenset({7, 42}), False),
        (700, 500, frozenset({42}), frozenset({42}), True),
        (None, 500, frozenset({42}), frozenset({42}), False),
        (None, 500, NONE, NONE, True),
        (900, None, NONE, frozenset({7}), True),
    ],
)
def test_memory_is_back_when_little_is_used_or_no_process_is_left(
    used: int | None,
    before: int | None,
    pids: frozenset[int],
    listed: frozenset[int],
    back: bool,
) -> None:
    assert memory_is_back(used, before, pids, listed) is back
