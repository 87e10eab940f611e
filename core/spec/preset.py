"""Starting points for a run: `configs/presets/*.yaml`."""

from pathlib import Path
from typing import Any

from core.errors import SpecError
from core.files import write_whole
from core.paths import Workspace
from core.run.store import slug
from core.safe_yaml import load_yaml_mapping


def list_presets(workspace: Workspace) -> list[str]:
    """The names of the presets, sorted."""
    return sorted(path.stem for path in workspace.presets.glob("[!.]*.yaml"))


def load_preset(workspace: Workspace, name: str) -> tuple[dict[str, Any], str]:
    """What the preset holds, and its text. Raises SpecError when it cannot be read."""
    path = workspace.presets / f"{name}.yaml"
    if name not in list_presets(workspace):
        raise SpecError(f"there is no preset {name}")
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return load_yaml_mapping(raw), text
    except (OSError, SpecError) as error:
        raise SpecError(f"the preset {name} cannot be read: {error}") from error


def save_preset(workspace: Workspace, name: str, text: str) -> Path:
    """Write a new preset. Raises SpecError when its name is empty or taken."""
    stem = slug(name)
    if not stem:
        raise SpecError("The name of a preset needs a letter or a digit.")
    path = workspace.presets / f"{stem}.yaml"
    if path.exists():
        raise SpecError(f"There is a preset {stem} already. Choose another name.")
    workspace.presets.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path
