"""Asking the daemon to look at a base model, and reading what it found."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.clock import from_text
from core.errors import RecordError, SpecError
from core.files import load_json, write_whole
from core.paths import Workspace
from core.safe_yaml import dump_yaml
from core.spec.sources import resolve

MAX_NAME_LENGTH = 300


def request_check(workspace: Workspace, base_model: str) -> Path:
    """Ask for a check of the base model; the path where the answer will be."""
    check_name(base_model)
    folder = workspace.model_checks
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(request_path(workspace, base_model), dump_yaml({"base_model": base_model}))
    return answer_path(workspace, base_model)


def read_check(workspace: Workspace, base_model: str) -> dict[str, Any] | None:
    """What the latest check found; None while it is not done, or was never asked for."""
    if request_path(workspace, base_model).exists():
        return None
    try:
        return load_json(answer_path(workspace, base_model))
    except (OSError, RecordError):
        return None


def is_outdated(workspace: Workspace, base_model: str, found: Mapping[str, Any]) -> bool:
    """Whether the answer is of an older version, or the model's folder changed since."""
    if "turn_end" not in found:
        return True
    try:
        folder = resolve(base_model, workspace.root)
        changed_at = [path.stat().st_mtime for path in folder.iterdir()]
        checked_at = from_text(str(found.get("at"))).timestamp()
    except (OSError, RuntimeError):
        return False
    except ValueError:
        return True
    return max(changed_at, default=0.0) > checked_at


def request_path(workspace: Workspace, base_model: str) -> Path:
    """Where the request for this base model lies."""
    return workspace.model_checks / f"{check_key(base_model)}.yaml"


def answer_path(workspace: Workspace, base_model: str) -> Path:
    """Where the answer for this base model lies."""
    return workspace.model_checks / f"{check_key(base_model)}.json"


def check_key(base_model: str) -> str:
    """A file name for any base model, a path or a Hub id."""
    return hashlib.sha256(base_model.encode("utf-8", "replace")).hexdigest()[:16]


def check_name(base_model: str) -> None:
    """Raise SpecError unless the text can be a folder or a Hub id."""
    if not base_model.strip():
        raise SpecError("base_model is empty; write a folder or the id of a model on the Hub")
    if len(base_model) > MAX_NAME_LENGTH:
        raise SpecError(f"base_model is longer than {MAX_NAME_LENGTH} characters")
    if not base_model.isprintable():
        raise SpecError("base_model holds a line break or another character that is no text")
