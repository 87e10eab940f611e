"""What lies in an output folder of Axolotl or Transformers, as far as a run can be told from it.

Only plain files are read, and no pickles: the folder may come from anyone.
"""

import contextlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from core.errors import RecordError
from core.files import open_untrusted, read_tail, read_untrusted
from core.run.checkpoint import STATE, list_checkpoints
from core.run.importing.found_config import (
    from_adapter,
    from_log,
    from_model,
    from_model_card,
    from_yaml,
)
from core.run.importing.json_object import read_object
from core.run.importing.times import Span, find_log_span, find_span
from core.run.importing.trainer_state import LOGGED, Entries, TrainerState, summarise
from core.spec.run_spec import NAME

MAX_STATE_BYTES = 1024 * 1024 * 1024
MAX_CONFIG_BYTES = 256 * 1024
MAX_CONFIG_FILES = 10
HEAD_BYTES = 1024 * 1024
TAIL_BYTES = 256 * 1024
LOG = "debug.log"
CARD = "README.md"
DULL_NAMES = ("output", "outputs", "out", "model", "model-out", "lora-out", "qlora-out", "results")
"""Names that tell nothing; that of the folder around is put before them."""

MAX_LISTED = 3
_NO_NAME = re.compile(r"[^A-Za-z0-9._ -]+")
_CHECKPOINT = re.compile(r"checkpoint-[0-9]+")


@dataclass(frozen=True)
class Found:
    """A training that can be taken in. `checkpoints` are steps and when they were saved, oldest
    first, in Unix seconds; `log` is None without one; `config` is as far as it is told.
    """

    folder: Path
    name: str
    state_path: Path
    state: TrainerState
    span: Span
    checkpoints: tuple[tuple[int, float], ...]
    config: dict[str, Any]
    config_from: str
    log: Path | None


def look_into(folder: Path) -> Found:
    """What the folder tells. Raises RecordError with a sentence on what is missing."""
    try:
        return _look_into(folder)
    except OSError as error:
        raise RecordError(f"{folder} cannot be read: {error}") from error


@contextmanager
def entries_of(state_path: Path) -> Iterator[Entries]:
    """The entries of a `trainer_state.json`; raises RecordError where it is damaged."""
    with open_untrusted(state_path, MAX_STATE_BYTES) as file:
        text: TextIO = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
        try:
            yield read_object(text, LOGGED)
        except RecordError as error:
            raise RecordError(f"{state_path} cannot be read: {error}.") from error


def _look_into(folder: Path) -> Found:
    checkpoints = [(step, path) for step, path in list_checkpoints(folder) if _is_own(path)]
    state_path, state = _find_state(folder, checkpoints)
    if not state.log_events:
        raise RecordError(f"{state_path} tells of no loss, so there is nothing to look at.")
    log = folder / LOG if _is_plain(folder / LOG) else None
    config, config_from = _find_config(folder, checkpoints)
    return Found(
        folder=folder,
        name=_find_name(folder),
        state_path=state_path,
        state=state,
        span=_find_span(folder, state_path, state, log),
        checkpoints=tuple(
            (step, _saved_s(path / STATE)) for step, path in checkpoints if _is_plain(path / STATE)
        ),
        config=config | _told_by(state, config),
        config_from=config_from,
        log=log,
    )


def _find_state(folder: Path, checkpoints: list[tuple[int, Path]]) -> tuple[Path, TrainerState]:
    """The state of the latest step that can be read: of the folder itself or of a checkpoint."""
    found: tuple[Path, TrainerState] | None = None
    trouble: RecordError | None = None
    places = [folder, *(path for _, path in reversed(checkpoints))]
    steps = [None, *(step for step, _ in reversed(checkpoints))]
    for step, path in zip(steps, (place / STATE for place in places), strict=True):
        if found and step is not None and step <= found[1].step:
            break
        if not _is_plain(path):
            continue
        try:
            with entries_of(path) as entries:
                found = path, summarise(entries)
        except RecordError as error:
            trouble = trouble or error
        if found and step is not None:
            break
    if found:
        return found
    raise trouble or RecordError(_nothing_there(folder))


def _nothing_there(folder: Path) -> str:
    inner = [
        path.name
        for path in sorted(folder.iterdir())
        if _is_own(path)
        and not path.name.startswith(".")
        and (_is_plain(path / STATE) or list_checkpoints(path))
    ]
    text = (
        f"{folder} holds no {STATE}, neither itself nor in a folder `checkpoint-<step>`. Axolotl "
        "and Transformers write it with every checkpoint; name the `output_dir` of a training."
    )
    if not inner:
        return text
    more = f" and {len(inner) - MAX_LISTED} more" if len(inner) > MAX_LISTED else ""
    return f"{text} There are trainings in {', '.join(inner[:MAX_LISTED])}{more}."


def _find_name(folder: Path) -> str:
    """What the run may be called: the folder's name, with that around it where it tells little."""
    names = [folder.name]
    while names[0].lower() in DULL_NAMES or _CHECKPOINT.fullmatch(names[0]):
        folder = folder.parent
        if not folder.name:
            break
        names.insert(0, folder.name)
    return fit_name(" ".join(names))


def fit_name(text: str) -> str:
    """The text as a run may be called; `imported` where nothing is left of it."""
    name = _NO_NAME.sub("-", text).lstrip("._- ")[:64].rstrip()
    return name if NAME.fullmatch(name) else "imported"


def _find_span(folder: Path, state_path: Path, state: TrainerState, log: Path | None) -> Span:
    told = find_log_span(_head(log), read_tail(log, TAIL_BYTES)) if log else None
    touched_s = [_saved_s(path) for path in folder.iterdir() if _is_plain(path)]
    return find_span(told, state.runtime_s, _saved_s(state_path), touched_s)


def _find_config(folder: Path, checkpoints: list[tuple[int, Path]]) -> tuple[dict[str, Any], str]:
    """The config, and the name of the file that told it: the fullest source first."""
    around = [folder.parent] if _CHECKPOINT.fullmatch(folder.name) else []
    places = [folder, *around, *(path for _, path in reversed(checkpoints[-1:]))]
    for read_all in (_from_yaml_files, _from_card, _from_log, _from_adapter, _from_model):
        for place in places:
            config, name = read_all(place)
            if config:
                return config, name
    return {}, ""


def _from_yaml_files(folder: Path) -> tuple[dict[str, Any], str]:
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])[:MAX_CONFIG_FILES]:
        if config := from_yaml(_read(path)):
            return config, path.name
    return {}, ""


def _from_card(folder: Path) -> tuple[dict[str, Any], str]:
    config = from_model_card(_text(folder / CARD))
    # The front matter alone tells less than the log.
    return (config, CARD) if len(config) > 1 else ({}, "")


def _from_log(folder: Path) -> tuple[dict[str, Any], str]:
    path = folder / LOG
    return from_log(_head(path) if _is_plain(path) else ""), LOG


def _from_adapter(folder: Path) -> tuple[dict[str, Any], str]:
    return _from_json(folder / "adapter_config.json", from_adapter)


def _from_model(folder: Path) -> tuple[dict[str, Any], str]:
    config, name = _from_json(folder / "config.json", from_model)
    return (config, name) if config else (from_model_card(_text(folder / CARD)), CARD)


def _from_json(
    path: Path, read: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[dict[str, Any], str]:
    try:
        record = json.loads(_read(path))
    except (ValueError, RecursionError):
        return {}, ""
    return (read(record) if isinstance(record, dict) else {}), path.name


def _told_by(state: TrainerState, config: dict[str, Any]) -> dict[str, Any]:
    """What the state tells of the parameters, where no config did."""
    if "micro_batch_size" in config or "num_epochs" in config or "max_steps" in config:
        return {}
    told = {"micro_batch_size": state.micro_batch_size, "num_epochs": state.total_epochs}
    return {key: value for key, value in told.items() if value}


def _read(path: Path) -> bytes:
    with contextlib.suppress(RecordError, OSError):
        return read_untrusted(path, MAX_CONFIG_BYTES)
    return b""


def _text(path: Path) -> str:
    return _read(path).decode("utf-8", errors="replace")


def _head(path: Path) -> str:
    """The beginning of a log, whatever its size."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES).decode("utf-8", errors="replace")


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_own(path: Path) -> bool:
    """Whether it is a folder that lies here: a link may lead anywhere."""
    return path.is_dir() and not path.is_symlink()


def _saved_s(path: Path) -> float:
    # A time to come would be news once more when it is there.
    return min(max(0.0, path.stat().st_mtime), time.time())
