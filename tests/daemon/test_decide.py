"""What starts next and on which GPUs is decided from values alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.decide import (
    Waiting,
    ahead,
    find_gpu_problem,
    moved,
    next_rank,
    order,
    with_positions,
)

AT = datetime(2026, 11, 22, tzinfo=UTC)


def waiting(run_id: str, second: int = 0, priority: int = 0) -> Waiting:
    at = AT + timedelta(seconds=second)
    spec = RunSpec(name=run_id, axolotl={}, priority=priority)
    status = RunStatus(run_id, run_id, at, at, priority=priority, rank=float(second))
    return Waiting(status, spec)


def spec(gpus: int | tuple[int, ...]) -> RunSpec:
    return RunSpec(name="x", axolotl={}, gpus=gpus)


def test_who_came_first_is_next_unless_another_is_more_urgent() -> None:
    queue = [waiting("late", 9), waiting("early", 1), waiting("urgent", 5, priority=1)]
    ordered = with_positions(queue)
    assert [run.status.run_id for run in ordered] == ["urgent", "early", "late"]
    assert [run.status.position for run in ordered] == [1, 2, 3]


def test_a_run_that_is_moved_is_where_it_was_moved_to() -> None:
    queue = [waiting("a", 1), waiting("b", 2), waiting("c", 3), waiting("d", 4, priority=-1)]
    for name in "abcd":
        for place in (1, 2, 3, 4, 99):
            expected = [run.run_id for run in queue if run.run_id != name]
            expected.insert(place - 1, name)
            assert [run.run_id for run in order(moved(queue, name, place))] == expected


def test_a_run_that_had_begun_goes_before_its_equals_and_keeps_its_priority() -> None:
    begun = [waiting("x", 60), waiting("y", 50)]
    back = [
        replace(run, status=ahead(replace(run.status, started_at=run.status.submitted_at)))
        for run in begun
    ]
    queue = [waiting("a", 1), waiting("urgent", 99, priority=1), *back]
    assert [run.run_id for run in order(queue)] == ["urgent", "y", "x", "a"]


def test_a_run_that_comes_last_comes_after_all_others() -> None:
    queue = [waiting("a", 9), waiting("b", 2)]
    assert next_rank(queue) > max(run.status.rank for run in queue)
    assert next_rank([]) > 0


def test_a_gpu_that_is_not_there_is_told() -> None:
    assert "more than this machine has (1)" in find_gpu_problem(spec(2), [0])
    assert "names GPU 3; this machine has GPU 0, 1" in find_gpu_problem(spec((0, 3)), [1, 0])
