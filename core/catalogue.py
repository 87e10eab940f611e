"""The base models that are offered: `configs/models.yaml`, and the folders in `models/`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SettingsError, SpecError
from core.numbers import is_number
from core.paths import Workspace
from core.safe_yaml import load_yaml
from core.spec.draft import METHODS

REQUIRED = ("id", "name", "parameters", "context", "licence", "methods")


@dataclass(frozen=True)
class ModelEntry:
    """A base model of the catalogue. `methods` fit into a card of 12 GB, the best one first."""

    id: str
    name: str
    parameters: int
    context: int
    licence: str
    methods: tuple[str, ...]
    gated: bool = False
    note: str = ""


def load_catalogue(path: Path) -> list[ModelEntry]:
    """The models in the file, in its order; none when there is no file.

    Raises SettingsError naming the entry and the key that is wrong.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    try:
        return parse_catalogue(raw)
    except (SettingsError, SpecError) as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_catalogue(text: str | bytes) -> list[ModelEntry]:
    """The models in a YAML text; raises SettingsError naming the entry that is wrong."""
    data = load_yaml(text)
    entries = data.get("models") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise SettingsError("expected `models:` with a list of entries under it")
    models = [_parse(entry, f"models[{number}]") for number, entry in enumerate(entries)]
    for model in models:
        if sum(other.id == model.id for other in models) > 1:
            raise SettingsError(f"`{model.id}` stands twice; keep one")
    return models


def local_models(workspace: Workspace) -> list[str]:
    """The base models in `models/`, as a spec names them."""
    configs = sorted(workspace.models.glob("[!.]*/config.json"))
    return [f"./models/{config.parent.name}" for config in configs]


def _parse(entry: Any, where: str) -> ModelEntry:
    if not isinstance(entry, dict):
        raise SettingsError(f"`{where}` must be a block of keys such as `id:` and `name:`")
    where = f"{where} ({entry['id']})" if entry.get("id") else where
    for key in REQUIRED:
        if entry.get(key) in (None, ""):
            raise SettingsError(f"`{key}` of {where} is missing")
    for key in entry:
        if key not in ModelEntry.__dataclass_fields__:
            known = ", ".join(ModelEntry.__dataclass_fields__)
            raise SettingsError(f"`{key}` of {where} is not known. Known: {known}")
    return ModelEntry(
        id=str(entry["id"]),
        name=str(entry["name"]),
        parameters=_whole(entry, "parameters", where),
        context=_whole(entry, "context", where),
        licence=str(entry["licence"]),
        methods=_methods(entry["methods"], where),
        gated=_flag(entry, "gated", where),
        note=str(entry.get("note") or ""),
    )


def _whole(entry: dict[str, Any], key: str, where: str) -> int:
    value = entry[key]
    if not is_number(value) or value < 1:
        raise SettingsError(f"`{key}` of {where} must be a number of at least 1, not {value!r}")
    return int(value)


def _flag(entry: dict[str, Any], key: str, where: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"`{key}` of {where} must be true or false, not {value!r}")
    return value


def _methods(value: Any, where: str) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or any(name not in METHODS for name in names):
        raise SettingsError(f"`methods` of {where} must be some of {', '.join(METHODS)}")
    return tuple(names)
