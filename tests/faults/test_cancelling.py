"""Cancelling ends every process of a run, wherever it hides and whatever the run is doing."""

import os
import signal
from collections import Counter

import pytest

from core.files import load_json, parse_json_lines
from core.run.phase import Verb
from daemon import live_run
from daemon.trainer_process import TrainerProcess
from tests.faults.invariants import find_survivors
from tests.faults.scene import Scene
from tests.lives import Life, read_lives
from tests.supervision import living
from tests.waiting import wait_until


def begin(scene: Scene, behaviour: str) -> None:
    """Let the run `a` train."""
    scene.drop("a", behaviour)
    scene.until(lambda: scene.began("a"))


def cancel(scene: Scene, name: str = "a") -> None:
    """Cancel the run; at the moment at which it is said to be cancelled, no process is left."""
    scene.ask(name, Verb.CANCEL)
    scene.until_phase(name, "cancelled")
    assert list(find_survivors(scene.paths(name))) == []


def refuse(scene: Scene, verb: Verb) -> None:
    """Ask for what does not fit the phase of the run `a`: an answer comes, and nothing else."""
    before = moves(scene)
    scene.ask("a", verb)
    scene.until(lambda: not scene.store.requested(scene.paths("a").run_id))
    assert moves(scene) == before


def moves(scene: Scene) -> list[str]:
    """The phases through which the run `a` went."""
    lines = scene.paths("a").events.read_text().splitlines()
    return [event["phase"] for event in parse_json_lines(lines)]


@pytest.mark.parametrize(
    "behaviour",
    [
        "hang nameless",
        "hang lingering",
        "hang breeding",
        "hang orphan nameless lingering breeding deaf",
        "steps-5 pace-100 stopped",
        "steps-5 pace-100 stopped nameless breeding deaf",
    ],
)
def test_no_process_hides_from_a_cancel(scene: Scene, behaviour: str) -> None:
    begin(scene, behaviour)
    cancel(scene)


def test_no_process_hides_behind_a_trainer_and_a_keeper_that_are_stopped(scene: Scene) -> None:
    begin(scene, "hang lingering breeding")
    for pid in living(scene.paths("a")):
        os.kill(pid, signal.SIGSTOP)
    cancel(scene)


def test_a_nameless_process_does_not_outlive_a_keeper_that_cannot_keep_up(scene: Scene) -> None:
    begin(scene, "hang nameless")
    os.kill(load_json(scene.paths("a").lock)["pid"], signal.SIGSTOP)
    try:
        cancel(scene)
    finally:
        for life in nameless(scene):
            os.kill(life.pid, signal.SIGKILL)


def nameless(scene: Scene) -> list[Life]:
    """The processes of the run that live and that nothing but their birth tells of."""
    known = living(scene.paths("a"))
    return [life for life in read_lives(scene.paths("a")) if life.goes_on and life.pid not in known]


def test_a_second_cancel_neither_shortens_nor_repeats_the_first(scene: Scene) -> None:
    begin(scene, "hang deaf")
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelling")
    kill_at = scene.supervisor.roster.live[scene.paths("a").run_id].kill_at
    refuse(scene, Verb.CANCEL)
    refuse(scene, Verb.PAUSE)
    assert scene.supervisor.roster.live[scene.paths("a").run_id].kill_at == kill_at
    scene.until_phase("a", "cancelled")
    assert Counter(moves(scene))["cancelling"] == 1


def test_a_run_cancelled_while_it_waits_never_starts_and_those_behind_it_do(scene: Scene) -> None:
    begin(scene, "hang")
    for name in ("b", "c"):
        scene.drop(name)
        scene.until_phase(name, "queued")
    cancel(scene, "b")
    cancel(scene)
    scene.until_phase("c", "completed")
    assert scene.run("b").status.attempt == 0
    assert read_lives(scene.paths("b")) == []


@pytest.mark.parametrize("behaviour", ["slow-60000", "slow-60000 orphan nameless deaf"])
def test_a_cancel_reaches_a_trainer_that_is_just_being_born(scene: Scene, behaviour: str) -> None:
    scene.drop("a", behaviour)
    scene.until_phase("a", "starting")
    cancel(scene)
    assert "running" not in moves(scene)


def test_a_pause_reaches_a_trainer_that_is_just_being_born(scene: Scene) -> None:
    scene.drop("a", "slow-60000")
    scene.until_phase("a", "starting")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "paused")
    assert list(find_survivors(scene.paths("a"))) == []
    assert moves(scene) == ["queued", "starting", "pausing", "paused"]


def test_a_cancelled_run_that_was_paused_keeps_what_it_had_saved(scene: Scene) -> None:
    begin(scene, "hang save-2")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "paused")
    saved = scene.run("a").checkpoints()
    cancel(scene)
    assert saved and scene.run("a").checkpoints() == saved


def test_a_run_that_does_not_come_to_its_pause_can_be_cancelled_but_not_resumed(
    scene: Scene,
) -> None:
    begin(scene, "hang deaf")
    scene.ask("a", Verb.PAUSE)
    scene.until_phase("a", "pausing")
    refuse(scene, Verb.RESUME)
    refuse(scene, Verb.PAUSE)
    cancel(scene)
    assert moves(scene)[-3:] == ["pausing", "cancelling", "cancelled"]


@pytest.mark.parametrize(("behaviour", "phase"), [("steps-1", "completed"), ("fail", "failed")])
def test_a_finished_run_is_not_cancelled(scene: Scene, behaviour: str, phase: str) -> None:
    scene.drop("a", behaviour)
    scene.until_phase("a", phase)
    before = scene.paths("a").status.read_bytes()
    refuse(scene, Verb.CANCEL)
    assert scene.paths("a").status.read_bytes() == before


def test_what_cannot_be_killed_is_named_and_the_run_is_cancelled_only_when_it_is_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(scene, "hang deaf")
    with monkeypatch.context() as patch:
        patch.setattr(live_run, "UNKILLABLE_AFTER_S", 0.1)
        patch.setattr(TrainerProcess, "kill", lambda self: [4242])
        scene.ask("a", Verb.CANCEL)
        scene.until(lambda: "cannot be killed: 4242" in scene.run("a").status.reason)
        assert scene.phase("a") == "cancelling"
    scene.until_phase("a", "cancelled")
    wait_until(lambda: not living(scene.paths("a")))
