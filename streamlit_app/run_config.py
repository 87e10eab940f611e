"""What a run was asked to do, as its spec says."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import SpecError
from core.files import Stamp, stamp
from core.run.store import Run
from core.safe_yaml import load_yaml_mapping
from streamlit_app.batch import shrunk


def started_config(run: Run) -> dict[str, Any]:
    """The spec with the batch that is left of it after the GPU memory was too small."""
    config = load_config(run)
    return config | shrunk(config, run.status.shrinks) if run.status.shrinks else config


def load_config(run: Run) -> dict[str, Any]:
    """The spec as a mapping, not to be changed; empty when it cannot be read."""
    return _load(run.paths.spec, stamp(run.paths.spec))


@lru_cache(maxsize=64)
def _load(path: Path, changed: Stamp) -> dict[str, Any]:
    try:
        return load_yaml_mapping(path.read_bytes())
    except (OSError, SpecError):
        return {}
