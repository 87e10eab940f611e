"""What datasets are called, their versions, and content that is there already."""

from pathlib import Path

import pytest

from core.dataset.library import (
    SameContentError,
    find_same_content,
    list_versions,
    rename_dataset,
)
from core.errors import DatasetError
from core.paths import Workspace
from tests.adding import add

CHAT = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_taken_name_is_refused(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)

    with pytest.raises(DatasetError, match="There is a dataset `a` already"):
        add(workspace, "a.jsonl", CHAT)


@pytest.mark.parametrize("name", ["", "...", "../..", "💥"])
def test_a_name_without_letters_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(DatasetError, match="needs a name"):
        add(workspace, "a.csv", QA, name=name)


def test_the_same_file_is_offered_instead_of_stored_twice(workspace: Workspace) -> None:
    first = add(workspace, "a.csv", QA)

    with pytest.raises(SameContentError) as caught:
        add(workspace, "b.csv", QA)

    assert caught.value.dataset == first
    assert find_same_content(workspace, first.sha256) == first
    assert add(workspace, "b.csv", QA, allow_same_content=True).rows == 2


def test_a_newer_version_lies_beside_the_older_one(workspace: Workspace) -> None:
    first = add(workspace, "a.csv", QA)
    second = add(workspace, "a.jsonl", CHAT, version_of="a")
    third = add(workspace, "a.jsonl", CHAT * 2, version_of="a-v2")
    other = add(workspace, "a-v9.jsonl", CHAT * 3)

    assert (second.name, third.name, third.version_of) == ("a-v2", "a-v3", "a-v2")
    assert list_versions(workspace, "a-v2") == [third, second, first]
    assert list_versions(workspace, "a-v9") == [other]
    assert first.paths.train.exists()
    with pytest.raises(DatasetError, match="no dataset `b`"):
        add(workspace, "b.jsonl", CHAT * 4, version_of="b")


def test_a_dataset_gets_another_name(workspace: Workspace) -> None:
    dataset = add(workspace, "a.csv", QA)
    add(workspace, "taken.jsonl", CHAT)

    renamed = rename_dataset(workspace, "a", "Better name")
    assert renamed.name == "better-name"
    assert renamed.rows == dataset.rows
    assert "name: better-name" in renamed.paths.card.read_text()
    for new_name, words in (("taken", "already"), ("", "needs a name")):
        with pytest.raises(DatasetError, match=words):
            rename_dataset(workspace, "better-name", new_name)
    with pytest.raises(DatasetError, match="no dataset `a`"):
        rename_dataset(workspace, "a", "b")


def test_a_dropped_spec_keeps_its_dataset_from_being_renamed(workspace: Workspace) -> None:
    add(workspace, "a.csv", QA)
    workspace.queue.mkdir(parents=True)
    (workspace.queue / "x.yaml").write_text("datasets: [{path: uploads/a/train.jsonl}]")
    with pytest.raises(DatasetError, match=r"needed by x\.yaml"):
        rename_dataset(workspace, "a", "b")


def test_the_inbox_is_no_dataset(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="needs a name"):
        add(workspace, "inbox.csv", QA)


def test_a_version_of_a_long_name_keeps_its_number(workspace: Workspace) -> None:
    name = "a" * 48
    add(workspace, "a.csv", QA, name=name)
    assert add(workspace, "a.jsonl", CHAT, version_of=name).name == f"{name}-v2"
    assert len(list_versions(workspace, name)) == 2
