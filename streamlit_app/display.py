"""Values as a person reads them. Pure: values in, texts out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from core.run.phase import Phase, Stage, Verb
from core.run.status import Progress
from core.spec.sources import is_path

MINUTE, HOUR, DAY = 60, 3600, 86400

Color = Literal["gray", "blue", "orange", "green", "red"]

PHASE_COLORS: dict[Phase, Color] = {
    Phase.QUEUED: "gray",
    Phase.STARTING: "blue",
    Phase.RUNNING: "blue",
    Phase.PAUSING: "orange",
    Phase.PAUSED: "orange",
    Phase.CANCELLING: "orange",
    Phase.COMPLETED: "green",
    Phase.FAILED: "red",
    Phase.CANCELLED: "gray",
}

ROLE_ICONS = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/tune:",
}

PHASE_ICONS = {
    Phase.QUEUED: ":material/schedule:",
    Phase.STARTING: ":material/rocket_launch:",
    Phase.RUNNING: ":material/play_arrow:",
    Phase.PAUSING: ":material/pause:",
    Phase.PAUSED: ":material/pause:",
    Phase.CANCELLING: ":material/block:",
    Phase.COMPLETED: ":material/check:",
    Phase.FAILED: ":material/error:",
    Phase.CANCELLED: ":material/block:",
}

VERB_ICONS = {
    Verb.PAUSE: ":material/pause:",
    Verb.RESUME: ":material/play_arrow:",
    Verb.CANCEL: ":material/block:",
    Verb.CHECKPOINT: ":material/save:",
    Verb.RETRY: ":material/refresh:",
    Verb.SHRINK: ":material/compress:",
    Verb.MOVE: ":material/arrow_upward:",
}

STAGE_WORDS = {
    Stage.SPAWN: "Starting the process",
    Stage.IMPORTS: "Loading the libraries",
    Stage.CONFIG: "Checking the config",
    Stage.DATASET: "Preparing the dataset",
    Stage.MODEL: "Loading the model",
    Stage.TRAINING: "Training",
    Stage.EVALUATING: "Measuring the validation loss",
    Stage.SAVING: "Saving a checkpoint",
    Stage.ENDING: "Saving the result",
}

VERB_WORDS = {
    Verb.PAUSE: "Pausing",
    Verb.RESUME: "Resuming",
    Verb.CANCEL: "Cancelling",
    Verb.CHECKPOINT: "Saving a checkpoint",
    Verb.RETRY: "Trying again",
    Verb.SHRINK: "Halving the batch",
    Verb.MOVE: "Moving",
}

UNKNOWN = "\N{EN DASH}"

_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_JOINER = "\u2060"
# `:name:` and addresses are found in the text after the backslashes are gone.
_LIVE = re.compile(r"([:@])(?=\S)|(www)(?=\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """The text for a place that reads Markdown: nothing in it is formatted, linked or loaded."""
    broken = _LIVE.sub(lambda match: match.group() + _JOINER, text)
    lines = [_MARKDOWN.sub(r"\\\1", line.strip()) for line in broken.splitlines()]
    return "  \n".join(lines)


def shorten(text: str, length: int = 32) -> str:
    """The text, cut to a length that fits a row."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def phase_text(phase: Phase) -> str:
    """The phase as a word."""
    return phase.value.capitalize()


def phase_of(word: str) -> Phase | None:
    """The phase of that name; None for one of a newer version."""
    return Phase(word) if word in set(Phase) else None


def stage_text(stage: str) -> str:
    """What a live run is doing, in words; a stage of a newer version as it stands."""
    return STAGE_WORDS[Stage(stage)] if stage in set(Stage) else stage


def sentence(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def duration_text(seconds: float | None) -> str:
    """`42 s`, `2 min 05 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds is None or seconds < 0:
        return UNKNOWN
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def precise_text(seconds: float) -> str:
    """The duration, the finer the shorter it is: `< 0.01 s`, `0.04 s`, `4.2 s`, `42 s`."""
    if seconds < 0.995:
        return f"{seconds:.2f} s" if seconds >= 0.005 else "< 0.01 s"
    return f"{seconds:.1f} s" if seconds < 9.95 else duration_text(seconds)


def ago_text(at: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `2 d ago`."""
    seconds = (now - at).total_seconds()
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"


def moment_text(at: datetime | None, zone: tzinfo = UTC) -> str:
    """`2026-11-22 13:05:09` in the reader's time zone."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else UNKNOWN


def clock_text(at: datetime, zone: tzinfo = UTC) -> str:
    """`13:05:09` in the reader's time zone."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def count_text(number: float | None) -> str:
    """`1,234,567`."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def rows_text(count: int) -> str:
    """`1 row`, `1,234 rows`."""
    return "1 row" if count == 1 else f"{count_text(count)} rows"


def loss_text(loss: float | None) -> str:
    """Four digits after the point: `0.1234`."""
    return UNKNOWN if loss is None else f"{loss:.4f}"


def bytes_text(size: float) -> str:
    """`512 B`, `3.4 MB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return UNKNOWN


def gib_text(mib: int | None) -> str:
    """MiB as `8.1 GiB`."""
    return UNKNOWN if mib is None else f"{mib / 1024:.1f} GiB"


def steps_text(progress: Progress) -> str:
    """`120 of 1,000 steps`."""
    if not progress.total_steps:
        return f"{progress.step:,} steps" if progress.step else "no step yet"
    return f"{progress.step:,} of {progress.total_steps:,} steps"


def gpus_text(gpus: tuple[int, ...]) -> str:
    """`GPU 0`, `GPUs 0 and 1`, or `the CPU`."""
    if not gpus:
        return "the CPU"
    return f"GPU {gpus[0]}" if len(gpus) == 1 else "GPUs " + " and ".join(map(str, gpus))


def hyperparameter_texts(config: Mapping[str, Any]) -> list[str]:
    """The settings that matter most, in words: `12 epochs`, `learning rate 0.002`."""
    batch = [config.get(key) for key in ("micro_batch_size", "gradient_accumulation_steps")]
    texts = [
        _told("{} epochs", config.get("num_epochs")),
        _told("{} steps", config.get("max_steps")),
        _told("learning rate {}", config.get("learning_rate")),
        _told("batch {}", " \N{MULTIPLICATION SIGN} ".join(str(part) for part in batch if part)),
        _told("sequence length {}", config.get("sequence_len")),
        _told("rank {}", config.get("lora_r") if config.get("adapter") else None),
    ]
    return [text for text in texts if text]


def _told(template: str, value: Any) -> str:
    return template.format(value) if value else ""


def method_text(method: str) -> str:
    """`LoRA`, or `Full fine-tuning`."""
    return {"full": "Full fine-tuning", "": UNKNOWN}.get(method, method)


def model_text(base_model: str) -> str:
    """A base model by its short name: the last folder of a path, or the Hub ID."""
    return _last_part(base_model) if is_path(base_model) else base_model


def dataset_text(source: str) -> str:
    """A dataset by its short name: that of the upload, the file, or the Hub ID."""
    parts = [part for part in source.split("/") if part not in ("", ".")]
    if len(parts) > 2 and parts[-3] == "uploads":
        return parts[-2]
    return _last_part(source) if is_path(source) else source


def _last_part(source: str) -> str:
    return source.rstrip("/").rsplit("/", 1)[-1]
