"""`dataset.yaml`, and folders without one."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.dataset.card import find_dataset, list_datasets, save_card, write_card
from core.paths import Workspace
from tests.adding import add

CHAT = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_card_is_read_again_only_when_it_changed(workspace: Workspace) -> None:
    dataset = add(workspace, "a.csv", QA)
    first = find_dataset(workspace, "a")
    assert find_dataset(workspace, "a") is first
    save_card(replace(dataset, rows=7), dataset.paths.card)
    assert find_dataset(workspace, "a").rows == 7  # type: ignore[union-attr]


def test_a_folder_copied_in_by_hand_counts(workspace: Workspace) -> None:
    paths = workspace.dataset("mine")
    paths.folder.mkdir(parents=True)
    paths.train.write_bytes(CHAT * 3)
    paths.validation.write_bytes(CHAT)

    (dataset,) = list_datasets(workspace)
    assert (dataset.rows, dataset.validation_rows, dataset.kind) == (3, 1, "chat")
    assert write_card(paths).rows == 3
    assert find_dataset(workspace, "mine") == replace(
        dataset,
        is_converted=True,
        created_at=find_dataset(workspace, "mine").created_at,  # type: ignore[union-attr]
    )


@pytest.mark.parametrize("card", ["name: [", "name: x", "rows: many\nformat: text", "\xff", "- 1"])
def test_a_broken_card_hides_no_dataset(workspace: Workspace, card: str) -> None:
    add(workspace, "good.csv", QA)
    broken = add(workspace, "broken.jsonl", CHAT)
    broken.paths.card.write_bytes(card.encode("latin-1"))

    found = {dataset.name: dataset for dataset in list_datasets(workspace)}
    assert set(found) == {"good", "broken"}
    assert "dataset.yaml cannot be read" in found["broken"].problem
    assert found["broken"].rows == 1


def test_what_an_upload_left_behind_is_not_listed(workspace: Workspace) -> None:
    leftover = workspace.uploads / ".a.1.tmp"
    leftover.mkdir(parents=True)
    (leftover / "train.jsonl").write_bytes(CHAT)

    assert list_datasets(workspace) == []
