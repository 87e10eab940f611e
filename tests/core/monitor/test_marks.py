"""What is marked on the curves of a run: checkpoints, pauses, and where further attempts began."""

from pathlib import Path
from typing import Any

import pytest

from core.files import append_json_line
from core.monitor.marks import Marks
from core.paths import RunPaths

Told = list[tuple[str, float, str]]


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


def journal(paths: RunPaths, entry: str, step: int, attempt: int = 1) -> None:
    append_json_line(paths.journal, {"entry": entry, "step": step, "attempt": attempt})


def event(paths: RunPaths, phase: str, attempt: int, **more: Any) -> None:
    append_json_line(paths.events, {"phase": phase, "attempt": attempt, **more})


def told(marks: Marks) -> Told:
    marks.refresh()
    return [(mark.kind, mark.step, mark.text) for mark in marks.marks]


def test_a_first_attempt_is_marked_by_its_checkpoints_alone(paths: RunPaths) -> None:
    marks = Marks(paths)
    assert told(marks) == []
    journal(paths, "plan", 0)
    journal(paths, "checkpoint", 10)
    assert told(marks) == [("checkpoint", 10, "Checkpoint")]


def test_a_resume_and_a_retry_are_told_apart_with_their_reasons(paths: RunPaths) -> None:
    marks = Marks(paths)
    journal(paths, "plan", 0)
    journal(paths, "stopped", 20)
    event(paths, "paused", 1)
    event(paths, "queued", 1, reason="resumed")
    journal(paths, "plan", 20, attempt=2)
    event(paths, "running", 2)
    event(paths, "queued", 2, reason="it was killed")
    journal(paths, "plan", 20, attempt=3)
    assert told(marks) == [
        ("pause", 20, "Paused"),
        ("resume", 20, "Attempt 2: resumed"),
        ("retry", 20, "Attempt 3: it was killed"),
    ]


def test_checkpoints_that_are_trained_again_are_marks_no_more(paths: RunPaths) -> None:
    marks = Marks(paths)
    journal(paths, "checkpoint", 10)
    journal(paths, "checkpoint", 20)
    assert len(told(marks)) == 2
    generation = marks.generation
    journal(paths, "plan", 10, attempt=2)
    assert [mark[:2] for mark in told(marks)] == [("checkpoint", 10), ("retry", 10)]
    assert marks.generation > generation


def test_files_that_shrink_or_vanish_are_read_from_the_start(paths: RunPaths) -> None:
    marks = Marks(paths)
    journal(paths, "checkpoint", 10)
    journal(paths, "checkpoint", 20)
    assert len(told(marks)) == 2
    paths.journal.write_text("")
    journal(paths, "checkpoint", 5)
    assert told(marks) == [("checkpoint", 5, "Checkpoint")]
    paths.journal.unlink()
    assert told(marks) == []
