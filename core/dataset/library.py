"""Making a dataset in `uploads/` of an upload, whole or not at all."""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.clock import from_text, now_text
from core.dataset.build import Copied, convert_rows, copy_original, split_rows
from core.dataset.card import Dataset, list_datasets, save_card
from core.dataset.format import show
from core.dataset.read import extension_of
from core.errors import DatasetError
from core.files import sync_folder
from core.paths import DatasetPaths, Workspace
from core.run.store import slug

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MAX_VALIDATION_FRACTION = 0.5
LEFTOVER_AGE_S = 24 * 3600


class SameContentError(DatasetError):
    """The very same file is there already, as `dataset`."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(
            f"The same file is already here as `{dataset.name}` ({dataset.rows:,} rows). "
            "Use that, or ask for a second copy."
        )
        self.dataset = dataset


def create_dataset(
    workspace: Workspace,
    name: str,
    file_name: str,
    source: BinaryIO | Path,
    validation_fraction: float = 0.0,
    seed: int = 42,
    system_prompt: str = "",
    allow_same_content: bool = False,
) -> Dataset:
    """Make a dataset of an upload, whole or not at all.

    Raises DatasetError saying what is wrong, where, and what to do; SameContentError when the
    file is there already.
    """
    target = workspace.dataset(free_name(workspace, name))
    extension = extension_of(file_name)
    check_fraction(validation_fraction)
    with _told_of(file_name), _folder_aside(workspace, target.name) as aside:
        copied = _copy(source, aside.original(extension), extension)
        same = find_same_content(workspace, copied.sha256)
        if same and not allow_same_content:
            raise SameContentError(same)
        converted = convert_rows(copied, aside.train, system_prompt.strip())
        rows = (converted.rows, 0)
        if validation_fraction:
            rows = _set_aside(aside, validation_fraction, seed)
        dataset = Dataset(
            paths=target,
            format=converted.form.name,
            rows=rows[0],
            created_at=from_text(now_text()),
            validation_rows=rows[1],
            bytes=copied.bytes,
            columns=converted.columns,
            mapping=dict(converted.form.mapping),
            sha256=copied.sha256,
            system_prompt=system_prompt.strip(),
            report=converted.report,
        )
        save_card(dataset, aside.card)
        _publish(aside.folder, target.folder)
    return dataset


def find_same_content(workspace: Workspace, sha256: str) -> Dataset | None:
    """A dataset made from the very same file."""
    same = (dataset for dataset in list_datasets(workspace) if dataset.sha256 == sha256)
    return next(same, None) if sha256 else None


def free_name(workspace: Workspace, name: str) -> str:
    """The name as a folder is called. Raises DatasetError when it is taken or has no letters."""
    stem = slug(name)
    if not NAME.fullmatch(stem):
        raise DatasetError("The dataset needs a name with a letter or a digit in it.")
    if workspace.dataset(stem).folder.exists():
        raise DatasetError(f"There is a dataset `{stem}` already. Choose another name.")
    return stem


def check_fraction(fraction: float) -> None:
    """Raise DatasetError unless this part of the rows can be set aside."""
    if not 0 <= fraction <= MAX_VALIDATION_FRACTION:
        raise DatasetError(f"The validation part must be from 0 to 0.5, not {fraction}.")


def _copy(source: BinaryIO | Path, original: Path, extension: str) -> Copied:
    if not isinstance(source, Path):
        return copy_original(source, original, extension)
    with source.open("rb") as file:
        return copy_original(file, original, extension)


def _set_aside(paths: DatasetPaths, fraction: float, seed: int) -> tuple[int, int]:
    """Divide what is in `train.jsonl`; returns the rows to train on and those set aside."""
    whole = paths.train.rename(paths.folder / "rows.jsonl")
    counts = split_rows(whole, paths, fraction, seed)
    whole.unlink()
    return counts


@contextmanager
def _folder_aside(workspace: Workspace, name: str) -> Iterator[DatasetPaths]:
    """A hidden folder beside its future place, gone at the end unless it was moved there."""
    workspace.uploads.mkdir(parents=True, exist_ok=True)
    _sweep(workspace.uploads)
    aside = workspace.uploads / f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    aside.mkdir()
    try:
        yield DatasetPaths(aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(uploads: Path) -> None:
    """Remove what an upload left behind that was killed long ago."""
    for path in uploads.glob(".*.tmp"):
        # Another upload may be sweeping, or just be done with it.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LEFTOVER_AGE_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _told_of(file_name: str) -> Iterator[None]:
    """Put the file's name in front of what went wrong with it."""
    try:
        yield
    except SameContentError:
        raise
    except DatasetError as error:
        raise DatasetError(f"{show(file_name)}: {error}.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{show(file_name)}: cannot be stored: {reason}.") from error


def _publish(aside: Path, target: Path) -> None:
    for path in aside.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    if target.exists():
        raise DatasetError(f"there is a dataset `{target.name}` by now; choose another name")
    aside.rename(target)
    sync_folder(target.parent)
