"""From a preset or an earlier run to the form, and what the form cannot hold of it."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.numbers import is_whole
from core.spec.draft import LEARNING_RATES, LIMITS, OWN_KEYS, OWN_TEMPLATE, RUN_KEYS, Draft

UPLOADED = re.compile(r"(?:\./)?uploads/(?P<name>[^/]+)/(?P<file>train|validation)\.jsonl")
ENTRY_KEYS = frozenset(
    {"path", "ds_type", "split", "type", "field", "field_messages", "message_property_mappings"}
)
"""What the form writes about a dataset by itself."""
SWITCHES = ("sample_packing", "gradient_checkpointing")
WORDS = ("base_model", "chat_template", "rl")


def from_spec(config: Mapping[str, Any]) -> Draft:
    """The form's values for a preset or an earlier run, as far as it has fields for them."""
    block = config.get("run")
    run = block if isinstance(block, Mapping) else {}
    known: dict[str, Any] = {}
    for name in LIMITS:
        _take(known, config, name, type(getattr(Draft, name)))
    for name in SWITCHES:
        _take(known, config, name, bool)
    for name in WORDS:
        _take(known, config, name, str)
    method = _method_of(config)
    return replace(
        # A spec that says nothing of it does without.
        Draft(learning_rate=LEARNING_RATES[method], gradient_checkpointing=False),
        name=str(run.get("name") or ""),
        dataset=_dataset_of(config),
        method=method,
        gpus=_gpu_count(run.get("gpus", 1)),
        precision=_precision_of(config),
        turn_end=_turn_end_of(config),
        extra=_extra_of(config, run),
        **known,
    )


def find_losses(config: Mapping[str, Any]) -> list[str]:
    """The keys that the form has no field for and does not keep either."""
    draft = from_spec(config)
    losses = [*_data_losses(config, draft.dataset), *_memory_losses(config)]
    for name in (*LIMITS, *SWITCHES, *WORDS):
        if config.get(name) is not None and config[name] != getattr(draft, name):
            losses.append(name)
    block = config.get("run")
    if isinstance(block, Mapping) and isinstance(block.get("gpus"), list):
        losses.append("run.gpus")
    return losses


def _data_losses(config: Mapping[str, Any], dataset: str) -> list[str]:
    losses = []
    for key, file in (("datasets", "train"), ("test_datasets", "validation")):
        entries = config.get(key)
        if not entries:
            continue
        entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
        match = UPLOADED.fullmatch(_path_of(entry))
        if not isinstance(entry, Mapping) or not match or match.group(1, 2) != (dataset, file):
            losses.append(key)
        else:
            losses += [f"{key}[0].{name}" for name in entry if name not in ENTRY_KEYS]
    return losses


def _memory_losses(config: Mapping[str, Any]) -> list[str]:
    adapter, quarter = config.get("adapter"), config.get("load_in_4bit")
    losses = [key for key in ("load_in_8bit", "tf32") if config.get(key)]
    if adapter not in (None, "lora", "qlora"):
        losses.append("adapter")
    if bool(quarter) != (adapter == "qlora"):
        losses.append("load_in_4bit")
    losses += [
        key for key in ("bf16", "fp16") if config.get(key) not in (None, True, False, "auto")
    ]
    return losses


def _extra_of(config: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """What the form has no field for, the rest of the `run` block under `run`."""
    extra = {key: config[key] for key in config if key not in OWN_KEYS}
    if _turn_end_of(config):
        del extra["eot_tokens"]
    rest = {key: run[key] for key in run if key not in RUN_KEYS}
    return extra | ({"run": rest} if rest else {})


def _take(known: dict[str, Any], config: Mapping[str, Any], name: str, kind: type) -> None:
    """Take over a value of the right kind; anything else leaves the default."""
    value = config.get(name)
    if kind is float and is_whole(value):
        value = float(value)
    if kind is int and isinstance(value, bool):
        return
    low, high = LIMITS.get(name, (-math.inf, math.inf))
    if isinstance(value, kind) and (not isinstance(value, int | float) or low <= value <= high):
        known[name] = value


def _method_of(config: Mapping[str, Any]) -> str:
    adapter = config.get("adapter")
    return str(adapter) if adapter in ("lora", "qlora") else "full"


def _dataset_of(config: Mapping[str, Any]) -> str:
    entries = config.get("datasets")
    match = UPLOADED.fullmatch(
        _path_of(entries[0] if isinstance(entries, list) and entries else None)
    )
    return match["name"] if match and match["file"] == "train" else ""


def _path_of(entry: Any) -> str:
    return str(entry.get("path", "")) if isinstance(entry, Mapping) else ""


def _turn_end_of(config: Mapping[str, Any]) -> str:
    """The end of a turn that belongs to the model's own template and not to the person's wishes."""
    tokens = config.get("eot_tokens")
    is_own = config.get("chat_template") == OWN_TEMPLATE
    is_one = isinstance(tokens, list) and len(tokens) == 1 and isinstance(tokens[0], str)
    return tokens[0] if isinstance(tokens, list) and is_own and is_one else ""


def _gpu_count(gpus: Any) -> int:
    if isinstance(gpus, list):
        return len(gpus)
    return gpus if is_whole(gpus) else 1


def _precision_of(config: Mapping[str, Any]) -> str:
    if config.get("bf16") is True:
        return "bf16"
    if config.get("fp16") is True:
        return "fp16"
    is_off = config.get("bf16") is False and config.get("fp16") in (None, False)
    return "fp32" if is_off else "auto"
