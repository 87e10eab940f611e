"""What each setting means and how its value reads. Pure: values in, texts out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.notice.news import time_text
from core.settings import COOLER_BY_C, Settings


@dataclass(frozen=True)
class Told:
    """A setting by its key, its name for people, and what it means."""

    key: str
    label: str
    meaning: str


GROUPS: dict[str, tuple[Told, ...]] = {
    "When trainings wait": (
        Told("training_hours", "Hours of training", "The times of day at which trainings may run."),
        Told(
            "max_gpu_temperature_c",
            "Hottest GPU",
            "At this temperature the trainings of a GPU are paused.",
        ),
        Told(
            "resume_gpu_temperature_c",
            "Cool again",
            "Below this temperature they go on by themselves.",
        ),
        Told(
            "min_free_disk_gib",
            "Free disk",
            "With less than this, trainings are paused and none starts.",
        ),
        Told(
            "busy_gpu_mib",
            "Busy GPU",
            "A GPU of which other programs use more memory than this is waited for.",
        ),
    ),
    "When something goes wrong": (
        Told(
            "hang_after_s",
            "Hangs after",
            "A training without a sign of life for so long is started again from its last "
            "checkpoint.",
        ),
        Told(
            "retry_delay_s",
            "Tried again after",
            "A run that was killed or crashed waits so long; each time twice that, up to 30 min.",
        ),
        Told(
            "cancel_grace_s",
            "Time to stop",
            "A cancelled run gets so long to end by itself before it is killed.",
        ),
    ),
    "Starting fast": (
        Told(
            "warm_standby",
            "Warm standby",
            "A trainer is kept ready, so that the next run starts in a second; takes 0.5 GB of "
            "memory or more.",
        ),
        Told(
            "prepare_ahead",
            "Prepare ahead",
            "The data of waiting runs is prepared while others train.",
        ),
        Told(
            "sandbox_idle_s",
            "Sandbox rests after",
            "Without a question for so long, the sandbox gives its memory back.",
        ),
    ),
    "What runs may use": (
        Told("hub", "Hugging Face Hub", "Whether models and data may be fetched from it."),
        Told("hub_uploads", "Uploads to the Hub", "Whether runs may put results or data there."),
        Told(
            "allowed_folders",
            "Other folders",
            "Folders outside the workspace from which runs may take models and data.",
        ),
        Told(
            "allowed_plugins",
            "Plugins",
            "Axolotl plugins that runs may name. A plugin is code that runs as the service user.",
        ),
        Told(
            "trust_remote_code",
            "Code of models",
            "Whether code that comes with a model may be run.",
        ),
    ),
    "Housekeeping": (
        Told("keep_gpu_days", "GPU readings", "So long are the readings of the GPUs kept."),
        Told(
            "poll_interval_s",
            "Looks at folders every",
            "How often the daemon looks; file events only make it sooner.",
        ),
        Told(
            "queue_quiet_s",
            "Takes dropped files after",
            "A file written slowly into the queue must stay unchanged for so long.",
        ),
    ),
}


def value_text(key: str, settings: Settings) -> str:
    """The value with its unit, as a person says it."""
    value: Any = getattr(settings, key)
    if key == "training_hours":
        return f"{value}" if value else "always"
    if key == "resume_gpu_temperature_c" and value is None:
        cool = settings.cool_gpu_c
        return f"{cool:g} °C" if cool is not None else f"{COOLER_BY_C:g} °C less"
    if key == "hub":
        return "used" if value == "auto" else "never used"
    return _plain_value(key, value)


def _plain_value(key: str, value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_place(entry) for entry in value) or "none"
    if key.endswith("_s"):
        return f"{value:g} s" if value < 60 else time_text(value)
    unit = next((unit for end, unit in UNITS.items() if key.endswith(end)), "")
    return f"{value:,g} {unit}".strip()


UNITS = {"_gib": "GiB", "_mib": "MiB", "_c": "°C", "_days": "days"}


def _place(entry: Any) -> str:
    return str(entry) if isinstance(entry, str | Path) else repr(entry)


def is_default(key: str, settings: Settings) -> bool:
    """Whether the setting is as it is without a file."""
    return bool(getattr(settings, key) == getattr(Settings(), key))
