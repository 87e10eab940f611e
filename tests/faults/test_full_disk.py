"""The disk is full, at any moment, and has room again later: nothing is lost, and all goes on."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.files import load_json, parse_json_lines
from core.run.phase import Verb
from daemon import dispatch, records, supervisor
from tests.faults.scene import Scene
from tests.lives import read_lives
from tests.supervision import living
from tests.waiting import wait_until

DISK = "size=16m"
ENDS = {Verb.PAUSE: "paused", Verb.CANCEL: "cancelled"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A workspace on a small disk of its own."""
    command = ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(tmp_path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small disk: {mounted.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be done is tried again soon."""
    monkeypatch.setattr(dispatch, "START_AGAIN_S", 0.2)
    monkeypatch.setattr(supervisor, "LOOK_INTERVAL_S", 0.2)


def fill(scene: Scene) -> None:
    """Leave no room on the disk, not even for one byte in a new file."""
    with filler(scene).open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def free(scene: Scene) -> None:
    """Make room again."""
    filler(scene).unlink()


def filler(scene: Scene) -> Path:
    return scene.workspace.root / "filler"


def turn(scene: Scene, times: int = 20) -> None:
    """Let the daemon try, again and again."""
    for _ in range(times):
        scene.supervisor.tick()
        scene.supervisor.watch.wait(0.02)


def steps(scene: Scene, name: str) -> set[int]:
    lines = scene.paths(name).metrics.read_text().splitlines()
    return {row["step"] for row in parse_json_lines(lines)}


def test_a_full_disk_takes_no_spec_by_halves(scene: Scene) -> None:
    fill(scene)
    with pytest.raises(OSError, match="No space left"):
        scene.store.submit("a", "x")
    assert list(scene.workspace.queue.iterdir()) == []
    free(scene)


@pytest.mark.parametrize("is_killed", [False, True])
def test_specs_claimed_on_a_full_disk_run_once_when_it_has_room(
    scene: Scene, is_killed: bool
) -> None:
    names = ["a", "b", "c"]
    for name in names:
        scene.drop(name)
    fill(scene)
    scene.until(lambda: not scene.store.dropped())
    if is_killed:
        scene.forget_daemon()
    turn(scene)
    assert [scene.phase(name) for name in names] == ["", "", ""]
    free(scene)
    scene.until(lambda: all(scene.phase(name) == "completed" for name in names))
    assert [len(read_lives(scene.paths(name))) for name in names] == [1, 1, 1]


def test_a_run_that_waits_while_the_disk_is_full_starts_when_it_has_room(scene: Scene) -> None:
    scene.drop("a", "steps-20 pace-20")
    scene.until(lambda: scene.began("a"))
    scene.drop("b")
    scene.until_phase("b", "queued")
    scene.until(lambda: not living(scene.paths("a")))
    fill(scene)
    turn(scene)
    free(scene)
    scene.until(lambda: all(scene.phase(name) == "completed" for name in "ab"))
    assert scene.run("b").status.retries == 0


@pytest.mark.parametrize("behaviour", ["", "save-1", "save-4 keep-1", "eval-50", "orphan deaf"])
def test_a_training_that_fills_the_disk_goes_on_when_it_has_room(
    scene: Scene, behaviour: str
) -> None:
    scene.drop("a", f"steps-300 pace-2 {behaviour}")
    scene.until(lambda: scene.began("a", 5))
    fill(scene)
    scene.until(lambda: not living(scene.paths("a")))
    turn(scene)
    assert scene.phase("a") in {"running", "queued"}
    assert scene.supervisor.troubles
    free(scene)
    scene.until_phase("a", "completed")
    assert steps(scene, "a") == set(range(1, 301))
    assert scene.run("a").status.retries <= 1


@pytest.mark.parametrize("still_full", [True, False])
def test_a_training_that_died_of_a_full_disk_while_the_daemon_was_away_goes_on(
    scene: Scene, still_full: bool
) -> None:
    scene.drop("a", "steps-300 pace-2 save-50")
    scene.until(lambda: scene.began("a", 60))
    scene.forget_daemon()
    fill(scene)
    wait_until(lambda: not living(scene.paths("a")))
    if still_full:
        turn(scene)
    free(scene)
    scene.until_phase("a", "completed")
    assert steps(scene, "a") == set(range(1, 301))
    assert (scene.run("a").status.attempt, scene.run("a").status.retries) == (2, 1)


def test_a_training_that_ends_well_on_a_full_disk_is_completed_when_that_can_be_written(
    scene: Scene,
) -> None:
    scene.drop("a", "steps-20 pace-20")
    scene.until(lambda: scene.began("a"))
    wait_until(lambda: not living(scene.paths("a")))
    fill(scene)
    turn(scene)
    assert scene.phase("a") == "running"
    free(scene)
    scene.until_phase("a", "completed")
    assert load_json(scene.paths("a").exit)["code"] == 0
    assert scene.run("a").status.attempt == 1


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
def test_a_training_that_is_to_end_on_a_full_disk_ends_as_it_was_asked(
    scene: Scene, verb: Verb
) -> None:
    scene.drop("a", "hang")
    scene.until(lambda: scene.began("a"))
    scene.ask("a", verb)
    fill(scene)
    scene.until(lambda: not living(scene.paths("a")))
    free(scene)
    scene.until_phase("a", ENDS[verb])
    assert scene.run("a").status.attempt == 1


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.CANCEL])
def test_a_wish_that_cannot_be_written_down_reaches_the_training(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    scene.drop("a", "hang")
    scene.until(lambda: scene.began("a"))
    scene.ask("a", verb)
    with monkeypatch.context() as patch:
        patch.setattr(records, "save", refuse)
        scene.until(lambda: not living(scene.paths("a")))
        assert scene.phase("a") == "running"
    scene.until_phase("a", ENDS[verb])
    assert bool(scene.run("a").checkpoints()) is (verb is Verb.PAUSE)
    assert scene.run("a").status.attempt == 1


def refuse(*arguments: object, **options: object) -> None:
    """What writing does on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
