"""How this machine is set up: `configs/settings.yaml`, every key optional."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import time
from pathlib import Path
from typing import Any

from core.errors import SettingsError, SpecError
from core.notice.address import hide_addresses
from core.numbers import is_number, is_whole
from core.safe_yaml import load_yaml

MAX_POLL_INTERVAL_S = 2.0
"""The page takes a daemon that has not been heard of for longer to be down."""

MIN_POLL_INTERVAL_S = 0.05
"""More often would do little but warm the machine."""

MAX_S = 366 * 24 * 3600
MAX_DAYS = 36_500
MAX_AMOUNT = 1_000_000_000
"""Beyond these, dates and sizes would overflow where they are used."""

HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


NOTIFIABLE = ("completed", "failed", "cancelled", "needs_help")
"""What people may want to be told of: how a run ended, or that it will not go on by itself."""

MAX_PRICE = 1000


@dataclass(frozen=True)
class Hours:
    """The hours of a day, in local time; from evening to morning when `start` is the later."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def include(self, at: time) -> bool:
        """Whether the time of day lies in these hours; the start does, the end does not."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True)
class Settings:
    """The settings, each with its default. Times are in seconds."""

    poll_interval_s: float = 0.5
    queue_quiet_s: float = 3.0
    cancel_grace_s: float = 10.0
    hang_after_s: float = 1800.0
    retry_delay_s: float = 30.0
    min_free_disk_gib: float = 2.0
    busy_gpu_mib: float = 2048.0
    max_gpu_temperature_c: float | None = None
    resume_gpu_temperature_c: float | None = None
    training_hours: Hours | None = None
    warm_standby: bool = True
    prepare_ahead: bool = True
    sandbox_idle_s: float = 300.0
    keep_gpu_days: int = 30
    allowed_folders: tuple[Path, ...] = ()
    allowed_plugins: tuple[str, ...] = ("axolotl.integrations.*",)
    trust_remote_code: bool = False
    hub: str = "auto"
    hub_uploads: bool = False
    price_per_kwh: float | None = None
    currency: str = "EUR"
    notify: tuple[str, ...] = ()
    notify_on: tuple[str, ...] = NOTIFIABLE

    @property
    def hub_allowed(self) -> bool:
        """Whether models and data may be fetched from the Hugging Face Hub."""
        return self.hub == "auto"

    @property
    def cool_gpu_c(self) -> float | None:
        """The temperature below which a run that was paused for heat goes on."""
        if self.max_gpu_temperature_c is None:
            return None
        return self.resume_gpu_temperature_c or self.max_gpu_temperature_c - COOLER_BY_C


COOLER_BY_C = 15.0


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
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_settings(text: str) -> Settings:
    """The settings in a YAML text; raises SettingsError naming the key that is wrong."""
    try:
        return _settings(load_yaml(text) or {})
    except (SettingsError, SpecError) as error:
        # It is shown and logged, and what is wrong may be an address with a password.
        raise SettingsError(hide_addresses(str(error))) from None


def _settings(data: Any) -> Settings:
    if not isinstance(data, dict):
        raise SettingsError("expected `key: value` lines")
    known = {field.name for field in fields(Settings)}
    for key in data:
        if key not in known:
            raise SettingsError(f"`{key}` is no setting. Known: {', '.join(sorted(known))}")
    settings = Settings(
        **{key: _parse(key, value) for key, value in data.items() if value is not None}
    )
    _require_hysteresis(settings)
    return settings


def _parse(key: str, value: Any) -> Any:
    return _PARSERS.get(key, _seconds)(key, value)


def _seconds(key: str, value: Any) -> Any:
    if not is_number(value) or not 0 < value <= MAX_S:
        raise SettingsError(
            f"`{key}` must be a number of seconds above 0, at most a year, not {value!r}"
        )
    return value


def _zero_or_more(key: str, value: Any) -> Any:
    if not is_number(value) or not 0 <= value <= MAX_AMOUNT:
        raise SettingsError(f"`{key}` must be a number from 0 to {MAX_AMOUNT:,}, not {value!r}")
    return value


def _poll_interval(key: str, value: Any) -> Any:
    if not is_number(value) or not MIN_POLL_INTERVAL_S <= value <= MAX_POLL_INTERVAL_S:
        raise SettingsError(
            f"`{key}` must be a number of seconds from {MIN_POLL_INTERVAL_S} to "
            f"{MAX_POLL_INTERVAL_S}, not {value!r}"
        )
    return value


def _days(key: str, value: Any) -> int:
    if not is_whole(value) or not 1 <= value <= MAX_DAYS:
        raise SettingsError(
            f"`{key}` must be a whole number of days from 1 to {MAX_DAYS:,}, not {value!r}"
        )
    return value


def _temperature(key: str, value: Any) -> Any:
    if not is_number(value) or not 30 <= value <= 120:
        raise SettingsError(
            f"`{key}` must be a temperature from 30 to 120 degrees C, not {value!r}"
        )
    return value


def _hours(key: str, value: Any) -> Hours:
    found = HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise SettingsError(
            f'`{key}` must be two times of day such as "22:00-07:00" (with quotes), not {value!r}'
        )
    first, first_minute, last, last_minute = map(int, found.groups())
    hours = Hours(time(first, first_minute), time(last, last_minute))
    if hours.start == hours.end:
        raise SettingsError(f"`{key}` begins and ends at {hours.start:%H:%M}, so nothing would run")
    return hours


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise SettingsError(f"`{key}` must be a list of texts")
    return tuple(value)


def _folders(key: str, value: Any) -> tuple[Path, ...]:
    return tuple(_folder(key, entry) for entry in _texts(key, value))


def _folder(key: str, entry: str) -> Path:
    try:
        folder = Path(entry).expanduser()
        # The app and the daemon need not run in the same folder.
        if folder.is_absolute():
            return folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(f"`{key}`: {entry!r} cannot be looked at: {error}") from error
    raise SettingsError(f"`{key}` must hold whole paths such as /data/models, not {entry!r}")


def _yes_or_no(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"`{key}` must be true or false, not {value!r}")
    return value


def _price(key: str, value: Any) -> Any:
    if not is_number(value) or not 0 <= value <= MAX_PRICE:
        raise SettingsError(f"`{key}` must be a price from 0 to {MAX_PRICE:,}, not {value!r}")
    return value


def _currency(key: str, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 5:
        raise SettingsError(f"`{key}` must be a short text such as EUR, not {value!r}")
    return value.strip()


def _notifiable(key: str, value: Any) -> tuple[str, ...]:
    texts = _texts(key, value)
    for text in texts:
        if text not in NOTIFIABLE:
            raise SettingsError(f"`{key}` may hold {', '.join(NOTIFIABLE)}, not {text!r}")
    return texts


def _hub(key: str, value: Any) -> str:
    if value not in ("auto", "offline"):
        raise SettingsError(f"`{key}` must be auto or offline, not {value!r}")
    return str(value)


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "poll_interval_s": _poll_interval,
    "min_free_disk_gib": _zero_or_more,
    "busy_gpu_mib": _zero_or_more,
    "max_gpu_temperature_c": _temperature,
    "resume_gpu_temperature_c": _temperature,
    "training_hours": _hours,
    "keep_gpu_days": _days,
    "allowed_folders": _folders,
    "allowed_plugins": _texts,
    "trust_remote_code": _yes_or_no,
    "warm_standby": _yes_or_no,
    "prepare_ahead": _yes_or_no,
    "hub": _hub,
    "hub_uploads": _yes_or_no,
    "price_per_kwh": _price,
    "currency": _currency,
    "notify": _texts,
    "notify_on": _notifiable,
}


def _require_hysteresis(settings: Settings) -> None:
    highest, cool = settings.max_gpu_temperature_c, settings.resume_gpu_temperature_c
    if cool is not None and highest is None:
        raise SettingsError(
            "`resume_gpu_temperature_c` means nothing without `max_gpu_temperature_c`"
        )
    if cool is not None and highest is not None and cool >= highest:
        raise SettingsError(
            f"`resume_gpu_temperature_c` ({cool}) must be below `max_gpu_temperature_c` ({highest})"
        )
