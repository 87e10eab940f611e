"""The datasets of a workspace as a shelf: what a new one is called, and putting it there."""

import os
import re
from pathlib import Path

from core.dataset.card import Dataset, find_dataset, list_datasets, save_card
from core.dataset.making.choices import Choices
from core.dataset.trash import check_unused
from core.errors import DatasetError
from core.files import sync_folder
from core.paths import Workspace
from core.run.store import slug

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
INBOX = "inbox"
VERSION = re.compile(r"(?P<stem>.+)-v(?P<number>[0-9]{1,4})")


class SameContentError(DatasetError):
    """The very same file is there already, as `dataset`."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(
            f"The same file is already here as `{dataset.name}` ({dataset.rows:,} rows). "
            "Use that, or ask for a second copy."
        )
        self.dataset = dataset


def find_same_content(workspace: Workspace, sha256: str) -> Dataset | None:
    """A dataset made from the very same file."""
    same = (dataset for dataset in list_datasets(workspace) if dataset.sha256 == sha256)
    return next(same, None) if sha256 else None


def check_same_content(workspace: Workspace, sha256: str) -> None:
    """Raise SameContentError if a dataset was made from the very same file."""
    same = find_same_content(workspace, sha256)
    if same:
        raise SameContentError(same)


def name_for(workspace: Workspace, choices: Choices) -> str:
    """What the folder of a new dataset is called. Raises DatasetError when that cannot be."""
    if choices.version_of:
        return next_version(workspace, choices.version_of)
    return free_name(workspace, choices.name)


def free_name(workspace: Workspace, name: str) -> str:
    """The name as a folder is called. Raises DatasetError when it is taken or has no letters."""
    stem = slug(name)
    if not NAME.fullmatch(stem) or stem == INBOX:
        raise DatasetError("The dataset needs a name with a letter or a digit in it.")
    if workspace.dataset(stem).folder.exists():
        raise DatasetError(f"There is a dataset `{stem}` already. Choose another name.")
    return stem


def next_version(workspace: Workspace, name: str) -> str:
    """The name of the next version: `chats-v2` behind `chats`, `chats-v3` behind that.

    Each version is a folder of its own, so that runs keep the rows they were started with.
    """
    dataset = find_dataset(workspace, name)
    if dataset is None:
        raise DatasetError(f"There is no dataset `{name}` to make a new version of.")
    stem, number = first_name(dataset), 2
    while workspace.dataset(f"{stem}-v{number}").folder.exists():
        number += 1
    return f"{stem}-v{number}"


def list_versions(workspace: Workspace, name: str) -> list[Dataset]:
    """Every version of the dataset, the newest first, itself included; none if it is not there."""
    dataset = find_dataset(workspace, name)
    if dataset is None:
        return []
    stem = first_name(dataset)
    same = [one for one in list_datasets(workspace) if first_name(one) == stem]
    return sorted(same, key=version_number, reverse=True)


def first_name(dataset: Dataset) -> str:
    """What its first version is called: `chats` for `chats-v3`."""
    match = VERSION.fullmatch(dataset.name) if dataset.version_of else None
    return match["stem"] if match else dataset.name


def version_number(dataset: Dataset) -> int:
    """Which version it is, counted from 1."""
    match = VERSION.fullmatch(dataset.name) if dataset.version_of else None
    return int(match["number"]) if match else 1


def rename_dataset(workspace: Workspace, name: str, new_name: str) -> Dataset:
    """Give the dataset another name, which is its folder's too.

    Raises DatasetError when there is none, the new name is taken, or while a run that waits or
    runs needs it.
    """
    dataset = find_dataset(workspace, name)
    if dataset is None:
        raise DatasetError(f"There is no dataset `{name}`.")
    check_unused(workspace, name)
    target = workspace.dataset(free_name(workspace, new_name))
    dataset.paths.folder.rename(target.folder)
    sync_folder(target.folder.parent)
    if target.card.exists() and not dataset.problem:
        # The card repeats the name for people who read it; the folder decides.
        renamed = find_dataset(workspace, target.name)
        if renamed:
            save_card(renamed, target.card)
    found = find_dataset(workspace, target.name)
    if found is None:
        raise DatasetError(f"`{target.name}` cannot be read after it was renamed.")
    return found


def publish(aside: Path, target: Path) -> None:
    """Put the folder that was built aside in its place. Raises DatasetError if that is taken."""
    for path in aside.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    if target.exists():
        raise DatasetError(f"there is a dataset `{target.name}` by now; choose another name")
    aside.rename(target)
    sync_folder(target.parent)
