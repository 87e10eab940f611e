"""The daemon dies at every single operation of its work on a run, and the run comes out right."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.run.phase import Verb
from tests.faults.kill_points import Play, Step, list_operations, play_all
from tests.faults.scene import Scene

EVERY = 6
"""The quick tests take one kill point of so many, the slow ones the others."""


def when_training(verb: Verb) -> Step:
    """Ask it after the first step."""
    return lambda scene: scene.began("a"), lambda scene: scene.ask("a", verb)


def has_stopped(scene: Scene) -> bool:
    """Whether it is paused, or had come to its end before anyone could tell it."""
    return scene.phase("a") in ("paused", "completed")


WHOLE = Play("steps-2 save-1", (), ("completed",))
PAUSE = Play(
    "steps-6 pace-40",
    (when_training(Verb.PAUSE), (has_stopped, lambda scene: scene.ask("a", Verb.RESUME))),
    ("completed",),
    starts=(1, 2),
)
CANCEL = Play("hang", (when_training(Verb.CANCEL),), ("cancelled",))
CRASH = Play("steps-3 save-1 kill-2", (), ("completed",), starts=(1, 2))
PLAYS = {
    "from drop to end": WHOLE,
    "pause and resume": PAUSE,
    "cancel": CANCEL,
    "crash and retry": CRASH,
}


@pytest.fixture
def kill_points(tmp_path: Path, play: Play) -> list[list[int]]:
    """Each operation of the play; up to the first start they are the same in all plays."""
    operations = list_operations(tmp_path / "count", play)
    starts = [number for number, name in enumerate(operations, start=1) if "Popen" in name]
    first = 1 if play is WHOLE else starts[0]
    return [[number] for number in range(first, len(operations) + 1)]


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_a_daemon_killed_at_some_operations_loses_no_run_and_starts_none_twice(
    tmp_path: Path, play: Play, kill_points: list[list[int]], tell: Callable[[object], None]
) -> None:
    tally = play_all(tmp_path, play, kill_points[::EVERY])
    tell(tally)
    assert tally.killed
    assert not tally.problems


@pytest.mark.slow
@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_a_daemon_killed_at_any_operation_loses_no_run_and_starts_none_twice(
    tmp_path: Path, play: Play, kill_points: list[list[int]], tell: Callable[[object], None]
) -> None:
    others = [point for number, point in enumerate(kill_points) if number % EVERY]
    tally = play_all(tmp_path, play, others)
    tell(tally)
    assert tally.killed
    assert not tally.problems


def test_daemons_killed_one_after_the_other_lose_no_run_and_start_none_twice(
    tmp_path: Path, tell: Callable[[object], None]
) -> None:
    draw = random.Random(0)
    points = [[draw.randint(10, 60), *draw.choices(range(1, 40), k=3)] for _ in range(20)]
    tally = play_all(tmp_path, PAUSE, points)
    tell(tally)
    assert tally.killed
    assert not tally.problems
