"""`uploads/inbox`: where people put files that are too large for the browser."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from core.dataset.arrival.folder import list_documents
from core.dataset.arrival.local_file import NO_TEXT, is_text
from core.dataset.format import show
from core.dataset.read.reading import kind_of
from core.errors import DatasetError
from core.paths import Workspace

SETTLED_S = 2.0
"""A file that changed within this time may still be being copied."""

MAX_LISTED = 500


@dataclass(frozen=True)
class Dropped:
    """A file in the inbox, or a folder of .txt files.

    `problem` is a sentence on why it cannot be read, empty when it can.
    """

    path: Path
    bytes: int
    is_arriving: bool
    problem: str = ""

    @property
    def name(self) -> str:
        """What to call it; any bytes can be a name on a disk."""
        return show(self.path.name)


def list_inbox(workspace: Workspace, at_s: float | None = None) -> list[Dropped]:
    """What lies in the inbox by name, without links and hidden files."""
    at_s = time.time() if at_s is None else at_s
    try:
        with os.scandir(workspace.inbox) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and not entry.is_symlink()
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = [_look_at(workspace.inbox / name, at_s) for name in names[:MAX_LISTED]]
    return [dropped for dropped in found if dropped]


def _look_at(path: Path, at_s: float) -> Dropped | None:
    try:
        files = list_documents(path) if path.is_dir() else [path]
        infos = [file.stat() for file in files]
        if path.is_dir() and not files:
            return Dropped(path, 0, False, "The folder holds no .txt file.")
        if not path.is_dir() and not path.is_file():
            return None
    except OSError:
        return None  # gone meanwhile
    # Copying may keep the old time of the content, but never that of the last change itself.
    is_arriving = any(abs(at_s - info.st_ctime) < SETTLED_S for info in infos)
    size = sum(info.st_size for info in infos)
    return Dropped(path, size, is_arriving, _problem(path, size))


def _problem(path: Path, size: int) -> str:
    if not is_text(path):
        return f"{show(path.name)}: {NO_TEXT}"
    if path.is_dir():
        return ""
    if size == 0:
        return "The file is empty."
    try:
        kind_of(path.name)
    except DatasetError as error:
        return str(error)
    return ""
