"""A file or folder on this machine that a person names: may it be read?"""

from pathlib import Path

from core.dataset.arrival.folder import list_documents
from core.dataset.format import show
from core.dataset.read.reading import kind_of
from core.errors import DatasetError
from core.paths import Workspace
from core.settings import Settings
from core.spec.sources import resolve


def find_file(workspace: Workspace, settings: Settings, text: str) -> Path:
    """The file on this machine that the path names. Raises DatasetError unless it may be read."""
    path = _find_allowed(workspace, settings, text)
    if not path.is_file():
        raise DatasetError(f"There is no file {path}.")
    kind_of(path.name)
    return path


def find_source(workspace: Workspace, settings: Settings, text: str) -> Path:
    """The file, or the folder of .txt files, that the path names.

    Raises DatasetError unless it may be read.
    """
    path = _find_allowed(workspace, settings, text)
    if not path.is_dir():
        return find_file(workspace, settings, text)
    if not list_documents(path):
        raise DatasetError(
            f"{path} holds no .txt file. Of a folder, the .txt files are read; name a file, or put "
            "some there."
        )
    return path


def _find_allowed(workspace: Workspace, settings: Settings, text: str) -> Path:
    typed = text.strip()
    if not typed or "\0" in typed:
        raise DatasetError("Write the path of a file on this machine.")
    try:
        path = resolve(typed, workspace.root).resolve()
        path.is_file()
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{show(typed)} is no path: {error}.") from error
    folders = [workspace.root, *settings.allowed_folders]
    inside = next((folder for folder in folders if path.is_relative_to(folder)), None)
    if inside is None:
        raise DatasetError(
            f"{path} is in none of the allowed folders: {', '.join(map(str, folders))}. Move it "
            "there, or add its folder to `allowed_folders` in configs/settings.yaml."
        )
    if any(part.startswith(".") for part in path.relative_to(inside).parts):
        raise DatasetError(f"{path} is hidden. Move it to a place without a leading dot.")
    return path
