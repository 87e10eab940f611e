"""What people asked of a run: small files in its `requests/` folder, read with distrust."""

import logging
import time
from pathlib import Path

from core.errors import TrainerUIError
from core.files import read_untrusted
from core.paths import RunPaths
from core.run.phase import Verb
from core.safe_yaml import MAX_BYTES, load_yaml_mapping

log = logging.getLogger(__name__)


def read_requests(paths: RunPaths, quiet_s: float) -> list[tuple[Path, Verb]]:
    """The requests that are understood, the oldest first.

    One that is not may still be being written: it is set aside only after `quiet_s` without a
    change.
    """
    understood = []
    for path in sorted(paths.requests.glob("[!.]*.yaml")):
        try:
            data = load_yaml_mapping(read_untrusted(path, MAX_BYTES))
            understood.append((path, Verb(str(data.get("verb")))))
        except (TrainerUIError, ValueError) as error:
            _set_aside(path, quiet_s, error)
    return understood


def clear_requests(paths: RunPaths) -> None:
    """Forget what was asked of a run that has ended."""
    for path in paths.requests.glob("[!.]*.yaml"):
        _hide(path)


def _set_aside(path: Path, quiet_s: float, error: Exception) -> None:
    try:
        rested_s = time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return
    if rested_s >= quiet_s:
        log.warning("request %s is not understood: %s", path, error)
        _hide(path)


def _hide(path: Path) -> None:
    # Renamed, since a folder or a link can be renamed as well as a file.
    path.rename(path.with_name(f".{path.name}.done"))
