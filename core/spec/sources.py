"""The model and the data a spec names: are they there, and can they be what they should be?"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.settings import Settings

DATASET_KEYS = ("datasets", "test_datasets", "pretraining_dataset")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
DATA_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow")
READERS = ("json", "csv", "text", "parquet", "arrow")
"""Paths that only name a reader: the files stand in `data_files`."""

PART_KEYS = (
    "base_model_config",
    "tokenizer_config",
    "processor_config",
    "lora_model_dir",
    "resume_from_checkpoint",
)
"""Keys that name a part of a model, or one that was trained before: a folder or a Hub ID."""

WEIGHT_PATTERNS = ("*.safetensors", "pytorch_model*.bin")


def find_source_problems(config: dict[str, Any], root: Path, settings: Settings) -> list[str]:
    """One sentence per model or dataset that is missing or empty; `root` is the workspace."""
    return [
        *_model_problems(str(config["base_model"]), root, settings),
        *_part_problems(config, root, settings),
        *_data_problems(config, root, settings),
    ]


def is_path(source: str) -> bool:
    """Whether it can be no Hub ID, whatever lies on the disk."""
    return source.startswith((".", "/", "~")) or source.count("/") > 1


def is_local(source: str, root: Path) -> bool:
    """Whether a model or dataset is named by a path rather than by a Hub ID."""
    if is_path(source) or source.lower().endswith(DATA_SUFFIXES):
        return True
    return resolve(source, root).exists()


def resolve(source: str, root: Path) -> Path:
    """The path a spec means: relative ones start at the workspace."""
    return root / Path(source).expanduser()


def names_hub(config: dict[str, Any], root: Path) -> bool:
    """Whether the run may have to fetch something from the Hub."""
    models = [str(config[key]) for key in ("base_model", *PART_KEYS) if config.get(key)]
    sources = [*models, *(path for _, path in data_sources(config))]
    return any(not is_local(source, root) for source in sources)


def dataset_entries(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every dataset that is written as a block, behind its place such as `datasets[0]`."""
    for key in DATASET_KEYS:
        entries = config.get(key)
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict):
                yield f"{key}[{number}]", entry


def data_sources(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Every data path or Hub ID in the config, behind the key that names it."""
    return [
        (f"{key}[{number}].{name}", source)
        for key in DATASET_KEYS
        for number, entry in enumerate(_as_list(config.get(key)))
        for name, source in _entry_sources(entry)
    ]


def _entry_sources(entry: Any) -> list[tuple[str, str]]:
    if not isinstance(entry, dict):
        return [("path", str(entry))]
    if entry.get("path") in READERS:
        return [("data_files", str(file)) for file in _as_list(entry.get("data_files"))]
    return [("path", str(entry.get("path")))]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def local_data_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Every local file the run reads its data from, sorted."""
    files: set[Path] = set()
    for _, source in data_sources(config):
        if is_local(source, root):
            files.update(_data_files(resolve(source, root)))
    return sorted(files)


def _model_problems(base_model: str, root: Path, settings: Settings) -> Iterator[str]:
    where = f"`base_model: {base_model}`"
    if not is_local(base_model, root):
        if not HUB_ID.fullmatch(base_model):
            yield f"{where} is neither a folder nor a Hub ID such as `org/name`."
        elif not settings.hub_allowed:
            yield (
                f"{where} is a Hub ID, and configs/settings.yaml says `hub: offline`. Name a "
                "local folder, or set `hub: auto`."
            )
        return
    folder = resolve(base_model, root)
    if not folder.is_dir():
        yield f"{where}: there is no folder {folder}.{_suggest_sibling(folder)}"
    elif not (folder / "config.json").is_file():
        yield f"{where}: {folder} has no config.json, so it is not a Hugging Face model."
    elif not any(any(folder.glob(pattern)) for pattern in WEIGHT_PATTERNS):
        yield f"{where}: {folder} has no weights (*.safetensors)."


def _part_problems(config: dict[str, Any], root: Path, settings: Settings) -> Iterator[str]:
    for key in PART_KEYS:
        source = str(config.get(key) or "")
        if not source:
            continue
        if is_local(source, root) or key == "resume_from_checkpoint":
            path = resolve(source, root)
            if not path.exists():
                yield f"`{key}: {source}`: there is no folder {path}.{_suggest_sibling(path)}"
        elif not settings.hub_allowed:
            yield f"`{key}: {source}` is a Hub ID, and configs/settings.yaml says `hub: offline`."


def _data_problems(config: dict[str, Any], root: Path, settings: Settings) -> Iterator[str]:
    for key, source in data_sources(config):
        where = f"`{key}: {source}`"
        if not is_local(source, root):
            if not HUB_ID.fullmatch(source):
                yield f"{where} is neither a file nor a Hub ID such as `org/name`."
            elif not settings.hub_allowed:
                yield f"{where} is a Hub ID, and configs/settings.yaml says `hub: offline`."
            continue
        path = resolve(source, root)
        if not path.exists():
            yield f"{where}: there is no file {path}.{_suggest_sibling(path)}"
        elif not (files := _data_files(path)):
            yield f"{where}: the folder {path} holds no data file."
        elif all(is_blank(file) for file in files):
            yield f"{where}: {path} is empty."


def _data_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in DATA_SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
    return [path] if path.is_file() else []


def is_blank(file: Path) -> bool:
    """Whether the file holds nothing but white space at its beginning (its first 64 KiB)."""
    with file.open("rb") as stream:
        return not stream.read(64 * 1024).strip()


def _suggest_sibling(path: Path) -> str:
    """A question about a near name in the same folder, or in the nearest one that exists."""
    if path.parent.is_dir():
        names, wanted = [entry.name for entry in path.parent.iterdir()], path.name
    elif path.parent.parent.is_dir():
        names, wanted = [entry.name for entry in path.parent.parent.iterdir()], path.parent.name
    else:
        return ""
    near = difflib.get_close_matches(wanted, names, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""
