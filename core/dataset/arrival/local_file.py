"""A file or folder on this machine that a person names: may it be read?"""

from pathlib import Path

from core.dataset.arrival.folder import list_documents
from core.dataset.format import show
from core.dataset.read.reading import kind_of
from core.errors import DatasetError
from core.paths import Workspace
from core.settings import Settings
from core.spec.sources import resolve

NO_TEXT = "the name is not written in UTF-8, so it cannot be kept. Rename it."


def find_file(workspace: Workspace, settings: Settings, text: str) -> Path:
    """The file on this machine that the path names. Raises DatasetError unless it may be read."""
    path = _find_allowed(workspace, settings, text)
    if not path.is_file():
        raise DatasetError(f"There is no file {_show(path)}.")
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
            f"{_show(path)} holds no .txt file. Of a folder, the .txt files are read; name a file, "
            "or put some there."
        )
    return path


def find_folder(workspace: Workspace, settings: Settings, text: str) -> Path:
    """The folder on this machine that the path names. Raises DatasetError unless it may be read."""
    path = _find_allowed(workspace, settings, text)
    if not path.is_dir():
        raise DatasetError(f"There is no folder {_show(path)}.")
    return path


def _find_allowed(workspace: Workspace, settings: Settings, text: str) -> Path:
    typed = text.strip()
    if not typed or "\0" in typed:
        raise DatasetError("Write the path of a file or folder on this machine.")
    try:
        path = resolve(typed, workspace.root).resolve()
        path.is_file()
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{show(typed)} is no path: {error}.") from error
    folders = [workspace.root, *settings.allowed_folders]
    inside = next((folder for folder in folders if path.is_relative_to(folder)), None)
    if inside is None:
        raise DatasetError(
            f"{_show(path)} is in none of the allowed folders: {', '.join(map(_show, folders))}. "
            "Move it there, or add its folder to `allowed_folders` in configs/settings.yaml."
        )
    if any(part.startswith(".") for part in path.relative_to(inside).parts):
        raise DatasetError(f"{_show(path)} is hidden. Move it to a place without a leading dot.")
    if not is_text(path):
        raise DatasetError(f"{_show(path)}: {NO_TEXT}")
    return path


def is_text(path: Path) -> bool:
    """Whether the path can be shown and written down: any bytes can be a name on a disk."""
    return _show(path) == str(path)


def _show(path: Path) -> str:
    """The whole path, as text that can be shown."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
