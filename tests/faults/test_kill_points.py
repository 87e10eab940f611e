"""The daemon dies at every single operation of its work on a run, and the run comes out right."""

import random
from functools import cache
from pathlib import Path

import pytest

from core.run.phase import Verb
from tests.faults.kill_points import Play, Step, Tally, count_operations, nothing, play_all
from tests.faults.scene import Scene

EVERY = 6
"""The quick tests take one kill point of so many, the slow ones the others."""


def when(step: int, verb: Verb) -> Step:
    """Ask it as soon as the run has trained so far, or has ended before."""

    def fact(scene: Scene) -> bool:
        return scene.began("a", step)

    return fact, lambda scene: scene.ask("a", verb)


def is_paused(scene: Scene) -> bool:
    return scene.phase("a") == "paused"


PLAYS = {
    "from drop to end": Play("steps-2 save-1", (), ("completed",)),
    "pause and resume": Play(
        "steps-9 pace-50",
        (when(1, Verb.PAUSE), (is_paused, lambda scene: scene.ask("a", Verb.RESUME))),
        ("completed",),
        starts=(2,),
    ),
    "cancel": Play("hang", (when(1, Verb.CANCEL),), ("cancelled",)),
    "crash and retry": Play("steps-3 save-1 kill-2", (), ("completed",), starts=(1, 2)),
}


@pytest.fixture
def every_operation(tmp_path: Path, play: Play) -> range:
    """The numbers of all operations of the play."""
    return range(1, count_operations(tmp_path / "count", play) + 1)


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_a_daemon_killed_at_some_operations_loses_no_run_and_starts_none_twice(
    tmp_path: Path, play: Play, every_operation: range, tell
) -> None:
    tally = play_all(tmp_path, play, [[k] for k in every_operation[::EVERY]])
    tell(tally)
    assert tally.killed and not tally.problems


@pytest.mark.slow
@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_a_daemon_killed_at_any_operation_loses_no_run_and_starts_none_twice(
    tmp_path: Path, play: Play, every_operation: range, tell
) -> None:
    tally = play_all(tmp_path, play, [[k] for k in every_operation if k % EVERY != 1])
    tell(tally)
    assert not tally.problems


def test_daemons_killed_one_after_the_other_lose_no_run_and_start_none_twice(
    tmp_path: Path, tell
) -> None:
    draw = random.Random(0)
    points = [[draw.randint(10, 60), *draw.choices(range(1, 40), k=3)] for _ in range(20)]
    tally = play_all(tmp_path, PLAYS["pause and resume"], points)
    tell(tally)
    assert not tally.problems
