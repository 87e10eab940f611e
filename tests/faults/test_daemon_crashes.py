"""The daemon is killed, doubled and stopped from outside, at any moment, and comes back."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from core.files import load_json, parse_json_lines
from core.lock import take_lock
from core.run.failure import FailureKind
from core.run.phase import Verb
from daemon.service import EXIT_BUSY
from tests.faults.scene import Scene
from tests.lives import Life, read_lives
from tests.real import environment
from tests.supervision import living
from tests.waiting import wait_until


def trainers(scene: Scene, name: str) -> list[Life]:
    """Every trainer that the run ever had."""
    return [life for life in read_lives(scene.paths(name)) if life.is_trainer]


def steps(scene: Scene, name: str) -> list[int]:
    """The steps that were trained, in the order in which they were logged."""
    lines = scene.paths(name).metrics.read_text().splitlines()
    return [row["step"] for row in parse_json_lines(lines)]


def test_a_training_does_not_notice_that_the_daemon_is_killed_ten_times(scene: Scene) -> None:
    scene.drop("a", "steps-100000 pace-5")
    scene.start_daemon()
    scene.until(lambda: scene.began("a"))
    keeper = load_json(scene.paths("a").lock)
    for _ in range(10):
        scene.kill_daemon()
        before = len(steps(scene, "a"))
        wait_until(lambda before=before: len(steps(scene, "a")) > before)
        scene.start_daemon()
        scene.until(lambda before=before: scene.began("a", before + 1))
    assert load_json(scene.paths("a").lock) == keeper
    (trainer,) = trainers(scene, "a")
    assert trainer.goes_on
    status = scene.run("a").status
    assert (status.phase, status.attempt, status.retries) == ("running", 1, 0)
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("a", "cancelled")
    assert steps(scene, "a") == list(range(1, len(steps(scene, "a")) + 1))


def test_specs_dropped_while_the_daemon_is_killed_again_and_again_all_run_once(
    scene: Scene,
) -> None:
    draw = random.Random(0)
    names = [f"run-{number}" for number in range(20)]
    to_drop, kill_at = list(names), 0.0

    def completed() -> bool:
        return all(scene.phase(name) == "completed" for name in names)

    while to_drop or not completed():
        if to_drop and draw.random() < 0.3:
            scene.drop(to_drop.pop(0), "steps-2")
        if scene.process is None:
            scene.start_daemon()
            kill_at = time.monotonic() + draw.uniform(0.1, 2)
        elif time.monotonic() > kill_at:
            scene.kill_daemon()
        time.sleep(0.02)
    assert {name: len(trainers(scene, name)) for name in names} == dict.fromkeys(names, 1)


def test_of_two_daemons_started_at_once_one_works_and_one_leaves(scene: Scene) -> None:
    for _ in range(8):
        both = [scene.start_daemon(), scene.start_daemon()]
        wait_until(lambda both=both: any(process.poll() is not None for process in both))
        (scene.process,) = (process for process in both if process.poll() is None)
        (loser,) = (process for process in both if process is not scene.process)
        assert loser.returncode == EXIT_BUSY
        winner = scene.process.pid
        wait_until(lambda winner=winner: beating(scene) == winner)
        scene.kill_daemon()
    scene.start_daemon()


def beating(scene: Scene) -> int | None:
    """The process whose heartbeat it is."""
    heartbeat = scene.workspace.heartbeat
    return load_json(heartbeat)["pid"] if heartbeat.exists() else None


def test_a_daemon_that_is_told_to_end_takes_no_new_work_and_lets_the_training_go_on(
    scene: Scene,
) -> None:
    scene.drop("a", "steps-50 pace-20")
    scene.start_daemon()
    scene.until(lambda: scene.began("a"))
    for name in ("b", "c"):
        scene.drop(name)
        scene.until_phase(name, "queued")
    assert scene.stop_daemon() == 0
    (trainer,) = trainers(scene, "a")
    assert trainer.goes_on
    scene.drop("d")
    wait_until(lambda: not trainer.goes_on)
    assert [scene.phase(name) for name in "bcd"] == ["queued", "queued", ""]
    scene.start_daemon()
    scene.until(lambda: all(scene.phase(name) == "completed" for name in "abcd"))
    assert [len(trainers(scene, name)) for name in "abcd"] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("slow-200 fail", FailureKind.OTHER),
        ("slow-200 silent", FailureKind.NO_RESULT),
        ("slow-200 poison-2", FailureKind.KILLED),
        ("slow-200 crash-2", FailureKind.CRASHED),
    ],
)
def test_how_a_run_failed_while_the_daemon_was_away_is_told_truly(
    scene: Scene, behaviour: str, kind: FailureKind
) -> None:
    scene.drop("a", behaviour, max_attempts=1)
    scene.until_phase("a", "starting")
    wait_until(lambda: trainers(scene, "a"))
    scene.forget_daemon()
    wait_until(lambda: not living(scene.paths("a")))
    scene.until_phase("a", "failed")
    assert scene.run("a").status.failure.kind is kind


def test_a_run_that_vanished_without_a_record_while_the_daemon_was_away_is_not_completed(
    scene: Scene,
) -> None:
    scene.drop("a", "hang", max_attempts=1)
    scene.until(lambda: scene.began("a"))
    scene.forget_daemon()
    # The keeper first: it must not come to write down how the training ended.
    keeper = load_json(scene.paths("a").lock)["pid"]
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: not living(scene.paths("a")), lambda: kill_all(scene, "a"))
    scene.until_phase("a", "failed")
    assert scene.run("a").status.failure.kind is FailureKind.VANISHED
    assert not scene.paths("a").exit.exists()


def kill_all(scene: Scene, name: str) -> None:
    for pid in living(scene.paths(name)):
        os.kill(pid, signal.SIGKILL)


NAN = float("nan")


def change(**changes: object) -> str:
    """A status that is whole but for the values named."""
    return json.dumps(changes)


DAMAGES = {
    "garbage": "\0\x01garbage",
    "a list": "[1, 2]",
    "a rank that is no number": change(rank=NAN),
    "a time left that is no number": change(progress={"eta_s": NAN}),
    "an unknown phase": change(phase="sleeping"),
    "a time that is none": change(since="yesterday"),
    "no rank": change(rank=None),
    "words for numbers": change(attempt="one", priority="high"),
    "a word for a step": change(progress={"step": "ten"}),
    "a number for a checkpoint": change(latest_checkpoint=7),
}


def damage(scene: Scene, name: str, text: str) -> None:
    """Spoil the status of a run."""
    path = scene.paths(name).status
    scene.witness.allow_damage(path)
    if text.startswith("{"):
        text = json.dumps(load_json(path) | json.loads(text))
    path.write_text(text)


@pytest.mark.parametrize(
    "text",
    DAMAGES.values(),
    ids=DAMAGES,
)
def test_a_status_that_was_spoiled_neither_loses_the_run_nor_stops_the_daemon(
    scene: Scene, text: str
) -> None:
    a_live_and_a_waiting_run(scene)
    for name in ("a", "b"):
        damage(scene, name, text)
    assert_both_go_on(scene)


def test_a_folder_in_the_place_of_a_status_neither_loses_the_run_nor_stops_the_daemon(
    scene: Scene,
) -> None:
    a_live_and_a_waiting_run(scene)
    for name in ("a", "b"):
        path = scene.paths(name).status
        scene.witness.allow_damage(path)
        path.unlink()
        path.mkdir()
    assert_both_go_on(scene)


def test_a_status_that_was_removed_neither_loses_the_run_nor_starts_it_twice(
    scene: Scene,
) -> None:
    a_live_and_a_waiting_run(scene)
    for name in ("a", "b"):
        scene.paths(name).status.unlink()
    assert_both_go_on(scene)


def a_live_and_a_waiting_run(scene: Scene) -> None:
    """`a` trains and `b` waits; the daemon has died."""
    scene.drop("a", "hang")
    scene.until(lambda: scene.began("a"))
    scene.drop("b")
    scene.until_phase("b", "queued")
    scene.forget_daemon()


def assert_both_go_on(scene: Scene) -> None:
    """The next daemon finds `a` alive, and `b` runs after it."""
    scene.supervisor.tick()
    names = [path.spec.read_text().split("name: ")[1][0] for path in scene.workspace.run_folders()]
    ids = dict(zip(names, scene.workspace.run_folders(), strict=True))
    assert list(scene.supervisor.roster.live) == [ids["a"].run_id]
    scene.store.request(ids["a"].run_id, Verb.CANCEL)
    scene.until(lambda: scene.store.find_run(ids["a"].run_id).status.phase == "cancelled")
    scene.until(lambda: scene.store.find_run(ids["b"].run_id).status.phase == "completed")
    assert len([life for life in read_lives(ids["a"]) if life.is_trainer]) == 1


STEPS = (
    "find_gpus",
    "renew_watch",
    "take_specs",
    "look_at_all_runs",
    "obey_requests",
    "follow_runs",
    "guard_runs",
    "start_runs",
    "keep_sandbox",
    "beat",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_raises_is_told_and_works_again_when_it_can(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail() -> None:
        raise RuntimeError("struck by lightning")

    scene.drop("a")
    supervisor = scene.supervisor
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, step, fail)
        for _ in range(5):
            supervisor.tick()
        assert "struck by lightning" in " ".join(supervisor.troubles.values())
    scene.until_phase("a", "completed")
    supervisor.tick()
    assert supervisor.troubles == {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_the_watcher_costs_a_moment_and_no_spec(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("struck by lightning")

    supervisor = scene.supervisor
    supervisor.tick()
    monkeypatch.setattr(supervisor.queue, "note_renamed", fail)
    scene.drop("a")
    scene.until_phase("a", "completed")


def test_who_only_looks_whether_a_run_lives_keeps_nobody_from_starting_it(scene: Scene) -> None:
    """The page and the shell look at locks as well, in processes of their own."""
    path = scene.workspace.runs / ".lock"
    path.touch()
    command = [sys.executable, "-c", LOOK, str(path)]
    looking_on = environment(scene.workspace.root)
    with subprocess.Popen(command, env=looking_on, stdout=subprocess.PIPE) as looker:
        try:
            looker.stdout.readline()
            for _ in range(20_000):
                lock = take_lock(path)
                assert lock is not None, "a lock that nobody holds could not be taken"
                os.close(lock)
        finally:
            looker.kill()


LOOK = """
import pathlib, sys
from core.lock import is_locked
print("begins", flush=True)
while True:
    is_locked(pathlib.Path(sys.argv[1]))
"""
