"""Runs are found on disk as they are, and wishes are left as files."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.errors import SpecError
from core.files import save_json
from core.paths import Workspace
from core.run.phase import Phase, Verb
from core.run.status import RunStatus, to_record
from core.run.store import Store, slug
from core.safe_yaml import load_yaml


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Workspace(tmp_path))


def add_run(store: Store, run_id: str, **changes: object) -> RunStatus:
    status = replace(RunStatus(run_id, run_id, now(), now()), **changes)
    paths = store.workspace.run(run_id)
    paths.requests.mkdir(parents=True)
    save_json(paths.status, to_record(status))
    return status


def test_an_empty_workspace_has_no_runs_and_nothing_queued(store: Store) -> None:
    assert store.runs() == store.queue() == store.dropped() == store.rejected() == []


def test_runs_come_newest_first_and_the_queue_in_its_order(store: Store) -> None:
    add_run(store, "20260101-000000-a", position=2)
    add_run(store, "20260102-000000-b", position=1)
    add_run(store, "20260103-000000-c", phase=Phase.RUNNING)
    assert [run.run_id[-1] for run in store.runs()] == ["c", "b", "a"]
    assert [run.run_id[-1] for run in store.queue()] == ["b", "a"]


def test_an_unreadable_status_hides_only_its_own_run(store: Store) -> None:
    add_run(store, "20260101-000000-good")
    add_run(store, "20260101-000000-half")
    store.workspace.run("20260101-000000-half").status.write_text('{"run_id": "ha')
    assert [run.run_id for run in store.runs()] == ["20260101-000000-good"]
    assert store.find_run("20260101-000000-half") is None


@pytest.mark.parametrize("run_id", ["../x", "", "a/b", "queue", ".hidden", "x\0"])
def test_a_run_id_that_is_no_folder_name_finds_nothing(store: Store, run_id: str) -> None:
    assert store.find_run(run_id) is None


def test_a_checkpoint_counts_once_its_last_file_is_there(store: Store) -> None:
    add_run(store, "20260101-000000-r")
    run = store.find_run("20260101-000000-r")
    for step in (100, 20, 3):
        run.paths.checkpoint(step).mkdir(parents=True)
        if step != 3:
            (run.paths.checkpoint(step) / "trainer_state.json").write_text("{}")
    assert run.checkpoints() == [20, 100]


def test_submitting_twice_keeps_both_specs(store: Store) -> None:
    first, second = store.submit("My Run!", "a: 1"), store.submit("My Run!", "a: 2")
    assert (first.name, second.name) == ("my-run.yaml", "my-run-2.yaml")
    assert (first.read_text(), second.read_text()) == ("a: 1", "a: 2")
    assert store.dropped() == [second, first]


def test_specs_submitted_at_the_same_moment_are_all_kept(store: Store) -> None:
    with ThreadPoolExecutor(8) as pages:
        paths = list(pages.map(lambda number: store.submit("same", f"a: {number}"), range(64)))
    assert {path.read_text() for path in paths} == {f"a: {number}" for number in range(64)}


def test_a_folder_that_is_no_run_is_not_taken_for_one(store: Store) -> None:
    for name in ("queue", "rejected", "gpu", "notes"):
        (store.workspace.runs / name).mkdir(parents=True)
        save_json(store.workspace.runs / name / "status.json", {"run_id": name})
    assert store.runs() == store.workspace.run_folders() == []


def test_a_rejected_link_that_points_nowhere_is_shown(store: Store) -> None:
    store.workspace.rejected.mkdir(parents=True)
    (store.workspace.rejected / "x.yaml").symlink_to("/nowhere/at/all")
    assert [item.name for item in store.rejected()] == ["x.yaml"]


def test_a_name_without_letters_is_refused(store: Store) -> None:
    with pytest.raises(SpecError, match="letter or a digit"):
        store.submit("///", "")


def test_a_request_is_a_file_that_says_what_is_wished(store: Store) -> None:
    add_run(store, "20260101-000000-r")
    path = store.request("20260101-000000-r", Verb.CANCEL, by="ada")
    assert load_yaml(path.read_text())["verb"] == "cancel"
    assert store.requested("20260101-000000-r") == [Verb.CANCEL]


def test_a_rejected_spec_comes_with_its_reason(store: Store) -> None:
    store.workspace.rejected.mkdir(parents=True)
    (store.workspace.rejected / "bad.yaml").write_text("x")
    (store.workspace.rejected / "bad.reason.txt").write_text("why")
    assert [(item.name, item.reason) for item in store.rejected()] == [("bad.yaml", "why")]


def test_a_slug_is_fit_for_a_file_name() -> None:
    assert slug("  Grüße, Welt! v1.2 ") == "gr-e-welt-v1.2"
    assert len(slug("x" * 200)) == 48
