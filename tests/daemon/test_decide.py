"""What starts next and on which GPUs is decided from values alone."""

from datetime import UTC, datetime, timedelta

import pytest

from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting, choose_gpus, choose_next, find_gpu_problem, with_positions

AT = datetime(2026, 11, 22, tzinfo=UTC)


def waiting(run_id: str, second: int = 0, priority: int = 0) -> Waiting:
    at = AT + timedelta(seconds=second)
    spec = RunSpec(name=run_id, axolotl={}, priority=priority)
    return Waiting(RunStatus(run_id, run_id, submitted_at=at, since=at), spec)


def spec(gpus: int | tuple[int, ...]) -> RunSpec:
    return RunSpec(name="x", axolotl={}, gpus=gpus)


def test_who_came_first_is_next_unless_another_is_more_urgent() -> None:
    queue = [waiting("late", 9), waiting("early", 1), waiting("urgent", 5, priority=1)]
    ordered = with_positions(queue)
    assert [run.status.run_id for run in ordered] == ["urgent", "early", "late"]
    assert [run.status.position for run in ordered] == [1, 2, 3]
    assert choose_next(queue, live_count=0) is queue[2]


def test_nothing_starts_while_something_trains() -> None:
    assert choose_next([waiting("a")], live_count=1) is None
    assert choose_next([], live_count=0) is None


@pytest.mark.parametrize(
    ("asked", "there", "got"),
    [
        (1, [0, 1], (0,)),
        (2, [1, 0], (0, 1)),
        ((1,), [0, 1], (1,)),
        (0, [0, 1], ()),
        (2, [], ()),
        ((0, 1), [], ()),
    ],
)
def test_a_run_gets_the_gpus_it_asked_for(
    asked: int | tuple[int, ...], there: list[int], got: tuple[int, ...]
) -> None:
    assert choose_gpus(spec(asked), there) == got
    assert find_gpu_problem(spec(asked), there) == ""


def test_a_gpu_that_is_not_there_is_told() -> None:
    assert "more than this machine has (1)" in find_gpu_problem(spec(2), [0])
    assert "names GPU 3; this machine has GPU 0, 1" in find_gpu_problem(spec((0, 3)), [1, 0])
