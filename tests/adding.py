"""Adding a dataset to a workspace without a daemon, as tests need it."""

import secrets
from pathlib import Path

from core.dataset.card import Dataset
from core.dataset.making.choices import Choices
from core.dataset.making.importing import import_dataset
from core.dataset.making.write_rows import Source
from core.paths import Workspace


def add(workspace: Workspace, file_name: str, content: bytes | Path, **choices: object) -> Dataset:
    """Import a file; its name without extension is the dataset's unless `name` is given."""
    name = str(choices.pop("name", Path(file_name).stem))
    validation = choices.pop("validation_source", None)
    folder = workspace.arriving / secrets.token_hex(4)
    folder.mkdir(parents=True)
    path = content
    if isinstance(content, bytes):
        path = folder / "original"
        path.write_bytes(content)
    return import_dataset(
        workspace,
        Source(Path(str(path)), file_name),
        Choices(name, **choices),  # type: ignore[arg-type]
        folder / "dataset",
        validation=validation,  # type: ignore[arg-type]
    )
