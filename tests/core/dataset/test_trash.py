"""Deleting a dataset, never from under a run, and bringing it back."""

from pathlib import Path

import pytest

from core.clock import now
from core.dataset.card import find_dataset, list_datasets
from core.dataset.trash import delete_dataset, list_trash, restore
from core.errors import DatasetError
from core.files import save_json, write_whole
from core.paths import Workspace
from core.run.phase import Phase
from core.run.status import RunStatus, to_record
from tests.adding import add

CHAT = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def put_run(workspace: Workspace, phase: Phase, dataset: str) -> None:
    paths = workspace.run("20260101-000000-x")
    paths.folder.mkdir(parents=True, exist_ok=True)
    spec = (
        f"base_model: x\ndatasets:\n- path: ./uploads/{dataset}/train.jsonl\n  type: completion\n"
    )
    write_whole(paths.spec, spec)
    status = RunStatus("20260101-000000-x", "x", now(), now(), phase=phase)
    save_json(paths.status, to_record(status))


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.RUNNING, Phase.PAUSED])
def test_a_dataset_that_a_run_needs_is_not_deleted(workspace: Workspace, phase: Phase) -> None:
    add(workspace, "a.csv", QA)
    put_run(workspace, phase, "a")

    with pytest.raises(DatasetError, match="needed by 20260101-000000-x"):
        delete_dataset(workspace, "a")
    assert find_dataset(workspace, "a")


def test_a_dataset_that_a_dropped_spec_names_is_not_deleted(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)
    workspace.queue.mkdir(parents=True)
    (workspace.queue / "x.yaml").write_text("datasets: [{path: uploads/a/train.jsonl}]")

    with pytest.raises(DatasetError, match=r"needed by x\.yaml"):
        delete_dataset(workspace, "a")


def test_a_deleted_dataset_can_be_brought_back(workspace: Workspace) -> None:
    dataset = add(workspace, "a-1.csv", QA)
    put_run(workspace, Phase.COMPLETED, "a-1")

    trashed = delete_dataset(workspace, "a-1")
    assert list_datasets(workspace) == []
    assert list_trash(workspace) == [trashed]
    assert restore(workspace, trashed.name) == dataset
    assert list_trash(workspace) == []


def test_bringing_back_never_overwrites(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)
    trashed = delete_dataset(workspace, "a")
    add(workspace, "a.jsonl", CHAT)

    with pytest.raises(DatasetError, match="There is a dataset `a` again"):
        restore(workspace, trashed.name)
    with pytest.raises(DatasetError, match="There is no deleted dataset"):
        restore(workspace, "../a")
