"""What the form of a new run holds, and the spec it stands for. Pure: values in, values out."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.dataset.block import axolotl_block
from core.dataset.card import Dataset
from core.safe_yaml import dump_yaml

METHODS = ("lora", "qlora", "full")
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
LEARNING_RATES = {"lora": 2e-4, "qlora": 2e-4, "full": 2e-5}
OPTIMIZERS = {"lora": "adamw_torch", "qlora": "adamw_8bit", "full": "adamw_8bit"}
UPLOADED = re.compile(r"(?:\./)?uploads/(?P<name>[^/]+)/train\.jsonl")
CHARACTERS_PER_TOKEN = 4
MAX_LOGGED = 500


@dataclass(frozen=True)
class Draft:
    """The form's values, with defaults for little data and a card of 12 GB.

    `extra` holds Axolotl keys of a preset or an earlier run that the form has no field for.
    """

    name: str = ""
    base_model: str = "./models/starter"
    dataset: str = ""
    method: str = "lora"
    num_epochs: float = 3.0
    learning_rate: float = 2e-4
    micro_batch_size: int = 2
    gradient_accumulation_steps: int = 4
    sequence_len: int = 1024
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    gpus: int = 1
    precision: str = "auto"
    val_set_size: float = 0.0
    sample_packing: bool = False
    seed: int = 42
    gradient_checkpointing: bool = True
    chat_template: str = "tokenizer_default"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def effective_batch(self) -> int:
        """Rows that one step of training learns from."""
        return self.micro_batch_size * self.gradient_accumulation_steps * max(1, self.gpus)


LIMITS: dict[str, tuple[float, float]] = {
    "num_epochs": (0.01, 1000.0),
    "learning_rate": (0.0, 1.0),
    "micro_batch_size": (1, 1024),
    "gradient_accumulation_steps": (1, 4096),
    "sequence_len": (8, 1_048_576),
    "lora_r": (1, 1024),
    "lora_alpha": (1, 4096),
    "lora_dropout": (0.0, 0.95),
    "val_set_size": (0.0, 1_000_000.0),
    "seed": (0, 2**31 - 1),
}
"""What the form's numbers can be."""

OWN_KEYS = frozenset(Draft.__dataclass_fields__) | {
    "run",
    "datasets",
    "test_datasets",
    "adapter",
    "load_in_4bit",
    "load_in_8bit",
    "bf16",
    "fp16",
    "tf32",
}
"""Keys of a spec that the form has a field for."""

RUN_KEYS = ("name", "gpus")
"""Keys of the `run` block that the form has a field for."""

LORA_KEYS = ("lora_target_linear", "lora_target_modules", "peft_use_dora", "peft_use_rslora")


def to_spec(draft: Draft, dataset: Dataset) -> dict[str, Any]:
    """The spec, in an order in which it reads well.

    Raises DatasetError when Axolotl could not read the dataset.
    """
    block = axolotl_block(dataset)
    spec: dict[str, Any] = {"run": {"name": draft.name, "gpus": draft.gpus}}
    spec["run"] |= draft.extra.get("run") or {}
    spec["base_model"] = draft.base_model
    if dataset.kind == "chat":
        spec["chat_template"] = draft.chat_template
    spec |= block
    has_validation = "test_datasets" in block
    if draft.val_set_size and not has_validation:
        spec["val_set_size"] = draft.val_set_size
        has_validation = True
    spec |= _method_keys(draft) | _batch_keys(draft) | _memory_keys(draft)
    spec |= _rhythm_keys(draft, dataset, has_validation)
    return _with_extra(spec, draft, has_validation)


def to_yaml(draft: Draft, dataset: Dataset) -> str:
    """The spec as the text that is dropped into the queue."""
    return dump_yaml(to_spec(draft, dataset))


def from_spec(config: Mapping[str, Any]) -> Draft:
    """The form's values for a preset or an earlier run, as far as it has fields for them."""
    block = config.get("run")
    run = block if isinstance(block, Mapping) else {}
    known: dict[str, Any] = {}
    for name in LIMITS:
        _take(known, config, name, type(getattr(Draft, name)))
    for name in ("sample_packing", "gradient_checkpointing"):
        _take(known, config, name, bool)
    for name in ("base_model", "chat_template"):
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
        extra=_extra_of(config, run),
        **known,
    )


def count_steps(draft: Draft, dataset: Dataset) -> int:
    """About how many steps of training it will be; less with sample packing."""
    rows = dataset.rows
    if not dataset.validation_rows and draft.val_set_size:
        aside = draft.val_set_size if draft.val_set_size >= 1 else rows * draft.val_set_size
        rows = max(1, rows - round(aside))
    return max(1, math.ceil(rows / draft.effective_batch * draft.num_epochs))


def find_doubts(draft: Draft, dataset: Dataset) -> list[str]:
    """What will run, but perhaps not as meant; one sentence each."""
    doubts = []
    tokens = dataset.report.longest_characters / CHARACTERS_PER_TOKEN
    if dataset.kind == "chat" and tokens > draft.sequence_len:
        doubts.append(
            f"The longest row has about {tokens:,.0f} tokens. Rows longer than the sequence "
            f"length ({draft.sequence_len:,}) are left out of the training."
        )
    aside = draft.val_set_size
    if 0 < aside < 1 and not dataset.validation_rows and round(aside * dataset.rows) < 1:
        doubts.append(f"{aside:g} of {dataset.rows:,} rows is less than one row to validate on.")
    if draft.effective_batch > dataset.rows:
        doubts.append(
            f"One step takes {draft.effective_batch:,} rows, and the dataset has {dataset.rows:,}."
        )
    if draft.method == "qlora" and draft.gpus == 0:
        doubts.append("QLoRA saves memory on a GPU; on the CPU it only costs time.")
    return doubts


def _method_keys(draft: Draft) -> dict[str, Any]:
    if draft.method == "full":
        return {}
    keys: dict[str, Any] = {"adapter": draft.method}
    if draft.method == "qlora":
        keys["load_in_4bit"] = True
    return keys | {
        "lora_r": draft.lora_r,
        "lora_alpha": draft.lora_alpha,
        "lora_dropout": draft.lora_dropout,
        "lora_target_linear": True,
    }


def _batch_keys(draft: Draft) -> dict[str, Any]:
    return {
        "sequence_len": draft.sequence_len,
        "sample_packing": draft.sample_packing,
        "micro_batch_size": draft.micro_batch_size,
        "gradient_accumulation_steps": draft.gradient_accumulation_steps,
        "num_epochs": draft.num_epochs,
        "optimizer": OPTIMIZERS[draft.method],
        "learning_rate": draft.learning_rate,
        "lr_scheduler": "cosine",
        "warmup_ratio": 0.05,
    }


def _memory_keys(draft: Draft) -> dict[str, Any]:
    keys: dict[str, Any] = {"bf16": "auto"}
    if draft.gpus == 0 or draft.precision == "fp32":
        keys = {"bf16": False, "fp16": False}
    elif draft.precision == "fp16":
        keys = {"bf16": False, "fp16": True}
    elif draft.precision == "bf16":
        keys = {"bf16": True}
    keys["gradient_checkpointing"] = draft.gradient_checkpointing
    if draft.gradient_checkpointing:
        # The older way of recomputing fails when several GPUs train an adapter.
        keys["gradient_checkpointing_kwargs"] = {"use_reentrant": False}
    return keys | {"seed": draft.seed}


def _rhythm_keys(draft: Draft, dataset: Dataset, has_validation: bool) -> dict[str, Any]:
    """How often to log, validate and save."""
    keys: dict[str, Any] = {
        "logging_steps": max(1, count_steps(draft, dataset) // MAX_LOGGED),
        "saves_per_epoch": 1,
        "save_total_limit": 2,
    }
    if has_validation:
        keys["evals_per_epoch"] = 2
    return keys


EXCLUSIVE = {
    "save_steps": ("saves_per_epoch",),
    "save_strategy": ("saves_per_epoch",),
    "eval_steps": ("evals_per_epoch",),
    "eval_strategy": ("evals_per_epoch",),
    "warmup_steps": ("warmup_ratio",),
    "max_steps": (),
    "lora_target_modules": ("lora_target_linear",),
}
"""Keys of a preset in whose presence our own would contradict it."""


def _with_extra(spec: dict[str, Any], draft: Draft, has_validation: bool) -> dict[str, Any]:
    for key, value in draft.extra.items():
        if key in OWN_KEYS or value is None:
            continue
        if draft.method == "full" and (key.startswith("lora_") or key in LORA_KEYS):
            continue
        if key.startswith("eval") and not has_validation:
            continue
        for own in EXCLUSIVE.get(key, ()):
            spec.pop(own, None)
        spec[key] = value
    if not draft.gradient_checkpointing:
        spec.pop("gradient_checkpointing_kwargs", None)
    return spec


def _extra_of(config: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """What the form has no field for, the rest of the `run` block under `run`."""
    extra = {key: config[key] for key in config if key not in OWN_KEYS}
    rest = {key: run[key] for key in run if key not in RUN_KEYS}
    return extra | ({"run": rest} if rest else {})


def _take(known: dict[str, Any], config: Mapping[str, Any], name: str, kind: type) -> None:
    """Take over a value of the right kind; anything else leaves the default."""
    value = config.get(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
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
    first = entries[0] if isinstance(entries, list) and entries else {}
    path = str(first.get("path", "")) if isinstance(first, Mapping) else ""
    match = UPLOADED.fullmatch(path)
    return match["name"] if match else ""


def _gpu_count(gpus: Any) -> int:
    if isinstance(gpus, list):
        return len(gpus)
    return gpus if isinstance(gpus, int) and not isinstance(gpus, bool) else 1


def _precision_of(config: Mapping[str, Any]) -> str:
    if config.get("bf16") is True:
        return "bf16"
    if config.get("fp16") is True:
        return "fp16"
    is_off = config.get("bf16") is False and config.get("fp16") in (None, False)
    return "fp32" if is_off else "auto"
