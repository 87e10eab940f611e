import json
import os
import time
from pathlib import Path

import pytest

from core.monitor.resumes import Resumes
from core.run.phase import Phase
from core.run.store import Store
from streamlit_app.run_index import Losses, RunIndex, read_losses
from tests.app.furnished import Furnished


def test_a_changed_status_is_read_again_and_others_are_not(place: Furnished) -> None:
    still = place.add_run("still", Phase.COMPLETED, minutes_ago=2)
    moving = place.add_run("moving", Phase.RUNNING, minutes_ago=1)
    index = RunIndex(Store(place.workspace))
    before = {run.run_id: run for run in index.runs()}
    record = json.loads(moving.status.read_text()) | {"phase": "completed"}
    moving.status.write_text(json.dumps(record))
    os.utime(moving.status, (time.time() + 9, time.time() + 9))
    after = {run.run_id: run for run in index.runs()}
    assert after[still.run_id] is before[still.run_id]
    assert after[moving.run_id].status.phase is Phase.COMPLETED


def test_a_run_whose_folder_is_gone_is_forgotten(place: Furnished) -> None:
    paths = place.add_run("gone", Phase.COMPLETED)
    index = RunIndex(Store(place.workspace))
    assert len(index.runs()) == 1
    paths.status.unlink()
    assert index.runs() == []


def test_the_summary_of_an_unreadable_spec_is_empty(place: Furnished) -> None:
    paths = place.add_run("broken", Phase.FAILED)
    paths.spec.write_text("a: [")
    index = RunIndex(Store(place.workspace))
    assert index.summary(index.runs()[0]).base_model == ""


def test_losses_are_found_far_from_the_end(place: Furnished) -> None:
    path, never = place.root / "metrics.jsonl", Resumes(place.root / "journal.jsonl")
    assert read_losses(path, never) == Losses()
    rows = [{"step": 1, "eval_loss": 0.5}, *({"step": n, "loss": n / 2} for n in range(2, 2000))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 2000, "loss": 9')
    assert read_losses(path, never) == Losses(999.5, 0.5)


def test_only_lines_with_a_loss_are_parsed(place: Furnished) -> None:
    path, never = place.root / "metrics.jsonl", Resumes(place.root / "journal.jsonl")
    rows = [{"loss": 0.5}, {"note": "no eval_loss here"}, {"loss": "nan"}, {"step": 3}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"loss": broken\n')
    assert read_losses(path, never) == Losses(0.5, None)


def test_losses_of_steps_that_are_trained_again_are_left_out(place: Furnished) -> None:
    paths = place.add_run("killed", Phase.QUEUED, attempt=1)
    place.metrics(paths, 3.0, 2.0, 1.0, eval_loss=1.5)
    index = RunIndex(Store(place.workspace))
    assert index.losses(index.runs()[0]) == Losses(1.0, 1.5)
    place.change(paths, phase=Phase.RUNNING, attempt=2)
    place.plan(paths, attempt=2, step=2)
    assert index.losses(index.runs()[0]) == Losses(2.0, None)


def test_runs_that_did_not_change_are_not_read_again(
    place: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        place.add_run(f"run {number:03d}", Phase.COMPLETED, minutes_ago=number)
    index = RunIndex(Store(place.workspace))
    first = [(run.run_id, index.summary(run), index.losses(run)) for run in index.runs()]

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(Path, "open", refuse)
    again = [(run.run_id, index.summary(run), index.losses(run)) for run in index.runs()]
    assert again == first
    assert len(again) == 50
