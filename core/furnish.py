"""A workspace apart from the code begins with the configs that come with the code."""

import shutil

from core.paths import CODE_ROOT, Workspace


def furnish(workspace: Workspace) -> None:
    """Copy presets, catalogue and settings into a workspace that has no `configs/` yet."""
    source = Workspace(CODE_ROOT).configs
    if workspace.configs.exists() or not source.is_dir():
        return
    # Aside and renamed, so that an interrupted copy is not taken for a whole one.
    aside = workspace.configs.with_name(".configs.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source, aside)
    aside.rename(workspace.configs)
