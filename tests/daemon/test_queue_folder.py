"""When a file in the queue folder counts as complete."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.queue_folder import Arrival, QueueFolder
from tests.clock import Clock

QUIET_S = 3.0


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> QueueFolder:
    return QueueFolder(tmp_path, QUIET_S, clock=clock, wall_clock=clock)


def put(queue: QueueFolder, clock: Clock, name: str, text: str = "a: 1") -> None:
    (queue.folder / name).write_text(text)
    os.utime(queue.folder / name, (clock.now, clock.now))


def names(queue: QueueFolder) -> list[str]:
    return [path.name for path in queue.candidates()]


def test_a_renamed_file_is_complete_at_once(queue: QueueFolder, clock: Clock) -> None:
    put(queue, clock, "a.yaml")
    queue.note_renamed("a.yaml")
    assert names(queue) == ["a.yaml"]
    assert queue.is_settled("a.yaml")


def test_a_closed_file_is_tried_soon_but_rejected_only_later(
    queue: QueueFolder, clock: Clock
) -> None:
    put(queue, clock, "a.yaml")
    queue.note_closed("a.yaml")
    assert names(queue) == []
    clock.now += 0.25
    assert names(queue) == ["a.yaml"]
    assert not queue.is_settled("a.yaml")
    clock.now += QUIET_S
    assert names(queue) == ["a.yaml"]
    assert queue.is_settled("a.yaml")


def test_without_an_event_a_file_must_rest(queue: QueueFolder, clock: Clock) -> None:
    put(queue, clock, "a.yaml")
    assert names(queue) == []
    clock.now += QUIET_S - 0.1
    put(queue, clock, "a.yaml", "a: 1\nb: 2")
    assert names(queue) == []
    clock.now += QUIET_S
    assert names(queue) == ["a.yaml"]


def test_a_file_that_was_there_long_before_is_taken_at_once(
    queue: QueueFolder, clock: Clock
) -> None:
    put(queue, clock, "a.yaml")
    clock.now += 120
    assert names(queue) == ["a.yaml"]


def test_a_file_from_the_future_still_comes_to_rest(queue: QueueFolder, clock: Clock) -> None:
    put(queue, clock, "a.yaml")
    os.utime(queue.folder / "a.yaml", (clock.now + 9e6, clock.now + 9e6))
    assert names(queue) == []
    clock.now += QUIET_S
    assert names(queue) == ["a.yaml"]


def test_the_oldest_comes_first(queue: QueueFolder, clock: Clock) -> None:
    for name in ("b.yaml", "a.yaml", "c.yml"):
        put(queue, clock, name)
        queue.note_renamed(name)
        clock.now += 1
    assert names(queue) == ["b.yaml", "a.yaml", "c.yml"]


def test_a_name_that_left_is_forgotten(queue: QueueFolder, clock: Clock) -> None:
    put(queue, clock, "a.yaml")
    queue.note_renamed("a.yaml")
    (queue.folder / "a.yaml").unlink()
    assert names(queue) == []
    put(queue, clock, "a.yaml")
    assert names(queue) == []


def test_a_mark_that_comes_while_the_folder_is_listed_is_kept(
    queue: QueueFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that came too late for an earlier file lets no later one overtake it."""
    look = queue._look

    def look_while_two_come() -> Iterator[tuple[Path, Arrival]]:
        found = list(look())
        for name in ("a.yaml", "b.yaml"):
            (queue.folder / name).write_text("x")
            queue.note_renamed(name)
        return iter(found)

    monkeypatch.setattr(queue, "_look", look_while_two_come)
    assert queue.candidates() == []
    monkeypatch.undo()
    assert [path.name for path in queue.candidates()] == ["a.yaml", "b.yaml"]
