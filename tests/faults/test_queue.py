"""What may lie in the queue folder, and what may happen to the folder itself."""

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver

from daemon import intake
from tests.faults.scene import Scene
from tests.supervision import SETTINGS, spec_text

PATIENT = replace(SETTINGS, queue_quiet_s=60)
"""With these only an event brings a spec in time, or its age."""


def put(scene: Scene, file: str, text: str) -> Path:
    """A spec as an editor or `cp` leaves it: written in its place."""
    scene.witness.dropped[text.encode()] += 1
    path = scene.workspace.queue / file
    path.write_text(text)
    return path


def test_a_spec_comes_by_every_way_of_moving_a_file(scene: Scene, tmp_path: Path) -> None:
    scene.settings = PATIENT
    scene.supervisor.tick()
    queue, outside = scene.workspace.queue, tmp_path / "outside"
    outside.mkdir()
    for name in ("moved", "copied", "edited", "linked"):
        text = spec_text(name)
        scene.witness.dropped[text.encode()] += 1
        (outside / f"{name}.yaml").write_text(text)
    (outside / "moved.yaml").rename(queue / "moved.yaml")
    # For the watcher it looks like one that is being written: it is its age that tells.
    os.utime(queue / "moved.yaml", (0, 0))
    shutil.copy(outside / "copied.yaml", queue / ".copied.tmp")
    (queue / ".copied.tmp").rename(queue / "copied.yml")
    (queue / "linked.yaml").hardlink_to(outside / "linked.yaml")
    (outside / "linked.yaml").unlink()
    os.utime(queue / "linked.yaml", (0, 0))
    (queue / "edited.yaml").write_text(spec_text("raw"))
    command = ["cp", str(outside / "edited.yaml"), str(queue / "edited.yaml")]
    subprocess.run(command, check=True)
    names = ("moved", "copied", "edited", "linked")
    scene.until(lambda: all(scene.phase(name) == "completed" for name in names))


def test_an_edit_of_a_waiting_spec_is_taken_and_one_of_a_taken_spec_is_not(scene: Scene) -> None:
    scene.settings = PATIENT
    edited = spec_text("a", "steps-4")
    path = scene.workspace.queue / "a.yaml"
    path.write_text(spec_text("a", "steps-2"))
    scene.supervisor.tick()
    assert scene.store.runs() == []
    scene.witness.dropped[edited.encode()] += 1
    path.write_text(edited)
    os.utime(path, (0, 0))
    scene.until_phase("a", "completed")
    assert scene.run("a").status.progress.total_steps == 4


def test_a_spec_that_is_replaced_while_it_is_checked_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = spec_text("a", "steps-2"), spec_text("a", "steps-4")
    check = intake.check_spec

    def check_slowly(*arguments: object):
        monkeypatch.setattr(intake, "check_spec", check)
        scene.drop_text("new", newer)
        (scene.workspace.queue / "new.yaml").rename(scene.workspace.queue / "a.yaml")
        return check(*arguments)

    scene.store.submit("a", older)
    monkeypatch.setattr(intake, "check_spec", check_slowly)
    scene.until_phase("a", "completed")
    assert scene.run("a").paths.spec.read_text() == newer


def test_when_no_event_ever_comes_every_spec_is_found_in_the_order_of_its_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an overflow of the kernel's queue of events."""
    monkeypatch.setattr("daemon.watch.Watch.on_any_event", lambda self, event: None)
    names = [f"run-{number}" for number in range(100)]
    scene.drop("first", "hang")
    scene.until_phase("first", "running")
    for age_s, name in enumerate(reversed(names)):
        path = put(scene, f"{name}.yaml", spec_text(name))
        os.utime(path, (1e9 - age_s, 1e9 - age_s))
    scene.until(lambda: len(scene.store.queue()) == len(names))
    assert [run.status.name for run in scene.store.queue()] == names


@pytest.mark.parametrize("number", [24, 28], ids=["EMFILE", "ENOSPC"])
def test_where_nothing_can_be_watched_specs_are_found_by_looking(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(self: BaseObserver, *arguments: object) -> None:
        raise OSError(number, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, "schedule", refuse)
    scene.drop("a")
    scene.until_phase("a", "completed")
    assert scene.supervisor.watch.observer is None


def test_names_and_kinds_of_files_that_are_none_of_ours_are_left_alone(scene: Scene) -> None:
    queue = scene.workspace.queue
    names = [
        b"x" * 250 + b".yaml",
        b"a\nb.yaml",
        b"a\xff\xfe.yaml",
        b"-rf.yaml",
        b"a b.yaml",
        b"$(touch pwned).yaml",
        "ä.yaml".encode(),
        b"..yaml",
    ]
    for name in names:
        (queue / os.fsdecode(name)).write_text(spec_text("x"))
    scene.drop("good")
    scene.until_phase("good", "completed")
    left = {path for path in queue.iterdir() if path != scene.workspace.wake}
    assert {os.fsencode(path.name) for path in left} == {*names}
    assert len(scene.store.runs()) == 1


def test_a_socket_or_a_device_in_the_queue_is_put_aside_unread(scene: Scene) -> None:
    queue = scene.workspace.queue
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(queue / "socket.yaml"))
        (queue / "nowhere.yaml").symlink_to(queue / "nothing")
        (queue / "round.yaml").symlink_to(queue / "round.yaml")
        (queue / "zero.yaml").symlink_to("/dev/zero")
        scene.drop("good")
        scene.until(lambda: len(scene.store.rejected()) == 4)
        scene.until_phase("good", "completed")
    for rejected in scene.store.rejected():
        rejected.path.unlink()


def test_a_queue_that_is_no_folder_is_told_and_specs_come_when_it_is_one_again(
    scene: Scene,
) -> None:
    scene.drop("a", "steps-30 pace-20")
    scene.until(lambda: scene.began("a"))
    scene.workspace.queue.rename(scene.workspace.runs / "away")
    scene.workspace.queue.write_text("no folder")
    scene.until_phase("a", "completed")
    assert "watching the queue" in scene.supervisor.troubles
    scene.workspace.queue.unlink()
    scene.supervisor.tick()
    assert scene.supervisor.troubles == {}


def test_what_cannot_be_put_aside_stays_in_the_queue_and_stops_no_other(scene: Scene) -> None:
    scene.supervisor.tick()
    scene.workspace.rejected.rmdir()
    scene.workspace.rejected.write_text("no folder")
    scene.drop_text("bad", "nonsense")
    scene.drop("good")
    scene.until_phase("good", "completed")
    assert [path.name for path in scene.store.dropped()] == ["bad.yaml"]
    scene.workspace.rejected.unlink()
    scene.until(scene.store.rejected)


def test_a_spec_that_leaves_again_while_it_is_looked_at_is_no_trouble(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = intake.check_spec

    def check_and_remove(*arguments: object):
        (scene.workspace.queue / "gone.yaml").unlink(missing_ok=True)
        return check(*arguments)

    scene.store.submit("gone", spec_text("gone"))
    monkeypatch.setattr(intake, "check_spec", check_and_remove)
    scene.until(lambda: not scene.store.dropped())
    scene.supervisor.tick()
    assert scene.supervisor.troubles == {}
    assert scene.workspace.run_folders() == []
