"""Lanes are given out in the order of the queue: never twice, never to a GPU in use, to nobody's
starvation, and whoever waits is told why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting
from daemon.lanes import GpuState, Plan, plan_starts

AT = datetime(2026, 11, 22, tzinfo=UTC)
BUSY_MIB = 2048.0
Gpus = int | tuple[int, ...]


def status(name: str) -> RunStatus:
    return RunStatus(f"id-{name}", name, submitted_at=AT, since=AT)


def waiting(name: str, gpus: Gpus = 1) -> Waiting:
    return Waiting(status(name), RunSpec(name=name, axolotl={}, gpus=gpus))


def plan(
    queue: Sequence[Waiting],
    gpus: Sequence[GpuState] = (),
    cpu: str = "",
    blocked: Mapping[str, str] | None = None,
    cores: int = 8,
) -> Plan:
    return plan_starts(queue, gpus, status(cpu) if cpu else None, BUSY_MIB, blocked or {}, cores)


def started(plan: Plan) -> dict[str, tuple[int, ...]]:
    return {lane.run.status.name: lane.gpus for lane in plan.starts}


FREE = [GpuState(0), GpuState(1)]


def test_two_runs_of_one_gpu_go_side_by_side() -> None:
    found = plan([waiting("a"), waiting("b"), waiting("c")], FREE)
    assert started(found) == {"a": (0,), "b": (1,)}
    assert found.reasons == {"id-c": "waits for a GPU: a trains on GPU 0; b trains on GPU 1"}


def test_a_run_gets_the_gpus_it_names_and_a_process_on_each() -> None:
    found = plan([waiting("named", (1,)), waiting("any")], FREE)
    assert started(found) == {"named": (1,), "any": (0,)}
    both = plan([waiting("both", 2)], FREE)
    assert [(lane.gpus, lane.ranks) for lane in both.starts] == [((0, 1), 2)]


def test_the_gpu_that_others_use_least_comes_first_and_an_unknown_one_last() -> None:
    gpus = [GpuState(0), GpuState(1, foreign_mib=900), GpuState(2, foreign_mib=3)]
    queue = [waiting("a"), waiting("b"), waiting("c")]
    assert started(plan(queue, gpus)) == {"a": (2,), "b": (1,), "c": (0,)}
    assert started(plan([waiting("two", 2)], gpus)) == {"two": (1, 2)}


def test_without_gpus_one_run_trains_on_the_cpu_in_as_many_processes_as_it_asked_for() -> None:
    queue = [waiting("a", 2), waiting("b", (0, 1))]
    found = plan(queue)
    assert [(lane.gpus, lane.ranks) for lane in found.starts] == [((), 2)]
    assert found.reasons == {"id-b": "waits for the CPU: a trains on it"}
    assert plan([waiting("a", 0)]).starts[0].ranks == 1
    assert plan([waiting("a", 16)], cores=4).starts[0].ranks == 4


def test_a_run_on_the_cpu_goes_beside_those_on_gpus() -> None:
    queue = [waiting("small", 0), waiting("large", 2), waiting("late", 0)]
    found = plan(queue, FREE)
    assert started(found) == {"small": (), "large": (0, 1)}
    assert (
        plan(queue, FREE, cpu="busy").reasons["id-late"] == "waits for the CPU: busy trains on it"
    )


def test_a_gpu_of_another_program_is_waited_for_and_nothing_is_kept_meanwhile() -> None:
    gpus = [GpuState(0, foreign_mib=7578), GpuState(1)]
    found = plan([waiting("both", 2), waiting("one")], gpus)
    assert started(found) == {"one": (1,)}
    assert found.reasons == {"id-both": "waits for GPU 0: other programs use 7.4 GiB of it"}


def test_what_other_programs_may_use_is_a_setting() -> None:
    assert started(plan([waiting("a")], [GpuState(0, foreign_mib=BUSY_MIB)])) == {"a": (0,)}
    assert not plan([waiting("a")], [GpuState(0, foreign_mib=BUSY_MIB + 1)]).starts


def test_free_gpus_are_kept_for_the_run_that_needs_more_than_there_are() -> None:
    gpus = [GpuState(0, taken_by=status("old")), GpuState(1)]
    found = plan([waiting("both", 2), waiting("one"), waiting("named", (1,))], gpus)
    assert found.starts == ()
    keeps = "both needs 2 GPUs, is ahead in the queue and keeps"
    assert found.reasons == {
        "id-both": "waits for GPU 0: old trains on it",
        "id-one": f"waits for a GPU: old trains on GPU 0; {keeps} GPU 1",
        "id-named": f"waits for GPU 1: {keeps} it",
    }


def test_a_run_that_names_a_taken_gpu_keeps_none_that_it_does_not_name() -> None:
    gpus = [GpuState(0, taken_by=status("old")), GpuState(1)]
    found = plan([waiting("first", (0,)), waiting("second")], gpus)
    assert started(found) == {"second": (1,)}
    assert found.reasons == {"id-first": "waits for GPU 0: old trains on it"}


def test_a_gpu_that_rests_after_a_run_is_waited_for_as_that_run_was() -> None:
    gpus = [GpuState(0, resting="still gives back memory"), GpuState(1)]
    found = plan([waiting("both", 2), waiting("one")], gpus)
    assert found.starts == ()
    assert found.reasons["id-both"] == "waits for GPU 0: it still gives back memory"


def test_a_gpu_that_rests_while_others_use_it_is_theirs() -> None:
    gpus = [GpuState(0, foreign_mib=4096, resting="cools down"), GpuState(1)]
    found = plan([waiting("both", 2), waiting("one")], gpus)
    assert started(found) == {"one": (1,)}
    assert found.reasons == {"id-both": "waits for GPU 0: other programs use 4.0 GiB of it"}


def test_what_a_gpu_of_ours_holds_is_not_taken_for_others_memory() -> None:
    gpus = [GpuState(0, taken_by=status("old"), foreign_mib=8000), GpuState(1)]
    found = plan([waiting("both", 2), waiting("one")], gpus)
    assert found.starts == ()
    assert found.reasons["id-both"] == "waits for GPU 0: old trains on it"


def test_memory_that_a_run_of_ours_left_behind_is_told_as_such() -> None:
    gpus = [GpuState(0, foreign_mib=3000, leftover="still holds 2.9 GiB of the run that ended")]
    found = plan([waiting("a")], gpus)
    assert found.reasons == {
        "id-a": "waits for the only GPU: it still holds 2.9 GiB of the run that ended"
    }
    little = [replace(gpus[0], foreign_mib=300)]
    assert started(plan([waiting("a")], little)) == {"a": (0,)}


def test_a_blocked_run_is_passed_over_with_its_own_reason_and_keeps_nothing() -> None:
    gpus = [GpuState(0, taken_by=status("old")), GpuState(1)]
    queue = [waiting("both", 2), waiting("one")]
    found = plan(queue, gpus, blocked={"id-both": "starts again in 30 s"})
    assert started(found) == {"one": (1,)}
    assert found.reasons == {"id-both": "starts again in 30 s"}


def test_a_gpu_that_is_gone_or_does_not_answer_is_a_reason_to_wait() -> None:
    found = plan([waiting("gone", (3,)), waiting("many", 3)], FREE)
    assert "names GPU 3; this machine has GPU 0, 1" in found.reasons["id-gone"]
    assert "more than this machine has (2)" in found.reasons["id-many"]
    lost = plan([waiting("both", 2), waiting("one")], [GpuState(0, lost=True), GpuState(1)])
    assert started(lost) == {"one": (1,)}
    assert "GPU 0: it does not answer" in lost.reasons["id-both"]


@pytest.mark.parametrize(
    ("gpus", "reason"),
    [
        ([GpuState(0, taken_by=status("old"))], "waits for the only GPU: old trains on it"),
        (
            [GpuState(0, taken_by=status("old")), GpuState(1, taken_by=status("old"))],
            "waits for a GPU: old trains on GPU 0, 1",
        ),
        (
            [GpuState(0, taken_by=status("old")), GpuState(1, foreign_mib=4096)],
            "waits for GPU 0: old trains on it",
        ),
    ],
)
def test_who_waits_is_told_for_what(gpus: list[GpuState], reason: str) -> None:
    assert plan([waiting("a")], gpus).reasons == {"id-a": reason}


def states(count: int) -> st.SearchStrategy[list[GpuState]]:
    state = st.builds(
        GpuState,
        index=st.just(0),
        taken_by=st.none() | st.just(status("old")),
        foreign_mib=st.none() | st.sampled_from([0, 5, 700, 2048, 2049, 40_000]),
        leftover=st.sampled_from(["", "still holds 2.9 GiB"]),
        resting=st.sampled_from(["", "", "gives back memory"]),
        lost=st.sampled_from([False, False, True]),
    )
    return st.lists(state, min_size=count, max_size=count).map(
        lambda found: [replace(gpu, index=index) for index, gpu in enumerate(found)]
    )


needs = st.integers(0, 5) | st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True).map(
    tuple
)


def queue_of(asked: Sequence[Gpus]) -> list[Waiting]:
    return [waiting(str(number), gpus) for number, gpus in enumerate(asked)]


@given(
    st.integers(0, 5).flatmap(states),
    st.lists(needs, max_size=6),
    st.sampled_from(["", "on-cpu"]),
    st.sets(st.integers(0, 5)),
)
def test_no_plan_breaks_a_rule(
    gpus: list[GpuState], asked: list[Gpus], cpu: str, blocked: set[int]
) -> None:
    queue = queue_of(asked)
    held = {f"id-{number}": "not now" for number in blocked}
    found = plan(queue, gpus, cpu, held)
    by_index = {gpu.index: gpu for gpu in gpus}
    given_out = [index for lane in found.starts for index in lane.gpus]
    assert len(given_out) == len(set(given_out))
    for index in given_out:
        gpu = by_index[index]
        assert not gpu.taken_by and not gpu.resting and not gpu.lost
        assert (gpu.foreign_mib or 0) <= BUSY_MIB
    for lane in found.starts:
        wanted = lane.run.spec.gpus
        assert lane.run.run_id not in held
        assert lane.ranks >= 1
        if lane.gpus:
            assert lane.gpus == wanted if isinstance(wanted, tuple) else len(lane.gpus) == wanted
            assert lane.ranks == len(lane.gpus)
        else:
            assert wanted == 0 or not gpus
    assert sum(not lane.gpus for lane in found.starts) + bool(cpu) <= 1
    ids = [lane.run.run_id for lane in found.starts]
    assert sorted([*ids, *found.reasons]) == sorted(run.run_id for run in queue)
    assert all(found.reasons.values())


@given(
    st.integers(0, 5).flatmap(states), st.lists(needs, max_size=6), st.sampled_from(["", "busy"])
)
def test_of_runs_with_the_same_need_the_first_starts_first(
    gpus: list[GpuState], asked: list[Gpus], cpu: str
) -> None:
    queue = queue_of(asked)
    ids = {lane.run.run_id for lane in plan(queue, gpus, cpu).starts}
    for place, run in enumerate(queue):
        if run.run_id in ids:
            same = [before for before in queue[:place] if before.spec.gpus == run.spec.gpus]
            assert {before.run_id for before in same} <= ids


@given(st.data(), st.integers(2, 4))
def test_a_large_run_at_the_head_starts_though_small_ones_keep_coming(
    data: st.DataObject, count: int
) -> None:
    """Whatever trains at first ends in any order; behind the large run there are always others."""
    taken = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    live = {index: f"old-{index}" for index in range(count) if taken[index]}
    head = waiting("head", data.draw(st.just(2) | st.just((0, 1)) | st.just(count)))
    for turn in range(count + 1):
        gpus = [
            GpuState(index, taken_by=status(live[index]) if index in live else None)
            for index in range(count)
        ]
        queue = [head, *(waiting(f"late-{turn}-{number}") for number in range(3))]
        starts = started(plan(queue, gpus))
        if "head" in starts:
            return
        live |= {index: name for name, chosen in starts.items() for index in chosen}
        # One of the runs that trained before the head came ends; which one is any.
        old = sorted(index for index, name in live.items() if name.startswith("old"))
        del live[data.draw(st.sampled_from(old))]
    raise AssertionError("the head never started")
