"""Values that Axolotl itself would find out about late, or never."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from core.numbers import is_number
from core.spec.axolotl_schema import known_names, suggest
from core.spec.sources import dataset_entries

Config = dict[str, Any]

_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "learning_rate": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "num_epochs": (lambda value: value > 0, "above 0"),
    "max_steps": (lambda value: value > 0, "above 0"),
    "micro_batch_size": (lambda value: value >= 1, "at least 1"),
    "gradient_accumulation_steps": (lambda value: value >= 1, "at least 1"),
    "sequence_len": (lambda value: value >= 8, "at least 8 tokens"),
    "lora_r": (lambda value: value >= 1, "at least 1"),
    "lora_alpha": (lambda value: value >= 1, "at least 1"),
    "lora_dropout": (lambda value: 0 <= value < 1, "from 0 up to, but not, 1"),
    "val_set_size": (lambda value: value >= 0, "0 or more"),
    "weight_decay": (lambda value: value >= 0, "0 or more"),
    "warmup_ratio": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "warmup_steps": (lambda value: value >= 0, "0 or more"),
    "logging_steps": (lambda value: value > 0, "above 0"),
    "save_steps": (lambda value: value > 0, "above 0"),
    "eval_steps": (lambda value: value > 0, "above 0"),
    "save_total_limit": (lambda value: value >= 1, "at least 1"),
}


def find_value_problems(config: Config) -> list[str]:
    """One sentence per value or combination that cannot train. Types are taken as checked."""
    return [
        *_range_problems(config),
        *_name_problems(config),
        *_model_problems(config),
        *_data_problems(config),
    ]


def _range_problems(config: Config) -> Iterator[str]:
    for key, (allowed, expected) in _RANGES.items():
        value = _read_number(config.get(key))
        if value is not None and not allowed(value):
            yield f"`{key}` must be {expected}, not {config[key]}."


def _read_number(value: Any) -> float | None:
    """The number, also of a text: YAML reads 1e-4 as one. None when there is none to check."""
    if is_number(value):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return math.nan


def _name_problems(config: Config) -> Iterator[str]:
    for key, kind in (("optimizer", "optimizers"), ("lr_scheduler", "lr-schedulers")):
        value = config.get(key)
        if value is not None and value not in known_names(kind):
            yield f"`{key}: {value}` is not known.{suggest(str(value), known_names(kind))}"


def _model_problems(config: Config) -> Iterator[str]:
    if not str(config.get("base_model", "")).strip():
        yield "`base_model` is empty: name a folder or a Hub ID such as `org/name`."
    adapter = config.get("adapter")
    if (
        adapter in ("lora", "qlora")
        and not config.get("lora_r")
        and not config.get("lora_model_dir")
    ):
        yield "`lora_r` is missing: the rank of the adapter, for example 16."
    if config.get("load_in_4bit") and config.get("load_in_8bit"):
        yield "`load_in_4bit` and `load_in_8bit` exclude each other; keep one."
    if adapter == "qlora" and not config.get("load_in_4bit"):
        yield "`adapter: qlora` needs `load_in_4bit: true`."
    if adapter is None and (config.get("load_in_4bit") or config.get("load_in_8bit")):
        yield "A 4-bit or 8-bit model needs `adapter: qlora` or `adapter: lora`."


def _data_problems(config: Config) -> Iterator[str]:
    if not config.get("datasets") and not config.get("pretraining_dataset"):
        yield "`datasets` is missing: name at least one, with `path:` and `type:`."
    for where, entry in dataset_entries(config):
        yield from _dataset_problems(where, entry)
    has_validation = bool(config.get("val_set_size") or config.get("test_datasets"))
    if config.get("val_set_size") and config.get("test_datasets"):
        yield "`val_set_size` and `test_datasets` exclude each other; keep one."
    if config.get("eval_steps") and not has_validation:
        yield "`eval_steps` needs validation data: set `val_set_size` (for example 0.05)."


def _dataset_problems(where: str, entry: Config) -> Iterator[str]:
    if not entry.get("path"):
        yield f"`{where}.path` is missing."
    kind = entry.get("type")
    types = known_names("dataset-types")
    # `alpaca:chat` is a strategy with a prompt style behind a colon.
    if isinstance(kind, str) and kind.split(":")[0] not in types:
        yield f"`{where}.type: {kind}` is no prompt strategy of Axolotl.{suggest(kind, types)}"
