import json
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import now
from core.run.phase import Phase
from core.run.store import Store
from streamlit_app import run_index
from streamlit_app.run_index import RunIndex
from streamlit_app.run_losses import Losses
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
    paths = place.add_run("long", Phase.RUNNING)
    index = RunIndex(Store(place.workspace))
    assert index.losses(index.runs()[0]) == Losses()
    rows = [{"step": 1, "eval_loss": 0.5}, *({"step": n, "loss": n / 2} for n in range(2, 2000))]
    paths.metrics.write_text(lines(rows) + '{"step": 2000, "loss": 9')
    assert index.losses(index.runs()[0]) == Losses(999.5, 0.5, 0.5)


def test_a_line_that_is_broken_or_only_names_a_loss_counts_for_nothing(place: Furnished) -> None:
    paths = place.add_run("odd", Phase.COMPLETED)
    rows = [{"loss": 0.5}, {"note": "no eval_loss here"}, {"loss": "nan"}, {"step": 3}]
    paths.metrics.write_text(lines(rows) + '{"eval_loss": broken\n{"eval_loss": "x"}\n')
    index = RunIndex(Store(place.workspace))
    assert index.losses(index.runs()[0]) == Losses(0.5)


def test_the_best_validation_loss_stays_while_newer_ones_come(place: Furnished) -> None:
    paths = place.add_run("watched", Phase.RUNNING)
    index = RunIndex(Store(place.workspace))
    paths.metrics.write_text(lines([{"step": 1, "eval_loss": 0.25}]))
    assert index.losses(index.runs()[0]).best_eval_loss == 0.25
    with paths.metrics.open("a") as file:
        file.write(lines([{"step": 2, "eval_loss": 0.75}]))
    assert index.losses(index.runs()[0]) == Losses(None, 0.75, 0.25)


def test_metrics_that_were_replaced_are_read_from_the_start(place: Furnished) -> None:
    paths = place.add_run("again", Phase.RUNNING)
    index = RunIndex(Store(place.workspace))
    paths.metrics.write_text(lines([{"step": n, "eval_loss": 0.25} for n in range(9)]))
    assert index.losses(index.runs()[0]).best_eval_loss == 0.25
    paths.metrics.write_text(lines([{"step": 1, "eval_loss": 0.5}]))
    assert index.losses(index.runs()[0]).best_eval_loss == 0.5


def test_losses_of_steps_that_are_trained_again_are_left_out(place: Furnished) -> None:
    paths = place.add_run("killed", Phase.QUEUED, attempt=1)
    place.metrics(paths, 3.0, 2.0, 1.0, eval_loss=1.5)
    index = RunIndex(Store(place.workspace))
    assert index.losses(index.runs()[0]) == Losses(1.0, 1.5, 1.5, 3120.4)
    place.change(paths, phase=Phase.RUNNING, attempt=2)
    place.plan(paths, attempt=2, step=2)
    assert index.losses(index.runs()[0]) == Losses(2.0, tokens_per_second=3120.4)


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


def test_of_many_ended_runs_one_that_was_retried_elsewhere_is_seen_soon(
    place: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_index, "SLICE", 3)
    ended = [place.add_run(f"run {n}", Phase.FAILED, minutes_ago=n) for n in range(10)]
    index = RunIndex(Store(place.workspace))
    index.runs()
    place.change(ended[9], phase=Phase.QUEUED)
    looks = [waiting(index) for _ in range(5)]
    assert looks[-1] == [ended[9].run_id]
    place.change(ended[9], phase=Phase.RUNNING)
    assert waiting(index) == []


def test_an_ended_run_of_which_something_was_asked_is_seen_to_change_at_once(
    place: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_index, "SLICE", 0)
    ended = [place.add_run(f"run {n}", Phase.FAILED, minutes_ago=n) for n in range(10)]
    index = RunIndex(Store(place.workspace))
    index.runs()
    index.expect(ended[4].run_id)
    assert waiting(index) == []
    place.change(ended[4], phase=Phase.QUEUED)
    assert waiting(index) == [ended[4].run_id]


def test_a_new_run_and_one_that_is_gone_are_seen_at_once_beside_many_ended(
    place: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_index, "SLICE", 0)
    ended = [place.add_run(f"run {n}", Phase.COMPLETED, minutes_ago=n + 1) for n in range(5)]
    index = RunIndex(Store(place.workspace))
    index.runs()
    shutil.rmtree(ended[2].folder)
    new = place.add_run("new", Phase.QUEUED, minutes_ago=0)
    kept = [paths.run_id for paths in [new, *ended] if paths is not ended[2]]
    assert [run.run_id for run in index.runs()] == kept


def test_at_a_glance_the_ended_runs_are_apart_and_the_last_to_end_comes_first(
    place: Furnished,
) -> None:
    early = place.add_run("started late", Phase.COMPLETED, minutes_ago=1)
    late = place.add_run("started early", Phase.FAILED, minutes_ago=5, ended_at=now())
    moving = place.add_run("moving", Phase.RUNNING, minutes_ago=3)
    place.change(early, ended_at=now() - timedelta(minutes=1))
    index = RunIndex(Store(place.workspace))
    assert glance(index) == ([moving.run_id], [late.run_id, early.run_id])
    place.change(moving, phase=Phase.COMPLETED, ended_at=now() + timedelta(minutes=1))
    assert glance(index) == ([], [moving.run_id, late.run_id, early.run_id])
    place.change(late, phase=Phase.QUEUED)
    assert glance(index) == ([late.run_id], [moving.run_id, early.run_id])
    shutil.rmtree(moving.folder)
    assert glance(index) == ([late.run_id], [early.run_id])


def glance(index: RunIndex) -> tuple[list[str], list[str]]:
    moving, ended = index.glance()
    return [run.run_id for run in moving], [run.run_id for run in ended]


def waiting(index: RunIndex) -> list[str]:
    return [run.run_id for run in index.runs() if run.status.phase is Phase.QUEUED]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
