"""How this machine is set up: `configs/settings.yaml`, every key optional."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import SettingsError, SpecError
from core.numbers import is_number
from core.safe_yaml import load_yaml

MAX_POLL_INTERVAL_S = 2.0
"""The page takes a daemon that has not been heard of for longer to be down."""


@dataclass(frozen=True)
class Settings:
    """The settings, each with its default. Times are in seconds."""

    poll_interval_s: float = 0.5
    queue_quiet_s: float = 3.0
    cancel_grace_s: float = 10.0
    sandbox_idle_s: float = 300.0
    keep_gpu_days: int = 30
    allowed_folders: tuple[Path, ...] = ()
    allowed_plugins: tuple[str, ...] = ("axolotl.integrations.*",)
    trust_remote_code: bool = False
    hub: str = "auto"
    hub_uploads: bool = False

    @property
    def hub_allowed(self) -> bool:
        """Whether models and data may be fetched from the Hugging Face Hub."""
        return self.hub == "auto"


def load_settings(path: Path) -> Settings:
    """The settings in the file, or the defaults when there is none.

    Raises SettingsError naming the key that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    try:
        return parse_settings(text)
    except (SettingsError, SpecError) as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_settings(text: str) -> Settings:
    """The settings in a YAML text; raises SettingsError naming the key that is wrong."""
    data = load_yaml(text) or {}
    if not isinstance(data, dict):
        raise SettingsError("expected `key: value` lines")
    known = {field.name for field in fields(Settings)}
    for key in data:
        if key not in known:
            raise SettingsError(f"`{key}` is no setting. Known: {', '.join(sorted(known))}")
    return Settings(**{key: _parse(key, value) for key, value in data.items() if value is not None})


def _parse(key: str, value: Any) -> Any:
    if key in ("allowed_folders", "allowed_plugins"):
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise SettingsError(f"`{key}` must be a list of texts")
        if key == "allowed_plugins":
            return tuple(value)
        return tuple(Path(entry).expanduser().resolve() for entry in value)
    if key in ("trust_remote_code", "hub_uploads"):
        if not isinstance(value, bool):
            raise SettingsError(f"`{key}` must be true or false, not {value!r}")
        return value
    if key == "hub":
        if value not in ("auto", "offline"):
            raise SettingsError(f"`hub` must be auto or offline, not {value!r}")
        return value
    if key == "poll_interval_s" and isinstance(value, int | float) and value > MAX_POLL_INTERVAL_S:
        raise SettingsError(f"`{key}` must be at most {MAX_POLL_INTERVAL_S}, not {value!r}")
    if not is_number(value) or value <= 0:
        raise SettingsError(f"`{key}` must be a number above 0, not {value!r}")
    return value
