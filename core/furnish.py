"""A workspace begins with the configs that come with the code."""

import contextlib
import shutil
from pathlib import Path

from core.files import write_whole
from core.paths import CODE_ROOT, Workspace


def furnish(workspace: Workspace) -> None:
    """Copy presets and catalogue into a workspace that has none, and make its settings.

    Settings are of one machine and may hold addresses with passwords: only the example is copied.
    """
    source = Workspace(CODE_ROOT).configs
    if not workspace.configs.exists() and source.is_dir():
        _copy(source, workspace)
    if not workspace.settings.exists() and workspace.settings_example.is_file():
        # Where nobody may write, the defaults hold, which are what the example says.
        with contextlib.suppress(OSError):
            write_whole(workspace.settings, workspace.settings_example.read_text())


def _copy(source: Path, workspace: Workspace) -> None:
    # Aside and renamed, so that an interrupted copy is not taken for a whole one.
    aside = workspace.configs.with_name(".configs.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source, aside, ignore=shutil.ignore_patterns(workspace.settings.name))
    aside.rename(workspace.configs)
