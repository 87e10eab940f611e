"""From the form of a new run to the spec it stands for. Pure: values in, values out."""

import math
from typing import Any

from core.dataset.block import axolotl_block
from core.dataset.card import Dataset
from core.safe_yaml import dump_yaml
from core.spec.draft import OWN_KEYS, OWN_TEMPLATE, Draft
from core.spec.draft_steps import count_steps, steps_per_epoch

OPTIMIZERS = {"lora": "adamw_torch", "qlora": "adamw_8bit", "full": "adamw_8bit"}
MAX_LOGGED = 500
STEPS_PER_SAVE = 500
LORA_KEYS = ("lora_target_linear", "lora_target_modules", "peft_use_dora", "peft_use_rslora")


def to_spec(draft: Draft, dataset: Dataset) -> dict[str, Any]:
    """The spec, in an order in which it reads well.

    Raises DatasetError when Axolotl could not read the dataset.
    """
    block = axolotl_block(dataset, draft.rl)
    spec: dict[str, Any] = {"run": {"name": draft.name, "gpus": draft.gpus}}
    spec["run"] |= draft.extra.get("run") or {}
    spec["base_model"] = draft.base_model
    if dataset.kind in ("chat", "preference"):
        spec["chat_template"] = draft.chat_template
    if dataset.kind == "chat" and draft.turn_end and draft.chat_template == OWN_TEMPLATE:
        # Left alone, Axolotl takes the eos token for the end, and the real one goes unlearned.
        spec["eot_tokens"] = [draft.turn_end]
    spec |= block
    has_validation = "test_datasets" in block
    if draft.val_set_size and not has_validation:
        spec["val_set_size"] = draft.val_set_size
        has_validation = True
    spec |= _method_keys(draft) | _batch_keys(draft) | _memory_keys(draft)
    if "rl" in block:
        # Axolotl packs no pairs.
        spec["sample_packing"] = False
    spec |= _rhythm_keys(draft, dataset, has_validation)
    return _with_extra(spec, draft, has_validation)


def to_yaml(draft: Draft, dataset: Dataset) -> str:
    """The spec as the text that is dropped into the queue."""
    return dump_yaml(to_spec(draft, dataset))


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
        "saves_per_epoch": max(1, round(steps_per_epoch(draft, dataset) / STEPS_PER_SAVE)),
        "save_total_limit": 2,
    }
    if has_validation:
        # Axolotl validates not at all when the first time would come after the end.
        keys["evals_per_epoch"] = max(2, math.ceil(2 / draft.num_epochs))
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
