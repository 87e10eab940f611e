"""The daemon dies at every single operation of its work on a run, and the run comes out right."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.heartbeat import read_heartbeat
from core.run.phase import Verb
from tests.faults.kill_points import Play, Step, list_operations, play_all
from tests.faults.scene import Scene

AROUND = 14
EVERY = 6
"""The quick tests take one kill point of so many, the slow ones the others."""


def when_training(verb: Verb) -> Step:
    """Ask it after the first step."""
    return lambda scene: scene.began("a"), lambda scene: scene.ask("a", verb)


def has_stopped(scene: Scene) -> bool:
    """Whether it is paused, or had come to its end before anyone could tell it."""
    return scene.phase("a") in ("paused", "completed")


def ask_to_resume(scene: Scene) -> None:
    scene.ask("a", Verb.RESUME)


def is_warm(scene: Scene) -> bool:
    """Whether a trainer waits for the next run."""
    daemon = read_heartbeat(scene.workspace.heartbeat)
    return daemon is not None and daemon.standby.state == "ready"


def goes_on(scene: Scene) -> bool:
    """Whether it trains again, or had come to its end before anyone could pause it."""
    status = scene.run("a").status
    return status.phase == "completed" or (status.attempt > 1 and status.phase == "running")


WHOLE = Play("steps-2 save-1", (), ("completed",))
PAUSE = Play(
    "steps-6 pace-40",
    (when_training(Verb.PAUSE), (has_stopped, ask_to_resume)),
    ("completed",),
    starts=(1, 2),
)
WARM = Play(
    "steps-200 pace-10",
    (
        when_training(Verb.PAUSE),
        (lambda scene: has_stopped(scene) and is_warm(scene), ask_to_resume),
        (goes_on, lambda scene: scene.ask("a", Verb.CANCEL)),
    ),
    ("cancelled", "completed"),
    starts=(1, 2),
    is_warm=True,
)
CANCEL = Play("hang", (when_training(Verb.CANCEL),), ("cancelled",))
CRASH = Play("steps-3 save-1 kill-2", (), ("completed",), starts=(1, 2))
PLAYS = {
    "from drop to end": WHOLE,
    "pause and resume": PAUSE,
    "cancel": CANCEL,
    "pause, and resume in a warm trainer": WARM,
    "crash and retry": CRASH,
}


@pytest.fixture
def kill_points(tmp_path: Path, play: Play) -> list[list[int]]:
    """Each operation of the play; up to the first start they are the same in all plays.

    Of the play with a warm trainer those around the moment in which the run is handed over.
    """
    operations = list(enumerate(list_operations(tmp_path / "count", play), start=1))
    first, last = 1, len(operations)
    if play is WARM:
        (handed,) = (number for number, name in operations if name.startswith("socket.sendmsg"))
        first, last = handed - AROUND, handed + AROUND
    elif play is not WHOLE:
        first = next(number for number, name in operations if "Popen" in name)
    return [[number] for number in range(first, last + 1)]


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
