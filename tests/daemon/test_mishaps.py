"""Files that vanish, cannot be written or are of another time: one run's trouble stays its own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import from_text
from core.files import append_json_line, load_json, save_json
from core.paths import Workspace
from core.run.journal import JournalReader
from core.run.phase import Verb
from core.run.store import Store
from daemon import records
from tests.supervision import (
    SETTINGS,
    forgetting,
    living,
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)

FULL = OSError(28, "No space left on device")


def test_a_run_that_cannot_be_started_stops_no_other(workspace: Workspace, store: Store) -> None:
    store.submit("first", spec_text("first", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "first") == "running")
        for name in ("gone", "stuck", "good"):
            store.submit(name, spec_text(name))
            tick_until(supervisor, lambda name=name: phase(workspace, name) == "queued")
        shutil.rmtree(the_run(workspace, "gone").paths.folder)
        the_run(workspace, "stuck").paths.axolotl_config.mkdir()
        store.request(the_run(workspace, "first").run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "good") == "completed")
        assert [run.status.name for run in supervisor.roster.waiting] == ["stuck"]
        assert "stuck cannot be started yet" in supervisor.dispatch.troubles[0]


def test_a_live_run_whose_folder_is_removed_is_ended_and_forgotten(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    store.submit("b", spec_text("b"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        paths = the_run(workspace, "a").paths
        while paths.folder.exists():
            shutil.rmtree(paths.folder, ignore_errors=True)
        tick_until(supervisor, lambda: phase(workspace, "b") == "completed")
        assert living(paths) == []


def test_places_that_cannot_be_written_lose_no_run(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "a", "b"):
        store.submit(name, spec_text(name, "hang" if name == "first" else "steps-3"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "b") == "queued")
        tick_until(supervisor, lambda: phase(workspace, "first") == "running")
        save = records.save

        def save_moves_only(paths: object, status: object, durable: bool = True) -> None:
            if not durable:
                raise FULL
            save(paths, status, durable)

        monkeypatch.setattr(records, "save", save_moves_only)
        held = the_run(workspace, "a")
        store.request(held.run_id, Verb.PAUSE)
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        monkeypatch.undo()
        store.request(held.run_id, Verb.RESUME)
        store.request(the_run(workspace, "first").run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "b") == "completed")
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
        assert the_run(workspace, "b").status.position == 0


def test_a_run_whose_first_event_could_not_be_written_is_taken_up_later(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, record: object) -> None:
        raise FULL

    monkeypatch.setattr(records, "append_json_line", refuse)
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, workspace.run_folders)
        assert the_run(workspace, "a") is None
        monkeypatch.undo()
        supervisor.looked_at = float("-inf")
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_a_kill_in_the_very_first_save_starts_the_run_again_from_the_beginning(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-5 save-2 torn-2"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    assert the_run(workspace, "a").status.attempt == 2


def test_damaged_checkpoints_never_become_a_silent_start_from_the_beginning(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the daemon could not write down at first that the run has failed."""
    store.submit("a", spec_text("a", "hang save-1"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        tick_until(supervisor, lambda: the_run(workspace, "a").status.resumable)
        run = the_run(workspace, "a")
        store.request(run.run_id, Verb.PAUSE)
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        for step in run.checkpoints():
            (run.paths.checkpoint(step) / "scheduler.pt").unlink()
        refused = []

        def refuse(*arguments: object) -> None:
            refused.append(arguments)
            raise FULL

        monkeypatch.setattr(supervisor.roster, "end", refuse)
        store.request(run.run_id, Verb.RESUME)
        tick_until(supervisor, lambda: refused)
        monkeypatch.undo()
        tick_until(supervisor, lambda: phase(workspace, "a") == "failed")
    assert the_run(workspace, "a").status.failure.kind == "no-checkpoint"


def test_a_live_run_with_a_key_that_is_unknown_by_now_is_adopted_and_guarded(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as first:
        tick_until(first, lambda: phase(workspace, "a") == "running")
        run = the_run(workspace, "a")
        with run.paths.spec.open("a") as spec:
            spec.write("key_of_another_version: 1\n")
        with forgetting(first), supervising(workspace) as second:
            second.tick()
            assert second.roster.live[run.run_id].spec.base_model == "./models/tiny"
            assert second.troubles == {}


@pytest.mark.parametrize("harm", ["missing", "rank"])
def test_a_status_of_a_finished_run_that_is_harmed_does_not_train_it_again(
    workspace: Workspace, store: Store, harm: str
) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
        paths = the_run(workspace, "a").paths
        if harm == "missing":
            paths.status.unlink()
        else:
            save_json(paths.status, {**load_json(paths.status), "rank": None})
        supervisor.looked_at = float("-inf")
        supervisor.tick()
    with supervising(workspace) as second:
        second.tick()
        assert phase(workspace, "a") == "completed"
        assert the_run(workspace, "a").status.attempt == 1


def test_the_queue_of_the_first_version_keeps_its_order(workspace: Workspace, store: Store) -> None:
    for name, priority in (("a", 0), ("b", 0), ("urgent", 9)):
        store.submit(name, spec_text(name, priority=priority))
    with supervising(workspace, replace(SETTINGS, min_free_disk_gib=1e9)) as first:
        tick_until(first, lambda: len(first.roster.waiting) == 3)
    for paths in workspace.run_folders():
        record = load_json(paths.status)
        for name in ("priority", "rank"):
            record.pop(name)
        save_json(paths.status, record)
    with supervising(workspace, replace(SETTINGS, min_free_disk_gib=1e9)) as second:
        names = [run.status.name for run in second.roster.waiting]
        assert names == ["urgent", "a", "b"]


def test_a_run_that_ended_while_the_daemon_was_away_is_told_with_its_own_times(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-20 pace-20"))
    with supervising(workspace) as first:
        tick_until(first, lambda: phase(workspace, "a") == "running")
        paths = the_run(workspace, "a").paths
        process = first.roster.live[paths.run_id].process
        with forgetting(first):
            process.keeper.wait()
    ended_at = from_text(json.loads(paths.exit.read_text())["ended_at"])
    with supervising(workspace) as second:
        tick_until(second, lambda: phase(workspace, "a") == "completed")
    status = the_run(workspace, "a").status
    assert status.ended_at == ended_at
    assert status.trained_s == pytest.approx(
        (ended_at - status.started_at).total_seconds(), abs=0.01
    )


def test_what_a_guard_holds_a_person_can_keep_from_going_on(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"gib": 1.0}
    monkeypatch.setattr(
        "daemon.guarding.shutil.disk_usage",
        lambda folder: type("Usage", (), {"free": int(free["gib"] * 1024**3)}),
    )
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        run = the_run(workspace, "a")
        supervisor.roster.live[run.run_id].pause("too little room", "disk")
        tick_until(supervisor, lambda: phase(workspace, "a") == "paused")
        store.request(run.run_id, Verb.PAUSE)
        tick_until(supervisor, lambda: not store.requested(run.run_id))
        free["gib"] = 100
        supervisor.tick()
        assert phase(workspace, "a") == "paused"
        store.request(run.run_id, Verb.RESUME)
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        assert the_run(workspace, "a").status.held_by == ""


def test_one_look_reads_a_long_journal_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"attempt": 1, "entry": "evaluation", "done": 1, "total": 2}\n' * 150_000)
    append_json_line(path, {"attempt": 1, "entry": "done", "step": 9})
    journal = JournalReader(path, attempt=1)
    journal.refresh()
    assert journal.last("done")
