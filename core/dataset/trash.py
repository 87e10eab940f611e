"""Deleting a dataset so that it can be brought back, and never from under a run."""

import re
from pathlib import Path

from core.clock import now
from core.dataset.card import Dataset, find_dataset, load_dataset
from core.errors import DatasetError, SpecError
from core.paths import Workspace
from core.run.phase import LIVE, Phase
from core.run.store import Store
from core.safe_yaml import load_yaml_mapping
from core.spec.sources import data_sources, is_local, resolve

TRASHED = re.compile(r"(?P<name>[^./][^/]*)-(?P<time>[0-9]{8}-[0-9]{6})(-[0-9]+)?")
IN_USE = LIVE | {Phase.QUEUED, Phase.PAUSED}
"""Phases in which a run still needs its data."""


def runs_using(workspace: Workspace, name: str) -> list[str]:
    """What waits or runs with this dataset: the ids of runs, and specs not taken yet."""
    folder = workspace.dataset(name).folder
    store = Store(workspace)
    specs = {run.run_id: run.paths.spec for run in store.runs_in(*IN_USE)}
    specs |= {path.name: path for path in store.dropped()}
    return [who for who, path in specs.items() if _names(path, folder, workspace)]


def check_unused(workspace: Workspace, name: str) -> None:
    """Raise DatasetError while a run that waits or runs needs the dataset."""
    used_by = runs_using(workspace, name)
    if used_by:
        raise DatasetError(
            f"`{name}` is needed by {', '.join(used_by)}. Cancel that first, or wait for its end."
        )


def delete_dataset(workspace: Workspace, name: str) -> Path:
    """Move the dataset to `uploads/.trash`, from where `restore` brings it back.

    Raises DatasetError when there is none, or while a run that waits or runs needs it.
    """
    dataset = find_dataset(workspace, name)
    if dataset is None:
        raise DatasetError(f"There is no dataset `{name}`.")
    check_unused(workspace, name)
    trash = workspace.uploads / ".trash"
    trash.mkdir(exist_ok=True)
    stem = f"{name}-{now():%Y%m%d-%H%M%S}"
    target, number = trash / stem, 2
    while target.exists():
        target, number = trash / f"{stem}-{number}", number + 1
    dataset.paths.folder.rename(target)
    return target


def list_trash(workspace: Workspace) -> list[Path]:
    """The deleted datasets, the latest first."""
    found = [
        (match["time"], path)
        for path in (workspace.uploads / ".trash").glob("*")
        if (match := TRASHED.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def name_of(trashed: str) -> str:
    """The name of the deleted dataset in that folder of the trash; empty when it is none."""
    match = TRASHED.fullmatch(trashed)
    return match["name"] if match else ""


def restore(workspace: Workspace, trashed: str) -> Dataset:
    """Bring a deleted dataset back; `trashed` is its folder's name in `uploads/.trash`."""
    name = name_of(trashed)
    source = workspace.uploads / ".trash" / trashed
    if not name or "/" in trashed or not source.is_dir():
        raise DatasetError(f"There is no deleted dataset `{trashed}`.")
    target = workspace.dataset(name)
    if target.folder.exists():
        raise DatasetError(f"There is a dataset `{target.name}` again. Delete that one first.")
    source.rename(target.folder)
    return load_dataset(target)


def _names(spec: Path, folder: Path, workspace: Workspace) -> bool:
    """Whether the spec reads data from the folder; one that cannot be read does not."""
    try:
        sources = [source for _, source in data_sources(load_yaml_mapping(spec.read_bytes()))]
        return any(_lies_in(source, folder, workspace) for source in sources)
    except (OSError, SpecError):
        return False


def _lies_in(source: str, folder: Path, workspace: Workspace) -> bool:
    try:
        if not is_local(source, workspace.root):
            return False
        return resolve(source, workspace.root).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        # No path at all: too long, with a NUL, or in the home of nobody.
        return False
