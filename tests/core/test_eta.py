"""The time left follows the recent pace, and a journal tells its newest entries."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import to_text
from core.run.eta import estimate_s
from core.run.journal import JournalReader

AT = datetime(2026, 11, 22, tzinfo=UTC)


def row(step: int, second: float, attempt: int = 1, **values: float) -> dict:
    at = to_text(AT + timedelta(seconds=second))
    return {"at": at, "attempt": attempt, "step": step, "total_steps": 100, "loss": 1.0, **values}


def write(path: Path, *rows: dict) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in rows)


def test_the_time_left_is_the_recent_pace_times_what_is_left() -> None:
    rows = [row(step, 2.0 * step) for step in range(10, 21)]
    assert estimate_s(rows, AT + timedelta(seconds=40)) == 160.0
    assert estimate_s(rows, AT + timedelta(seconds=50)) == 150.0


def test_an_evaluation_between_two_steps_does_not_change_the_pace() -> None:
    rows = [row(step, step + (60.0 if step > 15 else 0.0)) for step in range(10, 21)]
    assert estimate_s(rows, AT + timedelta(seconds=80)) == 80.0


def test_there_is_no_estimate_before_two_events_of_one_attempt() -> None:
    assert estimate_s([], AT) is None
    assert estimate_s([row(1, 0)], AT) is None
    assert estimate_s([row(1, 0), row(2, 5, attempt=2)], AT) is None


def test_evaluations_do_not_count_as_steps() -> None:
    evaluation = {key: value for key, value in row(2, 60).items() if key != "loss"}
    assert estimate_s([row(1, 0), row(2, 1), evaluation], AT + timedelta(seconds=1)) == 98.0


def test_a_journal_shows_only_the_attempt_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, {"attempt": 1, "entry": "done", "step": 3}, {"attempt": 2, "entry": "plugin"})
    reader = JournalReader(path, attempt=2)
    reader.refresh()
    assert reader.last("plugin")
    assert reader.last("done") is None


def test_a_journal_tells_the_newest_entry_also_when_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    reader = JournalReader(path, attempt=1)
    for stage in ("model", "training"):
        write(path, {"attempt": 1, "entry": "stage", "stage": stage})
        reader.refresh()
    assert reader.last("stage")["stage"] == "training"
