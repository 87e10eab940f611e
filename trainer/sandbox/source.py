"""Where the weights of a model lie. Reads small files, loads nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SandboxError, SettingsError, SpecError
from core.paths import RunPaths, Workspace
from core.safe_yaml import load_yaml_mapping
from core.sandbox.question import ModelName
from core.settings import load_settings
from core.spec.sources import is_path, resolve

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Source:
    """What to load for a model name; `base` and `tokenizer` are folders or Hub ids."""

    name: str
    base: str
    tokenizer: str
    adapter: Path | None = None
    four_bit: bool = False
    stamp: int = 0
    """Changes when the files are written anew, as when a run is retried."""


def resolve_model(workspace: Workspace, name: ModelName) -> Source:
    """What to load for the name, else SandboxError."""
    run = workspace.run(name.run_id)
    check_inside(run.folder, workspace.runs)
    config = read_config(run)
    base = resolve_base_model(workspace, config.get("base_model"), name.run_id)
    if run.output.is_symlink() and Path(base).is_absolute():
        # The spec of a run of ours was checked when it was taken.
        check_allowed(Path(base), workspace)
    four_bit = config.get("load_in_4bit") is True
    if name.part == "base":
        return Source(str(name), base, base, four_bit=four_bit)
    folder = run.output / (name.part or "")
    if run.output.is_symlink():
        check_allowed(folder, workspace)
    else:
        check_inside(folder, workspace.runs)
    if (folder / ADAPTER_CONFIG).is_file():
        return adapter_source(name, folder, base, four_bit)
    return whole_source(name, folder, base)


def adapter_source(name: ModelName, folder: Path, base: str, four_bit: bool) -> Source:
    """The base model with the adapter in the folder on it."""
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        raise SandboxError(f"{name} has no {ADAPTER_WEIGHTS}; choose another checkpoint")
    tokenizer = find_tokenizer(folder, base)
    return Source(str(name), base, tokenizer, folder, four_bit, weights.stat().st_mtime_ns)


def whole_source(name: ModelName, folder: Path, base: str) -> Source:
    """The model whose every weight was trained, in the folder itself."""
    weights = sorted(folder.glob("model*.safetensors"))
    if not (folder / "config.json").is_file() or not weights:
        raise SandboxError(f"{name} has no saved weights yet; choose a checkpoint or wait for one")
    tokenizer = find_tokenizer(folder, base)
    stamp = max(path.stat().st_mtime_ns for path in weights)
    return Source(str(name), str(folder), tokenizer, stamp=stamp)


def find_tokenizer(folder: Path, base: str) -> str:
    """The folder when a tokenizer was saved in it, else the base model."""
    has_one = any((folder / file).is_file() for file in TOKENIZER_FILES)
    return str(folder) if has_one else base


def check_inside(folder: Path, root: Path) -> None:
    """Raise SandboxError unless the folder, links followed, lies inside the root."""
    if not folder.resolve().is_relative_to(root.resolve()):
        raise SandboxError(f"{folder.name} leads outside of the runs folder; nothing is loaded")


def check_allowed(folder: Path, workspace: Workspace) -> None:
    """Raise SandboxError unless models may be read from the folder.

    The weights of an imported run lie where they were trained.
    """
    try:
        allowed = [workspace.root, *load_settings(workspace.settings).allowed_folders]
    except SettingsError as error:
        raise SandboxError(f"which folders are allowed cannot be told: {error}") from error
    target = folder.resolve()
    if not target.exists():
        raise SandboxError(f"{target} is gone; put it back where it was")
    if not any(target.is_relative_to(root.resolve()) for root in allowed):
        raise SandboxError(
            f"{target} is in none of the allowed folders; add its folder to `allowed_folders` in "
            "configs/settings.yaml"
        )


def read_config(run: RunPaths) -> dict[str, Any]:
    """The Axolotl config of the run, or its spec before it first started."""
    for path in (run.axolotl_config, run.spec):
        try:
            return load_yaml_mapping(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, SpecError) as error:
            raise SandboxError(f"{path.name} of {run.run_id} cannot be read: {error}") from error
    raise SandboxError(f"there is no run {run.run_id}; choose one from the list of runs")


def resolve_base_model(workspace: Workspace, base_model: Any, run_id: str) -> str:
    """The base model as a folder, when it is one, else the Hub id as it stands."""
    if not isinstance(base_model, str) or not base_model:
        raise SandboxError(f"the config of {run_id} names no base_model; add one and train again")
    folder = resolve(base_model, workspace.root)
    if folder.is_dir():
        return str(folder.resolve())
    if is_path(base_model):
        raise SandboxError(f"the base model {base_model} is gone; put its folder back")
    return base_model
