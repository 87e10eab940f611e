"""Pausing and cancelling, whatever the processes of a training do to escape it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.files import load_json
from core.run.phase import CANCELLABLE, PAUSABLE, Phase, Verb
from daemon.live_run import UNKILLABLE_AFTER_S
from tests.clock import Clock
from tests.faults.scene import Scene
from tests.lives import ORPHANS, read_lives
from tests.supervision import SETTINGS, living
from tests.waiting import wait_until


def alive(scene: Scene, name: str) -> list[int]:
    """Every process of the run that is left, also of those that do not carry its mark."""
    paths = scene.paths(name)
    return [*living(paths), *(life.pid for life in read_lives(paths) if life.goes_on)]


def begin(scene: Scene, name: str, behaviour: str = "hang") -> None:
    """Drop a run and let it train."""
    scene.drop(name, behaviour)
    scene.until(lambda: scene.began(name))


def keeper(scene: Scene, name: str) -> int:
    return int(load_json(scene.paths(name).lock)["pid"])


@pytest.mark.parametrize(
    "behaviour",
    [
        *(f"hang {orphan}" for orphan in ORPHANS),
        "hang deaf nameless lingering breeding",
        "hang stopped",
        "hang stopped deaf orphan",
    ],
)
def test_a_cancel_leaves_no_process_wherever_it_hides(
    scene: Scene, behaviour: str, tell: Callable[[object], None]
) -> None:
    begin(scene, "a", behaviour)
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelling")
    asked_at = time.monotonic()
    scene.until_phase("a", "cancelled")
    tell(f"{time.monotonic() - asked_at:.1f} s, of which {SETTINGS.cancel_grace_s} s were grace")
    assert alive(scene, "a") == []


@pytest.mark.parametrize("behaviour", ["hang", "hang deaf orphan breeding"])
def test_a_cancel_works_though_the_keeper_was_killed(scene: Scene, behaviour: str) -> None:
    begin(scene, "a", behaviour)
    os.kill(keeper(scene, "a"), signal.SIGKILL)
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelled")
    assert alive(scene, "a") == []


def test_a_cancel_works_though_the_keeper_was_stopped(scene: Scene) -> None:
    begin(scene, "a", "hang orphan")
    os.kill(keeper(scene, "a"), signal.SIGSTOP)
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelled")
    assert alive(scene, "a") == []


def test_a_training_whose_leader_was_killed_leaves_nothing_that_trains_on(scene: Scene) -> None:
    begin(scene, "a", "hang orphan nameless lingering breeding")
    (leader,) = (life.pid for life in read_lives(scene.paths("a")) if life.is_trainer)
    os.kill(leader, signal.SIGKILL)
    scene.until(lambda: scene.run("a").status.retries == 1)
    scene.until_phase("a", "running")
    lives = read_lives(scene.paths("a"))
    assert not [life.pid for life in lives if life.attempt == 1 and life.goes_on]


def test_what_cannot_be_killed_is_shown_with_its_pids(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(scene, "a")
    live = scene.supervisor.roster.live[scene.run("a").run_id]
    clock = live.clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr(live.process, "kill", lambda: [4711, 4712])
        patch.setattr(live.process, "cancel", lambda: None)
        live.cancel(kill_at=10.0)
        clock.now = 11.0 + UNKILLABLE_AFTER_S
        scene.supervisor.tick()
    assert scene.run("a").status.reason == "these processes cannot be killed: 4711, 4712"
    assert scene.phase("a") == "cancelling"
    scene.until_phase("a", "cancelled")


def test_a_cancel_asked_again_and_again_is_one_cancel(scene: Scene) -> None:
    begin(scene, "a", "hang deaf")
    for _ in range(5):
        scene.ask("a", Verb.CANCEL)
        scene.supervisor.tick()
    scene.until_phase("a", "cancelled")
    before = scene.paths("a").events.read_bytes()
    scene.ask("a", Verb.CANCEL)
    scene.until(lambda: not scene.store.requested(scene.run("a").run_id))
    assert scene.paths("a").events.read_bytes() == before
    assert before.count(b"cancelling") == 1


def test_a_paused_run_is_cancelled_without_a_start(scene: Scene) -> None:
    begin(scene, "a")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "paused")
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelled")
    assert scene.run("a").status.attempt == 1


@pytest.mark.parametrize("wait_for", ["nothing", "a trainer", "imports"])
def test_a_run_can_be_paused_while_it_starts(scene: Scene, wait_for: str) -> None:
    scene.drop("a", "slow-60000")
    scene.until_phase("a", "starting")
    if wait_for == "a trainer":
        wait_until(lambda: read_lives(scene.paths("a")))
    elif wait_for == "imports":
        scene.until(lambda: scene.run("a").status.stage == "imports")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "paused")
    assert alive(scene, "a") == []
    assert not scene.run("a").status.resumable


def test_a_pause_that_nothing_obeys_can_be_cancelled(scene: Scene) -> None:
    begin(scene, "a", "hang deaf")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "pausing")
    scene.ask("a", Verb.RESUME)
    scene.ask("a", Verb.CHECKPOINT)
    scene.until(lambda: not scene.store.requested(scene.run("a").run_id))
    assert scene.phase("a") == "pausing"
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelled")


def test_a_stopped_training_is_woken_to_be_paused(scene: Scene) -> None:
    begin(scene, "a", "hang stopped")
    (trainer,) = read_lives(scene.paths("a"))
    wait_until(lambda: state(trainer.pid) == "T")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "paused")
    assert scene.run("a").checkpoints()


def state(pid: int) -> str:
    """As `ps` tells it: `T` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


WISHES = {
    Verb.PAUSE: PAUSABLE,
    Verb.RESUME: {Phase.PAUSED},
    Verb.CANCEL: CANCELLABLE,
    Verb.CHECKPOINT: {Phase.RUNNING},
    Verb.RETRY: {Phase.FAILED},
    Verb.SHRINK: {Phase.FAILED},
    Verb.MOVE: {Phase.QUEUED},
}
"""Which phases a wish is for, written down once more: it must not change by accident."""


WAYS = {
    "running": ("hang", None),
    "pausing": ("hang deaf", Verb.PAUSE),
    "paused": ("hang", Verb.PAUSE),
    "failed": ("fail", None),
    "cancelled": ("hang", Verb.CANCEL),
    "completed": ("steps-1", None),
}
"""How a run comes to a phase: what it does, and what is asked of it."""


@pytest.mark.parametrize("phase", WAYS)
def test_a_wish_that_does_not_fit_the_phase_changes_nothing(scene: Scene, phase: str) -> None:
    behaviour, wish = WAYS[phase]
    scene.drop("a", behaviour)
    if wish:
        scene.until(lambda: scene.began("a"))
        scene.ask("a", wish)
    scene.until_phase("a", phase)
    events = scene.paths("a").events.read_bytes()
    for verb, phases in WISHES.items():
        if phase not in phases:
            scene.ask("a", verb)
    scene.until(lambda: not scene.store.requested(scene.run("a").run_id))
    assert scene.paths("a").events.read_bytes() == events
    assert scene.phase("a") == phase
